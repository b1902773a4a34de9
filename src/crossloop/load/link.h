/* Reading and writing a connection: a socket, or TLS over it by the functions of libssl that Python's `ssl` has loaded.
 *
 * Data that OpenSSL has decrypted and not given out is not seen by the kernel's readiness: who reads goes on while
 * `more` says so. */
#ifndef CROSSLOOP_LOAD_LINK_H
#define CROSSLOOP_LOAD_LINK_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine.h"
#include "readiness.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: Python has SIGPIPE ignored */
#endif

enum { BLOCKED = -10 };                                                        /* beside what a call returns */
enum { TLS_WANT_READ = 2, TLS_WANT_WRITE = 3, TLS_SYSCALL = 5, TLS_CLOSED = 6 }; /* openssl/ssl.h */

static int would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

static int failed(struct load *load, const struct peer *peer, int status, int error) {
    load->failed = (int32_t)(peer - load->peers);
    load->error = error;
    return status;
}

/* What a call of OpenSSL that gave no bytes means: 0 for the end of the stream, BLOCKED, or what went wrong. */
static int tls_trouble(struct load *load, struct peer *peer, int result) {
    int error = errno, kind = load->secure.error(peer->tls, result);
    if (kind == TLS_WANT_READ || kind == TLS_WANT_WRITE) return BLOCKED;
    if (kind == TLS_CLOSED) return 0;
    /* OpenSSL 1.1.1 says TLS_SYSCALL without an error of an end without close_notify. */
    if (kind == TLS_SYSCALL && error && result < 0) return failed(load, peer, LOST, error);
    return failed(load, peer, TLS_LOST, 0);
}

/* Bytes read into `piece`, 0 at the end of the stream, BLOCKED, or what went wrong. */
static int64_t read_piece(struct load *load, struct peer *peer) {
    if (peer->tls) {
        int got = load->secure.read(peer->tls, load->piece, (int)load->piece_room);
        return got > 0 ? got : tls_trouble(load, peer, got);
    }
    ssize_t got = recv(peer->descriptor, load->piece, (size_t)load->piece_room, 0);
    if (got >= 0) return got;
    return would_block(errno) ? BLOCKED : failed(load, peer, LOST, errno);
}

static int more(const struct load *load, const struct peer *peer) {
    return peer->tls && load->secure.pending(peer->tls) > 0;
}

/* As `read_piece`, of bytes that were taken to be sent; 0 where there was no room. A datagram that finds none is lost. */
static int64_t write_bytes(struct load *load, struct peer *peer, const unsigned char *bytes, int64_t size) {
    int64_t count;
    if (peer->tls) {
        count = load->secure.write(peer->tls, bytes, (int)size);
        if (count <= 0) count = tls_trouble(load, peer, (int)count);
        if (!count) return failed(load, peer, LOST, EPIPE); /* close_notify came */
    } else {
        count = send(peer->descriptor, bytes, (size_t)size, MSG_NOSIGNAL);
        if (count < 0) count = would_block(errno) || errno == ENOBUFS ? BLOCKED : failed(load, peer, LOST, errno);
    }
    if (count == BLOCKED) return load->lost_after_ns ? size : 0;
    return count;
}

/* Have a connection watched for room as well, or no longer. */
static int hold(struct load *load, struct peer *peer, int wanted) {
    if (wanted == peer->holding) return 0;
    peer->holding = wanted;
    return want_room(load, peer, wanted) < 0 ? failed(load, peer, LOST, errno) : 0;
}

/* End a connection that this engine has made. */
static void hang_up(struct load *load, struct peer *peer) {
    if (peer->tls) {
        load->secure.shut(peer->tls); /* close_notify; without it OpenSSL takes the session for broken */
        load->secure.release(peer->tls);
        load->secure.clear_errors();
        peer->tls = 0;
    }
    if (peer->phase == REFUSED) load->refused--;
    if (peer->phase != CLOSED) close(peer->descriptor);
    peer->descriptor = -1;
    peer->holding = 0;
    peer->phase = CLOSED;
}

/* Go on with connecting. 1: requests can be sent; 0: not yet; negative: what went wrong. */
static int go_on_connecting(struct load *load, struct peer *peer) {
    if (peer->phase == CONNECTING) {
        struct sockaddr_storage other;
        socklen_t size = sizeof other;
        if (getpeername(peer->descriptor, (struct sockaddr *)&other, &size) < 0) {
            int error = 0;
            size = sizeof error;
            getsockopt(peer->descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
            return error ? failed(load, peer, UNMADE, error) : 0;
        }
        load->made++;
        peer->phase = peer->tls ? HANDSHAKING : OPEN;
    }
    if (peer->phase == HANDSHAKING) {
        int result = load->secure.connect(peer->tls);
        if (result != 1) {
            int status = tls_trouble(load, peer, result);
            return status == BLOCKED ? hold(load, peer, 0) : status ? status : failed(load, peer, TLS_LOST, 0);
        }
        load->resumed += load->secure.reused(peer->tls) != 0;
        peer->phase = OPEN;
    }
    return peer->phase == OPEN;
}

static int watch_made(struct load *load, struct peer *peer) {
    int status = go_on_connecting(load, peer);
    if (status < 0) return status;
    peer->holding = peer->phase == CONNECTING;
    return watch(load, peer) < 0 ? failed(load, peer, UNMADE, errno) : status;
}

/* connect(2) of a socket that is made: as `go_on_connecting`. */
static int reach(struct load *load, struct peer *peer) {
    int result = connect(peer->descriptor, (const struct sockaddr *)load->address, (socklen_t)load->address_size);
    if (result < 0 && errno == EAGAIN) { /* a unix socket whose backlog is full (connect(2), Linux) */
        load->refused += peer->phase != REFUSED;
        peer->phase = REFUSED;
        return 0;
    }
    if (result < 0 && errno != EINPROGRESS) return failed(load, peer, UNMADE, errno);
    load->refused -= peer->phase == REFUSED;
    peer->phase = CONNECTING;
    return watch_made(load, peer); /* over loopback it is there by now */
}

/* Make a connection anew, as `go_on_connecting`. */
static int make(struct load *load, struct peer *peer) {
    int yes = 1, descriptor = socket(((const struct sockaddr *)load->address)->sa_family, SOCK_STREAM, 0);
    if (descriptor < 0) return failed(load, peer, UNMADE, errno);
    peer->descriptor = descriptor;
    peer->phase = CONNECTING; /* from here on `hang_up` closes it */
    if (descriptor >= load->descriptors) return failed(load, peer, UNMADE, EMFILE);
    load->by_descriptor[descriptor] = (int32_t)(peer - load->peers);
    if (fcntl(descriptor, F_SETFL, O_NONBLOCK) < 0 || fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0)
        return failed(load, peer, UNMADE, errno);
    if (load->no_delay) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (load->secure.context) {
        peer->tls = load->secure.create(load->secure.context);
        if (!peer->tls || !load->secure.set_descriptor(peer->tls, descriptor)) return failed(load, peer, TLS_LOST, 0);
        if (load->secure.session) load->secure.set_session(peer->tls, load->secure.session);
    }
    return reach(load, peer);
}

#endif
