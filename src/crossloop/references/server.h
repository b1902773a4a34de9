/* What the four servers share: the process, its listener, and what is done with a connection that is ready.
 *
 *   NAME [--host H] [--port P] [--cpu N] [--supervised]      serves TCP; port 0 takes a free one
 *   NAME --udp …                                             serves datagrams instead
 *   NAME --unix PATH [--cpu N] [--supervised]                serves a unix socket, which it makes and removes
 *   NAME --describe                                          says what it is linked with, and ends
 *
 * Each prints one JSON object on a line: {"ready": true, "host", "port", "pid"}, with "path" instead of host and port
 * where it serves a unix socket, or {"library", "library_version", "mechanism", "loaded_from"}. A supervised server
 * ends when its standard input does, and on Linux with the process that started it, however that ended (prctl(2),
 * PR_SET_PDEATHSIG, which reaches a stopped process, too); what comes on standard input is not looked at. SIGTERM and
 * SIGINT end any of them with status 0.
 *
 * The conversation is the same for all, so that programs differ by their libraries alone: one recv and one
 * send for each readiness, level-triggered. What the kernel does not take at once is kept, and until it is gone the
 * connection is watched for writing instead of reading: a peer that only sends fills nobody's memory.
 * Out of descriptors, a client too many waits in the accept queue: the listener is not watched until a connection ends.
 * Of datagrams, too, one is received and one sent for each readiness.
 */
#ifndef CROSSLOOP_SERVER_H
#define CROSSLOOP_SERVER_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#endif

/* As much as crossloop's adapters read, and queue. */
enum { READ_BYTES = 64 * 1024, BACKLOG = 4096, DATAGRAM_QUEUE_BYTES = 4 * 1024 * 1024 };

struct connection {
    int fd;
    char *rest; /* of an answer, what the kernel did not take; NULL for nothing */
    size_t at, end;
};

/* What a connection is to be watched for next. */
enum next { READ_NEXT, WRITE_NEXT, CLOSE_NEXT };

struct options { const char *host, *port, *path; int udp, cpu, supervised, describe; };

static char received[READ_BYTES]; /* more than any datagram has, which is 65,507 bytes at most */
static const char *bound_path;    /* of the unix socket that was made here */

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* The conversation ---------------------------------------------------------------------------------------------- */

static enum next keep_rest(struct connection *connection, const char *data, size_t size) {
    connection->rest = malloc(size);
    if (connection->rest == NULL) return CLOSE_NEXT;
    memcpy(connection->rest, data, size);
    connection->at = 0;
    connection->end = size;
    return WRITE_NEXT;
}

static enum next echo(struct connection *connection) {
    ssize_t got = recv(connection->fd, received, sizeof received, 0);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR) ? READ_NEXT : CLOSE_NEXT;
    ssize_t sent = send(connection->fd, received, (size_t)got, 0);
    if (sent == got) return READ_NEXT;
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) return CLOSE_NEXT;
        sent = 0;
    }
    return keep_rest(connection, received + sent, (size_t)(got - sent));
}

static enum next flush(struct connection *connection) {
    ssize_t sent = send(connection->fd, connection->rest + connection->at, connection->end - connection->at, 0);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? WRITE_NEXT : CLOSE_NEXT;
    connection->at += (size_t)sent;
    if (connection->at < connection->end) return WRITE_NEXT;
    free(connection->rest);
    connection->rest = NULL;
    return READ_NEXT;
}

/* One turn of a connection that is ready for what it was watched for. */
static inline enum next turn(struct connection *connection) {
    return connection->rest == NULL ? echo(connection) : flush(connection);
}

/* One datagram goes back to its sender. What the kernel does not take is lost, as it might be in a network. */
static inline void echo_datagram(int fd) {
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    ssize_t got = recvfrom(fd, received, sizeof received, 0, (struct sockaddr *)&peer, &size);
    if (got >= 0) sendto(fd, received, (size_t)got, 0, (struct sockaddr *)&peer, size);
}

/* Clients come and go ------------------------------------------------------------------------------------------- */

static void not_blocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) fail("fcntl O_NONBLOCK");
}

/* The next client's descriptor, non-blocking, or -1 with errno. */
static inline int accepted(int listener) {
#ifdef __linux__
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); /* TCP_NODELAY comes from the listener */
#else
    int fd = accept(listener, NULL, NULL), yes = 1;
    if (fd < 0) return -1;
    not_blocking(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
#endif
}

