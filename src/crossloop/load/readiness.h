/* Which connections are ready: epoll(7) on Linux, kqueue(2) on macOS and the BSDs, poll(2) elsewhere.
 *
 * epoll and kqueue are Python's own object, in which every connection is registered level-triggered: a second
 * one beside it would have the kernel wake both for every packet. Each backend gives the same three functions:
 *
 *   look          places of ready connections into `ready`, their number or -1; waits `timeout_ms` at most
 *   want_room     watch a connection for room to write too, or no longer; -1: failed
 *   watch         watch a connection that was made here, for room too if it is `holding`; -1: failed */
#ifndef CROSSLOOP_LOAD_READINESS_H
#define CROSSLOOP_LOAD_READINESS_H

#include <errno.h>

#include "engine.h"

#if defined(CROSSLOOP_LOAD_POLL) /* asked for: a test of what other systems get */
#define USE_POLL
#elif defined(__linux__)
#define USE_EPOLL
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) || defined(__DragonFly__)
#define USE_KQUEUE
#else
#define USE_POLL
#endif

#if defined(USE_EPOLL)
#include <sys/epoll.h>

static const char mechanism[] = "epoll";

static int look(const struct load *load, int timeout_ms, int32_t *ready) {
    struct epoll_event events[EVENTS];
    int found = epoll_wait(load->poller, events, EVENTS, timeout_ms);
    for (int i = 0; i < found; i++) ready[i] = load->by_descriptor[events[i].data.fd];
    return found;
}

static int want_room(const struct load *load, const struct peer *peer, int wanted) {
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.fd = peer->descriptor};
    return epoll_ctl(load->poller, EPOLL_CTL_MOD, peer->descriptor, &event);
}

static int watch(const struct load *load, const struct peer *peer) {
    struct epoll_event event = {.events = EPOLLIN | (peer->holding ? EPOLLOUT : 0), .data.fd = peer->descriptor};
    return epoll_ctl(load->poller, EPOLL_CTL_ADD, peer->descriptor, &event);
}

#elif defined(USE_KQUEUE)
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>

static const char mechanism[] = "kqueue";

static int look(const struct load *load, int timeout_ms, int32_t *ready) {
    struct kevent events[EVENTS];
    struct timespec wait = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L};
    int found = kevent(load->poller, 0, 0, events, EVENTS, &wait);
    /* One that is ready to be read and written comes twice; the second time there is nothing to be had. */
    for (int i = 0; i < found; i++) ready[i] = load->by_descriptor[events[i].ident];
    return found;
}

static int want_room(const struct load *load, const struct peer *peer, int wanted) {
    struct kevent change;
    EV_SET(&change, peer->descriptor, EVFILT_WRITE, wanted ? EV_ADD : EV_DELETE, 0, 0, 0);
    return kevent(load->poller, &change, 1, 0, 0, 0);
}

static int watch(const struct load *load, const struct peer *peer) {
    struct kevent changes[2];
    EV_SET(&changes[0], peer->descriptor, EVFILT_READ, EV_ADD, 0, 0, 0);
    EV_SET(&changes[1], peer->descriptor, EVFILT_WRITE, EV_ADD, 0, 0, 0);
    return kevent(load->poller, changes, peer->holding ? 2 : 1, 0, 0, 0);
}

#else
#include <poll.h>

static const char mechanism[] = "poll";

static int look(const struct load *load, int timeout_ms, int32_t *ready) {
    struct pollfd *watched = load->watched;
    int found = 0;
    for (int64_t i = 0; i < load->count; i++) {
        watched[i].fd = load->peers[i].descriptor;
        watched[i].events = POLLIN | (load->peers[i].holding ? POLLOUT : 0);
    }
    if (poll(watched, (nfds_t)load->count, timeout_ms) < 0) return -1;
    for (int64_t i = 0; i < load->count && found < EVENTS; i++)
        if (watched[i].revents) ready[found++] = (int32_t)i;
    return found;
}

static int want_room(const struct load *load, const struct peer *peer, int wanted) {
    (void)load, (void)peer, (void)wanted; /* `holding` says it at the next look */
    return 0;
}

static int watch(const struct load *load, const struct peer *peer) {
    (void)load, (void)peer;
    return 0;
}

_Static_assert(sizeof(struct pollfd) == 8, "Python makes room for pollfd as POSIX systems have it");
#endif

#endif
