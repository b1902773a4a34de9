/* What the engine and `crossloop.load.native` share: these structures are mirrored there, field by field.
 *
 * All memory is Python's and lives as long as a target's connections; the engine allocates nothing. */
#ifndef CROSSLOOP_LOAD_ENGINE_H
#define CROSSLOOP_LOAD_ENGINE_H

#include <stdint.h>

enum {
    CROSSLOOP_LOAD_VERSION = 3, /* of this file: the Python side refuses a library of another */
    EVENTS = 1024,              /* most connections that are served between two looks at the clock: about 2 ms */
    SUB_BUCKETS = 128,          /* a histogram's buckets within a power of two: 1/128 of their value wide */
    BUCKETS = 30 * SUB_BUCKETS, /* up to 2^36 ns, 68 s */
    PLACES = 32749,             /* where an own filler begins in the pattern: see crossloop.load.message */
    CONNECTION_STEP = 13565,
    SEQUENCE_STEP = 20240,
    BINARY_STAMP = 16, /* bytes: struct header */
    HEX_STAMP = 24,
    LINE_ROOM = 8192,  /* most bytes of a line of an HTTP response, and of its lines before the body together */
    ADDRESS_ROOM = 128, /* of a struct sockaddr_storage */
};

/* What a call returns: 0, or what went wrong. */
enum {
    WRONG = -1,   /* bytes that were not expected, or the end of the stream: `piece` holds what came */
    LOST = -2,    /* the socket failed: `error` says how */
    BROKEN = -3,  /* readiness cannot be asked for: `error` says why */
    UNMADE = -4,  /* a connection could not be made: `error` says why */
    TLS_LOST = -5, /* TLS failed: the queue of OpenSSL's errors says how */
    EARLY = -6,    /* an answer is whole, and its request is not all sent */
};

enum { BYTES, HTTP };              /* framing; a line ends where its content does */
enum { EXCHANGE, CONNECT, PUSH };  /* drive */
enum { CLOSED_LOOP, OPEN_LOOP, DRAINING };
enum { CLOSED, REFUSED, CONNECTING, HANDSHAKING, OPEN }; /* phase of a connection; REFUSED: its connect(2) comes again */
enum { STATUS, HEADERS, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILERS }; /* part of an HTTP response */

/* The stamp in binary. */
struct header {
    unsigned char magic[4];
    uint32_t connection;
    uint64_t sequence;
};

/* before | stamp | own filler | after, which has the fixed filler at its beginning. */
struct content {
    const unsigned char *before;
    const unsigned char *after;
    int64_t before_size;
    int64_t stamp; /* bytes: 0, BINARY_STAMP or HEX_STAMP */
    int64_t own;   /* bytes of filler */
    int64_t after_size;
    int64_t size;
};

/* A request that is to be sent or answered. */
struct flight {
    uint64_t sequence;
    int64_t sent_ns;
};

/* One connection. `first`, `unsent` and `end` count its flights since it was made; they lie in a ring. */
struct peer {
    struct flight *flights;
    void *tls;           /* SSL of OpenSSL; NULL: none */
    unsigned char *line; /* room for a part of a line of an HTTP response */
    uint64_t mask;       /* places of the ring, a power of two, less one */
    uint64_t first;      /* oldest that is not answered */
    uint64_t unsent;     /* first that is not all written */
    uint64_t end;
    uint64_t before;     /* sequence of the request that was answered last */
    int64_t depth;       /* flights that it keeps in the closed loop */
    int64_t due_ns;      /* when its request was scheduled (open loop) */
    int64_t place;       /* which of the arrivals it is (open loop) */
    int64_t filled;      /* bytes of the answer's content that came, and were right */
    int64_t written;     /* bytes of the first unsent flight that the kernel took */
    int64_t next_place;  /* the arrivals that wait for this very connection: place of the first, -1: none */
    int64_t last_place;
    int64_t answered;
    int64_t left;        /* bytes of the chunk to come */
    int64_t length;      /* Content-Length, -1: none */
    int64_t line_length;
    int64_t head_length; /* bytes of whole lines before the body */
    uint32_t number;     /* in the stamps of its requests and answers: the id, or the sender's */
    int32_t descriptor;
    int32_t holding;     /* 1: watched for room, to write the rest */
    int32_t phase;
    int32_t part;
    int32_t chunked;
    int32_t greedy;      /* 1: its latencies have a histogram of their own */
    int32_t unused;
};

/* libssl's functions, as Python's `ssl` has them loaded. */
struct secure {
    void *context;
    void *session; /* that new connections resume; NULL: none */
    void *(*create)(void *context);
    int (*set_descriptor)(void *tls, int descriptor);
    int (*set_session)(void *tls, void *session);
    int (*connect)(void *tls);
    int (*reused)(void *tls);
    int (*read)(void *tls, void *data, int size);
    int (*write)(void *tls, const void *data, int size);
    int (*pending)(const void *tls);
    int (*error)(const void *tls, int result);
    int (*shut)(void *tls);
    void (*release)(void *tls);
    void (*clear_errors)(void); /* what is left in this thread's queue would be taken for the next call's error */
};

/* A set of connections to one server. */
struct load {
    struct peer *peers;
    int32_t *by_descriptor; /* place in `peers` */
    unsigned char *pattern; /* of PLACES bytes and the longest own filler, header included */
    unsigned char *piece;   /* what was read last */
    unsigned char *scratch; /* requests that are about to be sent */
    void *watched;          /* room for a `struct pollfd` for each, where poll(2) is used */
    uint64_t *buckets;      /* histograms of the closed loop's latencies: of the polite, of the greedy */
    int32_t *idle;          /* ring of idle connections, the one that has been idle longest first */
    struct content request;
    struct content answer;
    struct secure secure;
    unsigned char address[ADDRESS_ROOM]; /* of the server, where connections are made anew */
    int64_t address_size;
    int64_t descriptors; /* places in `by_descriptor` */
    int64_t count;
    int64_t piece_room;
    int64_t scratch_room;
    int64_t idle_first;
    int64_t idle_count;
    int64_t sequence; /* of the last request */
    int64_t answered;
    int64_t looking_ns;     /* spent on looking in vain */
    int64_t last_answer_ns; /* while draining; 0: none came */
    int64_t waiting;        /* answers that are to come: of a push, or while draining */
    int64_t piece_length;
    int64_t piece_at;       /* where in the piece what is wrong begins */
    int64_t lost_after_ns;  /* a datagram that is not answered by then is lost; 0: streams */
    int64_t expire_ns;      /* when to look for lost datagrams next */
    int64_t lost;
    int64_t duplicates;
    int64_t resumed;
    int64_t refused; /* connections whose connect(2) comes again */
    int64_t made;    /* connections that were made here */
    int32_t poller;  /* descriptor of Python's epoll or kqueue, in which every connection is */
    int32_t spin;    /* 1: look without waiting */
    int32_t looked;  /* 1: the last look was in vain */
    int32_t failed;  /* place of the connection that failed */
    int32_t error;   /* errno */
    int32_t framing;
    int32_t drive;
    int32_t loop;
    int32_t overlaid; /* 1: a request lies in the pattern, but for its header */
    int32_t no_delay; /* 1: TCP */
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
