/* c-libuv: an echo server on libuv's streams and datagrams, read by libuv itself into a buffer that the program lends.
 *
 * What was read is sent at once by uv_try_write, as libuv's documentation has it for the common case; only what the
 * kernel does not take is copied and queued by uv_write, and the stream is not read from until it has gone.
 * Out of descriptors libuv helps itself: it accepts a client too many and closes it at once. */
#define _GNU_SOURCE
#include <uv.h>

#include "server.h"

struct rest {
    uv_write_t request; /* first, so that one address is both */
    uv_buf_t left;
};

union stream {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

static uv_loop_t *loop;

static void on_closed(uv_handle_t *handle) { free(handle); }

static void end(uv_stream_t *stream) {
    if (!uv_is_closing((uv_handle_t *)stream)) uv_close((uv_handle_t *)stream, on_closed);
}

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle, (void)suggested;
    *buffer = uv_buf_init(received, sizeof received);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void on_written(uv_write_t *request, int status) {
    struct rest *rest = (struct rest *)request;
    uv_stream_t *stream = request->handle;
    free(rest->left.base);
    free(rest);
    if (status < 0 || uv_read_start(stream, lend, on_read) < 0) end(stream);
}

static void keep(uv_stream_t *stream, const char *data, size_t size) {
    struct rest *rest = calloc(1, sizeof *rest);
    char *copy = malloc(size);
    if (rest == NULL || copy == NULL) fail("malloc");
    memcpy(copy, data, size);
    rest->left = uv_buf_init(copy, (unsigned)size);
    uv_read_stop(stream);
    if (uv_write(&rest->request, stream, &rest->left, 1, on_written) < 0) {
        free(copy);
        free(rest);
        end(stream);
    }
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    if (got < 0) {
        end(stream);
        return;
    }
    if (got == 0) return; /* EAGAIN */
    uv_buf_t data = uv_buf_init(buffer->base, (unsigned)got);
    int sent = uv_try_write(stream, &data, 1);
    if (sent == got) return;
    if (sent < 0 && sent != UV_EAGAIN) end(stream);
    else keep(stream, data.base + (sent < 0 ? 0 : sent), (size_t)(got - (sent < 0 ? 0 : sent)));
}

static void on_client(uv_stream_t *server, int status) {
    if (status < 0) return;
    union stream *client = calloc(1, sizeof *client);
    if (client == NULL) fail("calloc");
    if ((bound_path ? uv_pipe_init(loop, &client->pipe, 0) : uv_tcp_init(loop, &client->tcp)) < 0) fail("uv_tcp_init");
    if (uv_accept(server, &client->stream) < 0) {
        end(&client->stream);
        return;
    }
#ifndef __linux__
    if (!bound_path) uv_tcp_nodelay(&client->tcp, 1); /* on Linux it comes from the listener */
#endif
    if (uv_read_start(&client->stream, lend, on_read) < 0) end(&client->stream);
}

static void on_datagram(
    uv_udp_t *udp, ssize_t got, const uv_buf_t *buffer, const struct sockaddr *peer, unsigned flags
) {
    (void)flags;
    if (got < 0 || peer == NULL) return; /* an error of one datagram, or nothing left */
    uv_buf_t data = uv_buf_init(buffer->base, (unsigned)got);
    uv_udp_try_send(udp, &data, 1, peer); /* what the kernel does not take is lost, as it might be in a network */
}

static void serve_streams(union stream *server, int listener) {
    int wrong = bound_path ? uv_pipe_init(loop, &server->pipe, 0) || uv_pipe_open(&server->pipe, listener)
                           : uv_tcp_init(loop, &server->tcp) || uv_tcp_open(&server->tcp, listener);
    if (wrong || uv_listen(&server->stream, BACKLOG, on_client) < 0) fail("uv_listen");
}

static void serve_datagrams(uv_udp_t *server, int socket) {
    if (uv_udp_init(loop, server) < 0 || uv_udp_open(server, socket) < 0) fail("uv_udp_open");
    if (uv_udp_recv_start(server, lend, on_datagram) < 0) fail("uv_udp_recv_start");
}

static void on_supervisor(uv_poll_t *poll, int status, int events) {
    (void)poll, (void)status, (void)events;
    heed_supervisor();
}

/* libuv has no name for what it waits with: the kernel says what its descriptor is (proc_pid_fd(5)). */
static const char *mechanism(void) {
#ifdef __linux__
    char link[40], kind[64] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", uv_backend_fd(loop));
    ssize_t size = readlink(link, kind, sizeof kind - 1);
    return size > 0 && strstr(kind, "eventpoll") ? "epoll" : "not known";
#else
    return "kqueue";
#endif
}

int main(int count, char **words) {
    struct options options;
    union stream server;
    uv_udp_t datagrams;
    uv_poll_t supervisor;
    read_options(&options, count, words);
    settle(&options);
    loop = uv_default_loop();
    if (loop == NULL) fail("uv_default_loop");
    if (options.describe) describe("libuv", uv_version_string(), mechanism(), (const void *)uv_version_string);
    int listener = listening(&options);
    if (options.udp) serve_datagrams(&datagrams, listener);
    else serve_streams(&server, listener);
    if (options.supervised) {
        if (uv_poll_init(loop, &supervisor, STDIN_FILENO) < 0) fail("uv_poll_init");
        uv_poll_start(&supervisor, UV_READABLE, on_supervisor);
    }
    say_ready(listener);
    uv_run(loop, UV_RUN_DEFAULT);
    fail("uv_run ended");
}
