/* A bare epoll echo server: one thread, level-triggered, one recv and one send per readiness.
 *
 * usage: epoll_echo [PORT]     (loopback; 0 or nothing: any free port)
 * Prints {"ready": true, "host": ..., "port": ..., "pid": ...} once and serves until SIGTERM.
 * What the kernel does not take at once is kept, and the peer is not read from until it is gone. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, EVENTS = 256 };

struct rest { char *data; size_t at, end; };
static struct rest *rests; /* by descriptor */
static char chunk[CHUNK];

static void fail(const char *what) { perror(what); exit(1); }

static void watch(int poll, int operation, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poll, operation, fd, &event) < 0) fail("epoll_ctl");
}

static void end(int fd) {
    free(rests[fd].data);
    memset(&rests[fd], 0, sizeof rests[fd]);
    close(fd);
}

static int echo(int poll, int fd) {
    ssize_t got = recv(fd, chunk, CHUNK, 0);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    ssize_t sent = send(fd, chunk, (size_t)got, MSG_NOSIGNAL);
    if (sent == got) return 0;
    if (sent < 0) {
        if (errno != EAGAIN) return -1;
        sent = 0;
    }
    struct rest *rest = &rests[fd];
    *rest = (struct rest){malloc((size_t)(got - sent)), 0, (size_t)(got - sent)};
    if (!rest->data) fail("malloc");
    memcpy(rest->data, chunk + sent, rest->end);
    watch(poll, EPOLL_CTL_MOD, fd, EPOLLOUT);
    return 0;
}

static int flush(int poll, int fd) {
    struct rest *rest = &rests[fd];
    ssize_t sent = send(fd, rest->data + rest->at, rest->end - rest->at, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    rest->at += (size_t)sent;
    if (rest->at < rest->end) return 0;
    free(rest->data);
    memset(rest, 0, sizeof *rest);
    watch(poll, EPOLL_CTL_MOD, fd, EPOLLIN);
    return 0;
}

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (listener < 0) fail("socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, length) < 0) fail("bind");
    if (listen(listener, 4096) < 0) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("{\"ready\": true, \"host\": \"127.0.0.1\", \"port\": %d, \"pid\": %d}\n", ntohs(address.sin_port),
           (int)getpid());
    fflush(stdout);
    return listener;
}

int main(int count, char **words) {
    struct rlimit limit;
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
    setrlimit(RLIMIT_NOFILE, &limit);
    rests = calloc(limit.rlim_cur, sizeof *rests);
    int poll = epoll_create1(0), listener = listen_on(count > 1 ? atoi(words[1]) : 0);
    if (!rests || poll < 0) fail("epoll_create1");
    watch(poll, EPOLL_CTL_ADD, listener, EPOLLIN);
    struct epoll_event events[EVENTS];
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                int peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (peer >= 0) watch(poll, EPOLL_CTL_ADD, peer, EPOLLIN);
            } else if ((rests[fd].data ? flush : echo)(poll, fd) < 0) {
                end(fd);
            }
        }
    }
}
