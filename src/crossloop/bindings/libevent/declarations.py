"""What the binding uses of libevent's ABI, and the generator of `_abi.py`.

    python -m crossloop.bindings.libevent.declarations

writes `_abi.py` with cffi's out-of-line ABI mode: no compiler, no header, and nothing is parsed when a
program imports it. Run it after a change below; a test compares the two.

The ABI is that of libevent 2.1 (`event2/event.h`, `event2/bufferevent.h`, `event2/buffer.h`; of libevent_extra
`event2/http.h`). Four choices make one text fit every 64-bit platform:

- `struct event` and the other structures are opaque, `void *`. The memory of an event is Python's, as
  large as `event_get_struct_event_size()` says: the size differs between platforms and releases.
- `evutil_socket_t` is `int`, on Windows `intptr_t`. As an argument of a call it is declared `intptr_t`:
  it travels in a register, of which the callee reads as much as it wants. As an argument *of a
  callback* it is declared `int`, because the upper half of that register means nothing where the C
  type is `int`; on Windows socket handles have 32 significant bits (Microsoft, "Interprocess
  Communication Between 32-bit and 64-bit Applications").
- the callback's last argument is `void *` to libevent and `intptr_t` here: it carries a key, and a
  number costs less to convert than a handle that has to be kept alive. For `calls.c` it carries the address of a
  Python object (`id`).
- `struct timeval` is two `long`: exact on 64-bit Unix and on Windows. On macOS `tv_usec` is an `int`
  followed by padding, which a little-endian `long` fills alike; no value is read back from it.

Where `long` has 32 bits on Unix the layout depends on the age of the distribution (64-bit `time_t`), so
the binding refuses to load there.
"""

import sys
from pathlib import Path

CDEF = """
struct timeval { long tv_sec; long tv_usec; };

typedef void (*event_callback)(int fd, short what, intptr_t key);
typedef void (*log_callback)(int severity, const char *message);

/* event2/event.h: the library */
const char *event_get_version(void);
uint32_t event_get_version_number(void);
const char **event_get_supported_methods(void);
size_t event_get_struct_event_size(void);
void event_set_log_callback(log_callback);

/* event2/event.h: configuration and base */
void *event_config_new(void);
void event_config_free(void *config);
int event_config_avoid_method(void *config, const char *method);
int event_config_set_flag(void *config, int flag);
void *event_base_new_with_config(const void *config);
void event_base_free(void *base);
int event_reinit(void *base);
const char *event_base_get_method(const void *base);
int event_base_loop(void *base, int flags);
int event_base_loopbreak(void *base);

/* event2/event.h: events */
int event_assign(void *event, void *base, intptr_t fd, short what, event_callback, intptr_t key);
int event_add(void *event, const struct timeval *timeout);
int event_del(void *event);

/* event2/bufferevent.h, event2/buffer.h */
typedef void (*bufferevent_data_callback)(void *buffered, intptr_t key);
typedef void (*bufferevent_event_callback)(void *buffered, short what, intptr_t key);
void *bufferevent_socket_new(void *base, intptr_t fd, int options);
void bufferevent_free(void *buffered);
void bufferevent_setcb(void *buffered, bufferevent_data_callback on_read, bufferevent_data_callback on_write,
                       bufferevent_event_callback on_event, intptr_t key);
int bufferevent_enable(void *buffered, short what);
int bufferevent_disable(void *buffered, short what);
int bufferevent_set_max_single_read(void *buffered, size_t size);
void bufferevent_setwatermark(void *buffered, short what, size_t low, size_t high);
int bufferevent_write(void *buffered, const void *data, size_t size);
size_t bufferevent_read(void *buffered, void *data, size_t size);
void *bufferevent_get_output(void *buffered);
void *evbuffer_new(void);
void evbuffer_free(void *buffer);
int evbuffer_add(void *buffer, const void *data, size_t size);
size_t evbuffer_get_length(const void *buffer);

/* event2/http.h, in libevent_extra: the server */
typedef void (*evhttp_callback)(void *request, intptr_t key);
typedef void *(*evhttp_bufferevent_callback)(void *base, intptr_t key);
void *evhttp_new(void *base);
void evhttp_free(void *http);
int evhttp_accept_socket(void *http, intptr_t fd);
void evhttp_set_gencb(void *http, evhttp_callback, intptr_t key);
void evhttp_set_bevcb(void *http, evhttp_bufferevent_callback, intptr_t key);
void evhttp_set_max_headers_size(void *http, ssize_t size);

/* event2/http.h: a request and its answer */
int evhttp_request_get_command(const void *request);
const void *evhttp_request_get_evhttp_uri(const void *request);
const char *evhttp_uri_get_path(const void *uri);
void *evhttp_request_get_output_buffer(void *request);
void *evhttp_request_get_output_headers(void *request);
int evhttp_add_header(void *headers, const char *name, const char *value);
void evhttp_send_reply(void *request, int status, const char *reason, void *body);
void evhttp_send_reply_start(void *request, int status, const char *reason);
void evhttp_send_reply_chunk(void *request, void *piece);
void evhttp_send_reply_end(void *request);

/* http-internal.h: what reads the first line of a request; exported for libevent's own tests */
int evhttp_parse_firstline_(void *request, void *buffer);

/* CPython's stable ABI: what calls.c calls. An object is a pointer */
int PyGILState_Ensure(void);
void PyGILState_Release(int state);
void *PyObject_Vectorcall(void *callable, void *arguments, size_t count, void *names);
void *PyObject_GetAttr(void *object, void *name);
int PyObject_SetAttr(void *object, void *name, void *value);
int PyList_Append(void *list, void *object);
void *PyLong_FromLong(long number);
void Py_IncRef(void *object);
void Py_DecRef(void *object);
void PyErr_Fetch(void **kind, void **error, void **traceback);
void PyErr_NormalizeException(void **kind, void **error, void **traceback);
void PyErr_WriteUnraisable(void *object);

/* calls.c */
int crossloop_calls_version(void);
void crossloop_calls_begin(void **functions, void **objects);
void crossloop_calls_persistent(int fd, short what, intptr_t event);
void crossloop_calls_once(int fd, short what, intptr_t event);
void crossloop_calls_note(int fd, short what, intptr_t watcher);
int crossloop_calls_round(intptr_t list, void *base, int flags);
"""

MODULE = "crossloop.bindings.libevent._abi"
TARGET = Path(__file__).with_name("_abi.py")
HEADER = (
    '"""Generated by `python -m crossloop.bindings.libevent.declarations`; change it there."""\n'
    "# mypy: ignore-errors\n# ruff: noqa\n# fmt: off\n"
)


def generate(target: Path = TARGET) -> Path:
    """Write the module that `CDEF` compiles to; needs cffi and pycparser, and no compiler."""
    from cffi import FFI  # needed to generate, not to run

    ffi = FFI()
    ffi.set_source(MODULE, None)
    ffi.cdef(CDEF)
    ffi.emit_python_code(str(target))
    target.write_text(HEADER + target.read_text(encoding="utf-8"), encoding="utf-8")
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{generate()}\n")
