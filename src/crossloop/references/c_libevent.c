/* c-libevent: an echo server on libevent 2's own events, as its book shows them: event_new, EV_READ | EV_PERSIST. */
#define _GNU_SOURCE
#include <event2/event.h>

#include "server.h"

struct client {
    struct connection connection;
    struct event *reading, *writing;
};

static struct event_base *base;
static struct event *listening_event;
static int paused, open_count;

static void start(struct event *event) {
    if (event == NULL || event_add(event, NULL) < 0) fail("event_add");
}

static void end(struct client *client) {
    event_free(client->reading);
    if (client->writing) event_free(client->writing);
    release(&client->connection);
    free(client);
    open_count--;
    if (paused) {
        start(listening_event);
        paused = 0;
    }
}

static void on_ready(evutil_socket_t fd, short what, void *argument) {
    struct client *client = argument;
    int wrote = client->connection.rest != NULL;
    enum next next = turn(&client->connection);
    (void)what;
    if (next == CLOSE_NEXT) end(client);
    else if (next == WRITE_NEXT && !wrote) {
        event_del(client->reading);
        if (client->writing == NULL)
            client->writing = event_new(base, fd, EV_WRITE | EV_PERSIST, on_ready, client);
        start(client->writing);
    } else if (next == READ_NEXT && wrote) {
        event_del(client->writing);
        start(client->reading);
    }
}

static void on_client(evutil_socket_t listener, short what, void *argument) {
    int fd = accepted(listener);
    (void)what, (void)argument;
    if (fd < 0) {
        if (out_of_resources(errno) && open_count) {
            event_del(listening_event);
            paused = 1;
        }
        return;
    }
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) fail("calloc");
    client->connection.fd = fd;
    client->reading = event_new(base, fd, EV_READ | EV_PERSIST, on_ready, client);
    open_count++;
    start(client->reading);
}

static void on_datagram(evutil_socket_t fd, short what, void *argument) {
    (void)what, (void)argument;
    echo_datagram(fd);
}

static void on_supervisor(evutil_socket_t fd, short what, void *argument) {
    (void)fd, (void)what, (void)argument;
    heed_supervisor();
}

int main(int count, char **words) {
    struct options options;
    read_options(&options, count, words);
    settle(&options);
    base = event_base_new();
    if (base == NULL) fail("event_base_new");
    if (options.describe)
        describe("libevent", event_get_version(), event_base_get_method(base), (const void *)event_get_version);
    int listener = listening(&options);
    event_callback_fn on_readable = options.udp ? on_datagram : on_client;
    listening_event = event_new(base, listener, EV_READ | EV_PERSIST, on_readable, NULL);
    start(listening_event);
    if (options.supervised) start(event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_supervisor, NULL));
    say_ready(listener);
    event_base_dispatch(base);
    fail("event_base_dispatch ended");
}