static inline int out_of_resources(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static inline void release(struct connection *connection) {
    close(connection->fd);
    free(connection->rest);
}

/* The process ---------------------------------------------------------------------------------------------------- */

static void end_well(int number) {
    (void)number;
    if (bound_path) unlink(bound_path);
    _exit(0);
}

static void read_options(struct options *options, int count, char **words) {
    *options = (struct options){.host = "127.0.0.1", .port = "0", .cpu = -1};
    for (int i = 1; i < count; i++) {
        const char *word = words[i], *value = i + 1 < count ? words[i + 1] : NULL;
        if (!strcmp(word, "--supervised")) options->supervised = 1;
        else if (!strcmp(word, "--describe")) options->describe = 1;
        else if (!strcmp(word, "--udp")) options->udp = 1;
        else if (value && !strcmp(word, "--host")) options->host = value, i++;
        else if (value && !strcmp(word, "--port")) options->port = value, i++;
        else if (value && !strcmp(word, "--unix")) options->path = value, i++;
        else if (value && !strcmp(word, "--cpu")) options->cpu = atoi(value), i++;
        else {
            fprintf(stderr, "%s: expected --host H, --port P, --unix PATH, --udp, --cpu N, --supervised", word);
            fprintf(stderr, " or --describe\n");
            exit(2);
        }
    }
}

/* CPU, descriptors, signals, and dying with the supervisor. */
static void settle(const struct options *options) {
    struct rlimit limit;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, end_well);
    signal(SIGINT, options->supervised ? SIG_IGN : end_well); /* Ctrl-C is the supervisor's, who ends our input */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit); /* macOS refuses an infinite one, and the soft limit stays */
    }
#ifdef __linux__
    if (options->supervised) {
        pid_t parent = getppid();
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("prctl PR_SET_PDEATHSIG");
        if (getppid() != parent) exit(0); /* it went before the kernel knew */
    }
    if (options->cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET(options->cpu, &cpus);
        if (sched_setaffinity(0, sizeof cpus, &cpus) < 0) fail("sched_setaffinity");
    }
#endif
    if (options->supervised) not_blocking(STDIN_FILENO);
}

/* Called when standard input is readable: ends the process with its supervisor. */
static void heed_supervisor(void) {
    char ignored[4096];
    ssize_t got = read(STDIN_FILENO, ignored, sizeof ignored);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) end_well(0);
}

static void refuse(const struct options *options, const char *why) {
    if (options->path)
        fprintf(stderr, "crossloop: cannot listen on '%s': %s; choose another --path\n", options->path, why);
    else
        fprintf(stderr,
                "crossloop: cannot listen on '%s' port %s: %s; choose another --host or --port (0 takes a free one)\n",
                options->host, options->port, why);
    exit(2);
}

static int listening_path(const struct options *options) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) fail("socket");
    if (strlen(options->path) >= sizeof address.sun_path) refuse(options, "the path is too long for a unix socket");
    strcpy(address.sun_path, options->path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) refuse(options, strerror(errno));
    bound_path = options->path;
    if (listen(fd, BACKLOG) < 0) fail("listen");
    not_blocking(fd);
    return fd;
}

/* A listening socket, or one for datagrams, not blocking. Ends the process with a line on standard error where there
 * can be none. */
static int listening(const struct options *options) {
    int kind = options->udp ? SOCK_DGRAM : SOCK_STREAM;
    if (options->path) return listening_path(options);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = kind, .ai_flags = AI_PASSIVE}, *found;
    int yes = 1, queue = DATAGRAM_QUEUE_BYTES, wrong = getaddrinfo(options->host, options->port, &hints, &found);
    if (wrong) refuse(options, gai_strerror(wrong));
    int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (fd < 0) fail("socket");
    if (options->udp) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue); /* cut to rmem_max (socket(7)) */
    else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    if (bind(fd, found->ai_addr, found->ai_addrlen) < 0 || (!options->udp && listen(fd, BACKLOG) < 0))
        refuse(options, strerror(errno));
    freeaddrinfo(found);
    not_blocking(fd);
    return fd;
}

static void print_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        if ((unsigned char)*text >= ' ') putchar(*text);
    }
    putchar('"');
}

static void say_ready(int listener) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
    if (bound_path) {
        printf("{\"ready\": true, \"path\": ");
        print_text(bound_path);
    } else {
        if (getsockname(listener, (struct sockaddr *)&address, &size) < 0) fail("getsockname");
        if (getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port, numeric))
            fail("getnameinfo");
        printf("{\"ready\": true, \"host\": \"%s\", \"port\": %s", host, port);
    }
    printf(", \"pid\": %d}\n", (int)getpid());
    fflush(stdout);
}

/* Says what is linked; *symbol* is a function of the library, whose file the dynamic linker knows. */
static void describe(const char *library, const char *version, const char *mechanism, const void *symbol) {
    Dl_info file;
    printf("{\"library\": ");
    print_text(library);
    printf(", \"library_version\": ");
    print_text(version);
    printf(", \"mechanism\": ");
    print_text(mechanism);
    printf(", \"loaded_from\": ");
    print_text(dladdr(symbol, &file) && file.dli_fname ? file.dli_fname : "");
    printf("}\n");
    exit(0);
}

#endif
