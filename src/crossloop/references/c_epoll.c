/* c-epoll: an echo server straight on epoll(7), level-triggered, one thread. No library: what the kernel costs. */
#define _GNU_SOURCE
#include <sys/epoll.h>

#include "server.h"

enum { EVENTS = 256 };

static int kernel, listener, paused, open_count;
static struct connection listening_place, supervisor_place; /* told from connections by their addresses */

static void watch(int operation, int fd, uint32_t events, void *who) {
    struct epoll_event event = {.events = events, .data.ptr = who};
    if (epoll_ctl(kernel, operation, fd, &event) < 0) fail("epoll_ctl");
}

static void on_client(void) {
    int fd = accepted(listener);
    if (fd < 0) {
        if (out_of_resources(errno) && open_count) {
            watch(EPOLL_CTL_MOD, listener, 0, &listening_place);
            paused = 1;
        }
        return;
    }
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) fail("calloc");
    connection->fd = fd;
    open_count++;
    watch(EPOLL_CTL_ADD, fd, EPOLLIN, connection);
}

static void end(struct connection *connection) {
    release(connection); /* the only descriptor of its file: closing takes it out of the kernel's set */
    free(connection);
    open_count--;
    if (paused) {
        watch(EPOLL_CTL_MOD, listener, EPOLLIN, &listening_place);
        paused = 0;
    }
}

static inline void on_ready(struct connection *connection) {
    int wrote = connection->rest != NULL;
    enum next next = turn(connection);
    if (next == CLOSE_NEXT) end(connection);
    else if (wrote != (next == WRITE_NEXT))
        watch(EPOLL_CTL_MOD, connection->fd, next == WRITE_NEXT ? EPOLLOUT : EPOLLIN, connection);
}

int main(int count, char **words) {
    struct options options;
    struct epoll_event events[EVENTS];
    read_options(&options, count, words);
    if (options.describe) describe("none", "", "epoll", (const void *)epoll_wait);
    settle(&options);
    kernel = epoll_create1(EPOLL_CLOEXEC);
    if (kernel < 0) fail("epoll_create1");
    listener = listening(&options);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listening_place);
    if (options.supervised) watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, &supervisor_place);
    say_ready(listener);
    for (;;) {
        int ready = epoll_wait(kernel, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct connection *who = events[i].data.ptr;
            if (who == &listening_place) {
                if (options.udp) echo_datagram(listener);
                else on_client();
            }
            else if (who == &supervisor_place) heed_supervisor();
            else on_ready(who);
        }
    }
}
