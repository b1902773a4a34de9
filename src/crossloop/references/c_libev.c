/* c-libev: an echo server on libev's ev_io watchers, as its manual shows them. */
#define _GNU_SOURCE
#include <ev.h>

#include "server.h"

/* libev's macros reach a watcher's fields by way of another type, and its manual says to expect the warning. */
#pragma GCC diagnostic ignored "-Wstrict-aliasing"

struct client {
    ev_io watcher; /* first, so that one address is both */
    struct connection connection;
};

static ev_io listening_watcher, supervisor_watcher;
static int paused, open_count;

static void end(struct ev_loop *loop, struct client *client) {
    ev_io_stop(loop, &client->watcher);
    release(&client->connection);
    free(client);
    open_count--;
    if (paused) {
        ev_io_start(loop, &listening_watcher);
        paused = 0;
    }
}

static void on_ready(struct ev_loop *loop, ev_io *watcher, int events) {
    struct client *client = (struct client *)watcher;
    int wrote = client->connection.rest != NULL;
    enum next next = turn(&client->connection);
    (void)events;
    if (next == CLOSE_NEXT) end(loop, client);
    else if (wrote != (next == WRITE_NEXT)) {
        ev_io_stop(loop, watcher);
        ev_io_set(watcher, watcher->fd, next == WRITE_NEXT ? EV_WRITE : EV_READ);
        ev_io_start(loop, watcher);
    }
}

static void on_client(struct ev_loop *loop, ev_io *watcher, int events) {
    int fd = accepted(watcher->fd);
    (void)events;
    if (fd < 0) {
        if (out_of_resources(errno) && open_count) {
            ev_io_stop(loop, watcher);
            paused = 1;
        }
        return;
    }
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) fail("calloc");
    client->connection.fd = fd;
    open_count++;
    ev_io_init(&client->watcher, on_ready, fd, EV_READ);
    ev_io_start(loop, &client->watcher);
}

static void on_datagram(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop, (void)events;
    echo_datagram(watcher->fd);
}

static void on_supervisor(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop, (void)watcher, (void)events;
    heed_supervisor();
}

static const char *mechanism(unsigned backend) {
    switch (backend) {
        case EVBACKEND_SELECT: return "select";
        case EVBACKEND_POLL: return "poll";
        case EVBACKEND_EPOLL: return "epoll";
        case EVBACKEND_KQUEUE: return "kqueue";
        case EVBACKEND_PORT: return "port";
        default: return "linuxaio or io_uring"; /* off unless asked for by LIBEV_FLAGS */
    }
}

int main(int count, char **words) {
    struct options options;
    char version[40];
    read_options(&options, count, words);
    settle(&options);
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    if (loop == NULL) fail("ev_default_loop");
    snprintf(version, sizeof version, "%d.%02d", ev_version_major(), ev_version_minor());
    if (options.describe) describe("libev", version, mechanism(ev_backend(loop)), (const void *)ev_version_major);
    int listener = listening(&options);
    ev_io_init(&listening_watcher, options.udp ? on_datagram : on_client, listener, EV_READ);
    ev_io_start(loop, &listening_watcher);
    ev_io_init(&supervisor_watcher, on_supervisor, STDIN_FILENO, EV_READ);
    if (options.supervised) ev_io_start(loop, &supervisor_watcher);
    say_ready(listener);
    ev_run(loop, 0);
    fail("ev_run ended");
}
