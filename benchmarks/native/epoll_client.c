/* A bare closed-loop client: what a load generator costs at the least. Verifies nothing but lengths.
 *
 * usage: epoll_client PORT CONNECTIONS SIZE SECONDS [spin|sleep]
 * Prints {"messages": N, "elapsed_s": S}. After a run-in of a tenth of the time every connection
 * sends its next message when its answer is complete. `spin` polls without waiting, as crossloop's does. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 1024 };
struct peer { size_t got, sent; };
static struct peer peers[65536]; /* by descriptor */
static char *message, *answer;
static size_t size;
static int poll_fd;

static void fail(const char *what) { perror(what); exit(1); }

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void watch(int operation, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poll_fd, operation, fd, &event) < 0) fail("epoll_ctl");
}

static void push(int fd) {
    struct peer *peer = &peers[fd];
    int waited = peer->sent > 0;
    ssize_t sent = send(fd, message + peer->sent, size - peer->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent > 0) peer->sent += (size_t)sent;
    if (peer->sent < size) watch(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
    else if (waited) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
}

static int pull(int fd) {
    struct peer *peer = &peers[fd];
    ssize_t got = recv(fd, answer, size - peer->got, 0);
    if (got == 0) { fprintf(stderr, "the server closed a connection\n"); exit(1); }
    if (got < 0) { if (errno == EAGAIN) return 0; fail("recv"); }
    peer->got += (size_t)got;
    if (peer->got < size) return 0;
    peer->got = peer->sent = 0;
    push(fd);
    return 1;
}

static long turns(double until, int timeout) {
    struct epoll_event events[EVENTS];
    long done = 0;
    while (now() < until) {
        int ready = epoll_wait(poll_fd, events, EVENTS, timeout);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (peers[fd].sent < size && (events[i].events & EPOLLOUT)) push(fd);
            if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) done += pull(fd);
        }
    }
    return done;
}

int main(int count, char **words) {
    if (count < 5) { fprintf(stderr, "usage: epoll_client PORT CONNECTIONS SIZE SECONDS [spin|sleep]\n"); return 2; }
    int connections = atoi(words[2]), yes = 1, timeout = count > 5 && !strcmp(words[5], "sleep") ? 100 : 0;
    double seconds = atof(words[4]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size = (size_t)atol(words[3]);
    message = calloc(1, size);
    answer = calloc(1, size);
    poll_fd = epoll_create1(0);
    if (!message || !answer || poll_fd < 0) fail("start");
    for (int i = 0; i < connections; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) fail("non-blocking");
        watch(EPOLL_CTL_ADD, fd, EPOLLIN);
        push(fd);
    }
    turns(now() + seconds / 10, timeout);
    double start = now();
    long messages = turns(start + seconds, timeout);
    printf("{\"messages\": %ld, \"elapsed_s\": %.6f}\n", messages, now() - start);
    return 0;
}
