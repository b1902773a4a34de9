/* What the engine and `crossloop.load.native` share: these structures are mirrored there, field by field.
 *
 * All memory is Python's and lives as long as a target's connections; the engine allocates nothing. */
#ifndef CROSSLOOP_LOAD_ENGINE_H
#define CROSSLOOP_LOAD_ENGINE_H

#include <stdint.h>

enum {
    CROSSLOOP_LOAD_VERSION = 2, /* of this file: the Python side refuses a library of another */
    EVENTS = 1024,              /* most connections that are served between two looks at the clock: about 2 ms */
    SUB_BUCKETS = 128,          /* a histogram's buckets within a power of two: 1/128 of their value wide */
    BUCKETS = 30 * SUB_BUCKETS, /* up to 2^36 ns, 68 s */
    PLACES = 32749,             /* where a message begins in the pattern: see crossloop.load.message */
    CONNECTION_STEP = 13565,
    SEQUENCE_STEP = 20240,
};

/* What a call returns: 0, or what went wrong. */
enum {
    WRONG = -1,  /* bytes that were not expected, or the end of the stream: `piece` holds what came */
    LOST = -2,   /* the socket failed: `error` says how */
    BROKEN = -3, /* readiness cannot be asked for: `error` says why */
};

/* The first bytes of a message. */
struct header {
    unsigned char magic[4];
    uint32_t connection;
    uint64_t sequence;
};

/* One connection and the message that it has in flight. */
struct peer {
    struct header header;
    uint64_t before;        /* sequence of the message before it */
    unsigned char *message; /* its place in the pattern: the filler from offset 16 on */
    int64_t sent_ns;        /* when the message in flight was sent; 0: the connection is idle */
    int64_t due_ns;         /* when it was scheduled (open loop) */
    int64_t place;          /* which of the arrivals it is (open loop) */
    int64_t filled;         /* bytes of its answer that came, and were right */
    int64_t written;        /* bytes of it that the kernel took */
    int64_t first;          /* the arrivals that wait for this very connection: place of the first, -1: none */
    int64_t last;
    int32_t descriptor;
    int32_t holding; /* 1: watched for room, to write the rest */
};

/* A set of connections to one server. */
struct load {
    struct peer *peers;
    const int32_t *by_descriptor; /* place in `peers` */
    unsigned char *pattern;       /* of PLACES bytes and a message */
    unsigned char *piece;         /* what was read last */
    void *watched;                /* room for a `struct pollfd` for each, where poll(2) is used */
    uint64_t *buckets;            /* histogram of the closed loop's latencies */
    int32_t *idle;                /* ring of idle connections, the one that has been idle longest first */
    int64_t count;
    int64_t size; /* of a message */
    int64_t piece_room;
    int64_t idle_first;
    int64_t idle_count;
    int64_t sequence; /* of the last message */
    int64_t answered;
    int64_t looking_ns;     /* spent on looking in vain */
    int64_t last_answer_ns; /* while draining; 0: none came */
    int64_t waiting;        /* connections without an answer when draining ended */
    int64_t piece_length;   /* of what was wrong */
    int32_t poller;         /* descriptor of Python's epoll or kqueue, in which every connection is */
    int32_t spin;           /* 1: look without waiting */
    int32_t looked;         /* 1: the last look was in vain */
    int32_t failed;         /* place of the connection that failed */
    int32_t error;          /* errno */
};

/* An open loop under way. */
struct plan {
    const int64_t *due_ns; /* scheduled times from the origin on, ascending */
    int64_t *latency_ns;   /* by place; written when the answer is there */
    const int32_t *chosen; /* connection of each arrival; NULL: whichever has been idle longest */
    int64_t *after;        /* by place: the next arrival that waits for the same connection, -1: none */
    int64_t origin_ns;
    int64_t next; /* place of the first arrival that was not taken up yet */
    int64_t answered;
    int64_t in_flight;
};

#endif
