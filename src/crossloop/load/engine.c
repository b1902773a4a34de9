/* The hot loops of the load generator: the same as those of `crossloop.load.turns`, at the price of a C client.
 *
 * A call goes on until a time is reached or something is wrong. Every answer is compared byte by byte with the
 * message that it answers, all of which depends on the connection's id and a sequence; what is wrong is left in
 * place for Python, which finds the words. No message is built: the filler is sent from the pattern, and compared
 * with it (crossloop.load.message). No call blocks longer than its time, nothing is allocated, nothing is printed.
 * The clock is that of Python's perf_counter_ns. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "engine.h"
#include "readiness.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: Python has SIGPIPE ignored */
#endif

static const int64_t LOOK_NS = 20000; /* a look that took longer was interrupted: see crossloop.load.turns */
static const int64_t NAP_STEP_NS = 1000000;
static const int64_t DRAIN_LOOK_NS = 10000000;

int crossloop_load_version(void) { return CROSSLOOP_LOAD_VERSION; }

const char *crossloop_load_mechanism(void) { return mechanism; }

int64_t crossloop_load_now(void) {
    struct timespec time;
#ifdef __APPLE__
    clock_gettime(CLOCK_UPTIME_RAW, &time);
#else
    clock_gettime(CLOCK_MONOTONIC, &time);
#endif
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t least(int64_t one, int64_t other) { return one < other ? one : other; }

/* Whole milliseconds, as the kernel's calls take them: rounded up. */
static int milliseconds(int64_t ns) { return ns <= 0 ? 0 : (int)((ns + NAP_STEP_NS - 1) / NAP_STEP_NS); }

static int would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

static int failed(struct load *load, const struct peer *peer, int status, int error, int64_t length) {
    load->failed = (int32_t)(peer - load->peers);
    load->error = error;
    load->piece_length = length;
    return status;
}

/* Ready connections, or BROKEN; waits as long as there is to wait. */
static int find(struct load *load, int64_t wait_ns, int32_t *ready) {
    int found = look(load, milliseconds(wait_ns), ready);
    if (found >= 0) return found;
    if (errno == EINTR) return 0; /* a signal: Python's handler runs when this call returns to it, soon */
    load->error = errno;
    return BROKEN;
}

/* Account for a look in vain; the time after it. The first one in a row belongs to the work before. */
static int64_t in_vain(struct load *load, int64_t before_ns) {
    int64_t now = crossloop_load_now();
    if (load->looked && load->spin) load->looking_ns += least(now - before_ns, LOOK_NS);
    load->looked = 1;
    return now;
}

/* Values as wide as 1/128 of themselves share a bucket; below 256 each has its own. */
static void record(uint64_t *buckets, int64_t value) {
    int shift = 0;
    if (value < 0) value = 0;
    if (value >= 256) shift = 56 - __builtin_clzll((unsigned long long)value);
    int64_t place = ((int64_t)shift * SUB_BUCKETS) + (value >> shift);
    buckets[least(place, BUCKETS - 1)]++;
}

/* Lay the header over the first bytes of the message's place in the pattern, or take it away again: between the two
 * the whole message lies there. A send of two parts (sendmsg) costs 0.2 µs more, and a copy more for large messages. */
static void swap_header(struct peer *peer) {
    struct header header = peer->header;
    memcpy(&peer->header, peer->message, sizeof header);
    memcpy(peer->message, &header, sizeof header);
}

/* Write what is left of the message in flight, and have the connection watched for room while there is none. */
static int push(struct load *load, struct peer *peer) {
    swap_header(peer);
    ssize_t count = send(peer->descriptor, peer->message + peer->written, (size_t)(load->size - peer->written),
                         MSG_NOSIGNAL);
    swap_header(peer);
    if (count < 0) {
        if (!would_block(errno)) return failed(load, peer, LOST, errno, 0);
        count = 0;
    }
    peer->written += count;
    int hold = peer->written < load->size;
    if (hold == peer->holding) return 0;
    peer->holding = hold;
    return want_room(load, peer, hold) < 0 ? failed(load, peer, LOST, errno, 0) : 0;
}

/* Where a message begins in the pattern. */
static uint64_t place_of(uint64_t connection, uint64_t sequence) {
    return (connection * CONNECTION_STEP + sequence * SEQUENCE_STEP) % PLACES;
}

/* Send the next message on an idle connection. */
static int send_next(struct load *load, struct peer *peer, int64_t now) {
    uint64_t sequence = (uint64_t)++load->sequence;
    peer->before = peer->header.sequence;
    peer->header.sequence = sequence;
    peer->message = load->pattern + place_of(peer->header.connection, sequence);
    peer->sent_ns = now;
    peer->written = 0;
    return push(load, peer);
}

/* Whether the next bytes of an answer are those of the message. */
static int right(const struct load *load, struct peer *peer, int64_t count) {
    swap_header(peer);
    int differs = memcmp(peer->message + peer->filled, load->piece, (size_t)count);
    swap_header(peer);
    return !differs;
}

/* Read and compare. 1: the answer is whole; 0: not yet; negative: what went wrong. */
static int take(struct load *load, struct peer *peer) {
    if (peer->holding) {
        int status = push(load, peer);
        if (status < 0) return status;
    }
    int64_t missing = load->size - peer->filled;
    /* One byte more than is missing, so that a longer answer is seen. */
    ssize_t got = recv(peer->descriptor, load->piece, (size_t)least(missing + 1, load->piece_room), 0);
    if (got < 0) return would_block(errno) ? 0 : failed(load, peer, LOST, errno, 0);
    /* An idle connection's message is the last one: a second answer to it must not pass for good. */
    if (got == 0 || got > missing || !peer->sent_ns || !right(load, peer, got))
        return failed(load, peer, WRONG, 0, got);
    peer->filled += got;
    if (peer->filled < load->size) return 0;
    peer->filled = 0;
    return 1;
}

/* Closed loop: a message on every idle connection. */
int crossloop_load_begin(struct load *load) {
    for (int64_t i = 0; i < load->count; i++) {
        int status = load->peers[i].sent_ns ? 0 : send_next(load, &load->peers[i], crossloop_load_now());
        if (status < 0) return status;
    }
    return 0;
}

/* Closed loop: every connection sends its next message as soon as its answer is whole. */
int crossloop_load_closed(struct load *load, int64_t until_ns) {
    int32_t ready[EVENTS];
    int64_t now = crossloop_load_now();
    while (now < until_ns) {
        int found = find(load, load->spin ? 0 : until_ns - now, ready);
        if (found < 0) return found;
        if (!found) {
            now = in_vain(load, now);
            continue;
        }
        load->looked = 0;
        for (int i = 0; i < found; i++) {
            struct peer *peer = &load->peers[ready[i]];
            int status = take(load, peer);
            now = crossloop_load_now();
            if (status > 0) {
                record(load->buckets, now - peer->sent_ns);
                load->answered++;
                status = send_next(load, peer, now);
            }
            if (status < 0) return status;
        }
    }
    return 0;
}

static int send_arrival(struct load *load, struct plan *plan, struct peer *peer, int64_t place, int64_t now) {
    peer->place = place;
    peer->due_ns = plan->due_ns[place] + plan->origin_ns;
    plan->in_flight++;
    return send_next(load, peer, now);
}

/* Send what is due, on its own connection or on the one that has been idle longest, or queue it. */
static int send_due(struct load *load, struct plan *plan, int64_t last, int64_t now) {
    int status = 0;
    while (status >= 0 && plan->next < last && plan->due_ns[plan->next] <= now - plan->origin_ns) {
        int64_t place = plan->next;
        struct peer *peer;
        if (plan->chosen) {
            peer = &load->peers[plan->chosen[place]];
        } else {
            if (!load->idle_count) break;
            peer = &load->peers[load->idle[load->idle_first]];
            load->idle_first = (load->idle_first + 1) % load->count;
            load->idle_count--;
        }
        plan->next++;
        if (!peer->sent_ns) {
            status = send_arrival(load, plan, peer, place, now);
        } else {
            plan->after[place] = -1;
            if (peer->first < 0) peer->first = place;
            else plan->after[peer->last] = place;
            peer->last = place;
        }
    }
    return status;
}

/* An answer is whole: note its latency, and go on with what waits for its connection. */
static int answer(struct load *load, struct plan *plan, struct peer *peer) {
    int64_t now = crossloop_load_now();
    plan->latency_ns[peer->place] = now - peer->due_ns;
    plan->answered++;
    plan->in_flight--;
    peer->sent_ns = 0;
    if (!plan->chosen) {
        load->idle[(load->idle_first + load->idle_count++) % load->count] = (int32_t)(peer - load->peers);
        return 0;
    }
    int64_t place = peer->first;
    if (place < 0) return 0;
    peer->first = plan->after[place];
    return send_arrival(load, plan, peer, place, now);
}

/* How long a look may wait without missing an arrival: to a millisecond before it, as epoll rounds up. */
static int64_t nap(const struct load *load, const struct plan *plan, int64_t last, int64_t until_ns, int64_t now) {
    int64_t wake = until_ns;
    if (plan->next < last && (plan->chosen || load->idle_count))
        wake = least(wake, plan->origin_ns + plan->due_ns[plan->next]);
    return wake - now - NAP_STEP_NS;
}

/* Before an open loop: every connection is idle, and no arrival waits for one. */
void crossloop_load_rest(struct load *load) {
    for (int64_t i = 0; i < load->count; i++) {
        load->idle[i] = (int32_t)i;
        load->peers[i].first = -1;
    }
    load->idle_first = 0;
    load->idle_count = load->count;
}

/* Open loop: send what is due among the first `last` arrivals and take answers in. With `quiet`: until nothing
 * is in flight and nothing is due, if that comes first. */
int crossloop_load_open(struct load *load, struct plan *plan, int64_t last, int64_t until_ns, int quiet) {
    int32_t ready[EVENTS];
    int64_t sent = plan->next, now = crossloop_load_now();
    while (now < until_ns) {
        int status = send_due(load, plan, last, now);
        if (status < 0) return status;
        if (quiet && !plan->in_flight) break;
        int found = find(load, load->spin ? 0 : nap(load, plan, last, until_ns, now), ready);
        if (found < 0) return found;
        if (!found) {
            if (plan->next != sent) load->looked = 0;
            sent = plan->next;
            now = in_vain(load, now);
            continue;
        }
        load->looked = 0;
        for (int i = 0; i < found; i++) {
            struct peer *peer = &load->peers[ready[i]];
            status = take(load, peer);
            if (status > 0) status = answer(load, plan, peer);
            if (status < 0) return status;
        }
        now = crossloop_load_now();
    }
    return 0;
}

/* Take in what is in flight, sending nothing new; `waiting` connections had no answer at the end. */
int crossloop_load_drain(struct load *load, int64_t until_ns) {
    int32_t ready[EVENTS];
    int64_t now = crossloop_load_now();
    load->waiting = 0;
    for (int64_t i = 0; i < load->count; i++) load->waiting += load->peers[i].sent_ns != 0;
    while (load->waiting && now < until_ns) {
        int found = find(load, least(DRAIN_LOOK_NS, until_ns - now), ready);
        if (found < 0) return found;
        for (int i = 0; i < found; i++) {
            struct peer *peer = &load->peers[ready[i]];
            int status = take(load, peer);
            if (status < 0) return status;
            if (!status) continue;
            peer->sent_ns = 0;
            load->waiting--;
            load->last_answer_ns = crossloop_load_now();
        }
        now = crossloop_load_now();
    }
    return 0;
}

/* Nothing is in flight: nothing may arrive, and no connection may have been closed. */
int crossloop_load_silence(struct load *load) {
    int32_t ready[EVENTS];
    int found = look(load, 0, ready);
    for (int i = 0; i < found; i++) {
        int status = take(load, &load->peers[ready[i]]);
        if (status < 0) return status;
    }
    return 0;
}

/* Gather latencies of an open loop in a histogram. */
void crossloop_load_gather(uint64_t *buckets, const int64_t *values_ns, int64_t count) {
    for (int64_t i = 0; i < count; i++) record(buckets, values_ns[i]);
}
