/* Calls from libevent into Python, by CPython's own functions instead of cffi's closures.
 *
 * A closure of cffi costs a call through libffi, an object for each argument and a look-up of the function, about
 * 2,000 instructions. Here an event's argument is the Python object itself, and its callback is an attribute.
 * The object is kept alive by the binding for as long as libevent may call.
 *
 * No header of Python or libevent is included, so one build serves every Python: it is given the addresses of the
 * functions that it calls. They are in CPython's stable ABI. Nothing is allocated here. */
#include <stddef.h>

typedef void object; /* PyObject */

enum { VERSION = 1, ROOM = 256 };
static const size_t ARGUMENTS_OFFSET = (size_t)1 << (8 * sizeof(size_t) - 1); /* PY_VECTORCALL_ARGUMENTS_OFFSET */

/* In the order of `FUNCTIONS` in calls.py. */
static struct {
    int (*ensure)(void);
    void (*release)(int);
    object *(*vectorcall)(object *, object *const *, size_t, object *);
    object *(*get_attribute)(object *, object *);
    int (*set_attribute)(object *, object *, object *);
    int (*append)(object *, object *);
    object *(*from_long)(long);
    void (*take)(object *);
    void (*leave)(object *);
    void (*fetch)(object **, object **, object **);
    void (*normalize)(object **, object **, object **);
    void (*unraisable)(object *);
    int (*loop)(void *, int);
} python;

/* In the order of `OBJECTS` in calls.py. */
static struct {
    object *callback, *fire, *failed, *revents, *none;
} names;

/* What a round of this thread's loop has seen; Python's list gets it when the round is over. */
static _Thread_local struct {
    object *list;
    size_t count;
    struct {
        object *watcher;
        long revents;
    } notes[ROOM];
} seen;

int crossloop_calls_version(void) { return VERSION; }

void crossloop_calls_begin(void **functions, void **objects) {
    for (size_t i = 0; i < sizeof python / sizeof *functions; i++) ((void **)&python)[i] = functions[i];
    for (size_t i = 0; i < sizeof names / sizeof *objects; i++) ((void **)&names)[i] = objects[i];
}

/* An exception passes no C: *object* is told of it, by its method `failed`(kind, error, traceback). */
static void tell_of_error(object *of) {
    object *error[4] = {NULL}, *failed, *result = NULL;
    python.fetch(error + 1, error + 2, error + 3);
    python.normalize(error + 1, error + 2, error + 3);
    for (int i = 1; i < 4; i++) {
        if (error[i]) continue;
        error[i] = names.none;
        python.take(names.none);
    }
    if ((failed = python.get_attribute(of, names.failed))) {
        result = python.vectorcall(failed, error + 1, 3 | ARGUMENTS_OFFSET, NULL);
        python.leave(failed);
    }
    for (int i = 1; i < 4; i++) python.leave(error[i]);
    if (result)
        python.leave(result);
    else
        python.unraisable(of);
}

/* Move what was seen into the list, with the interpreter's lock. */
static void hand_over(void) {
    int state = python.ensure();
    for (size_t i = 0; i < seen.count; i++) {
        object *watcher = seen.notes[i].watcher, *revents = python.from_long(seen.notes[i].revents);
        if (!revents || python.set_attribute(watcher, names.revents, revents) || python.append(seen.list, watcher))
            python.unraisable(watcher);
        if (revents) python.leave(revents);
    }
    seen.count = 0;
    python.release(state);
}

/* `event.NAME(fd, what)`. The callback may drop the event, so it is held meanwhile, and watchers that are noted: they
 * are handed over before. */
static void call(object *event, object *name, int fd, short what) {
    int state = python.ensure();
    python.take(event);
    if (seen.count) hand_over();
    object *arguments[3] = {NULL, python.from_long(fd), python.from_long(what)}, *result = NULL;
    object *callback = python.get_attribute(event, name);
    if (callback && arguments[1] && arguments[2])
        result = python.vectorcall(callback, arguments + 1, 2 | ARGUMENTS_OFFSET, NULL);
    if (result)
        python.leave(result);
    else
        tell_of_error(event);
    if (callback) python.leave(callback);
    for (int i = 1; i < 3; i++)
        if (arguments[i]) python.leave(arguments[i]);
    python.leave(event);
    python.release(state);
}

/* What libevent calls for an event that persists, and for one that ends. */
void crossloop_calls_persistent(int fd, short what, void *event) { call(event, names.callback, fd, what); }

void crossloop_calls_once(int fd, short what, void *event) { call(event, names.fire, fd, what); }

/* What libevent calls for a watcher of gevent's: it is noted, without the interpreter's lock. gevent's READ and WRITE are
 * half of libevent's. */
void crossloop_calls_note(int fd, short what, void *watcher) {
    (void)fd;
    if (seen.count == ROOM) hand_over();
    seen.notes[seen.count].watcher = watcher;
    seen.notes[seen.count++].revents = what >> 1;
}

/* event_base_loop; then *list* has the watchers that it has seen, each with its `revents`. */
int crossloop_calls_round(void *list, void *base, int flags) {
    object *outer = seen.list; /* a callback of one loop may run another */
    seen.list = list;
    int status = python.loop(base, flags);
    if (seen.count) hand_over();
    seen.list = outer;
    return status;
}
