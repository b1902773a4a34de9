/* The hot loops of the load generator: the same as those of `crossloop.load.turns`, at the price of a C client.
 *
 * A call goes on until a time is reached or something is wrong. Every answer is compared byte by byte with what it
 * must be; what is wrong is left in place for Python, which finds the words. A request of nothing but a stamp and
 * filler is not composed: it is sent from the pattern (crossloop.load.message), and no answer is composed to be
 * compared. No call blocks longer than its time, nothing is allocated here, nothing is printed.
 * The clock is that of Python's perf_counter_ns. */
#define _GNU_SOURCE
#include <time.h>

#include "http.h"
#include "link.h"

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

/* Whole milliseconds, as the kernel's calls take them: rounded up. */
static int milliseconds(int64_t ns) { return ns <= 0 ? 0 : (int)((ns + NAP_STEP_NS - 1) / NAP_STEP_NS); }

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

/* Send from the pattern: between two exchanges of a header with the pattern's bytes the whole request lies there. A
 * send of two parts (sendmsg) costs 0.2 µs more, and a copy more for large messages. */
static int64_t write_overlaid(struct load *load, struct peer *peer, uint64_t sequence) {
    unsigned char *message = load->pattern + place_of(peer->number, sequence);
    struct header header = header_of(peer->number, sequence), pattern;
    memcpy(&pattern, message, sizeof header);
    memcpy(message, &header, sizeof header);
    int64_t count = write_bytes(load, peer, message + peer->written, load->request.size - peer->written);
    memcpy(message, &pattern, sizeof header);
    return count;
}

/* Send from a composed run of requests, the first one from where it was left. */
static int64_t write_composed(struct load *load, struct peer *peer, int64_t *size) {
    int64_t offset = peer->written;
    *size = 0;
    for (uint64_t at = peer->unsent; at != peer->end && *size < load->scratch_room; at++) {
        uint64_t sequence = peer->flights[at & peer->mask].sequence;
        *size += compose(load, peer->number, sequence, offset, load->scratch + *size, load->scratch_room - *size);
        offset = 0;
        if (load->lost_after_ns) break; /* each in a datagram of its own */
    }
    return write_bytes(load, peer, load->scratch, *size);
}

/* Write what is to be sent, and have the connection watched for room while there is none. */
static int push(struct load *load, struct peer *peer) {
    while (peer->unsent != peer->end) {
        int64_t size = load->request.size - peer->written, count;
        if (load->overlaid && peer->end - peer->unsent == 1)
            count = write_overlaid(load, peer, peer->flights[peer->unsent & peer->mask].sequence);
        else
            count = write_composed(load, peer, &size);
        if (count < 0) return (int)count;
        int64_t written = peer->written + count;
        for (; written >= load->request.size && peer->unsent != peer->end; written -= load->request.size) peer->unsent++;
        peer->written = written;
        if (count < size) break;
    }
    return hold(load, peer, peer->unsent != peer->end);
}

/* Put a request behind those in flight; `push` sends it. */
static void queue(struct load *load, struct peer *peer, int64_t now) {
    peer->flights[peer->end++ & peer->mask] = (struct flight){.sequence = (uint64_t)++load->sequence, .sent_ns = now};
}

/* The first connection sends, and all are to receive. */
static int broadcast(struct load *load, int64_t now) {
    load->sequence++;
    load->waiting = load->count;
    for (int64_t i = 0; i < load->count; i++) {
        struct peer *peer = &load->peers[i];
        peer->flights[peer->end++ & peer->mask] = (struct flight){.sequence = (uint64_t)load->sequence, .sent_ns = now};
        if (i) peer->unsent = peer->end;
    }
    return push(load, load->peers);
}

/* A connection anew, with a request as soon as it is there. */
static int start(struct load *load, struct peer *peer, int64_t now) {
    peer->written = peer->line_length = 0;
    queue(load, peer, now);
    int status = make(load, peer);
    return status > 0 ? push(load, peer) : status;
}

static void send_arrival(struct load *load, struct plan *plan, struct peer *peer, int64_t place, int64_t now) {
    peer->place = place;
    peer->due_ns = plan->due_ns[place] + plan->origin_ns;
    plan->in_flight++;
    queue(load, peer, now);
}

/* A connection has none in flight any more: it is idle, or goes on with what waits for it. */
static void rest(struct load *load, struct plan *plan, struct peer *peer, int64_t now) {
    plan->in_flight--;
    if (!plan->chosen) {
        load->idle[(load->idle_first + load->idle_count++) % load->count] = (int32_t)(peer - load->peers);
        return;
    }
    int64_t place = peer->next_place;
    if (place < 0) return;
    peer->next_place = plan->after[place];
    send_arrival(load, plan, peer, place, now);
}

/* What follows an answer that is whole and right; what it queues is sent by who calls. */
static int answered(struct load *load, struct plan *plan, struct peer *peer, int64_t sent_ns) {
    int64_t now = crossloop_load_now();
    peer->answered++;
    if (load->loop == OPEN_LOOP) {
        plan->latency_ns[peer->place] = now - peer->due_ns;
        plan->answered++;
        rest(load, plan, peer, now);
        return 0;
    }
    if (load->loop == DRAINING) {
        load->waiting--;
        load->last_answer_ns = now;
        if (load->drive == CONNECT) hang_up(load, peer);
        return 0;
    }
    record(load->buckets + (int64_t)peer->greedy * BUCKETS, now - sent_ns);
    load->answered++;
    switch (load->drive) {
    case PUSH: return --load->waiting ? 0 : broadcast(load, now);
    case CONNECT: hang_up(load, peer); return start(load, peer, crossloop_load_now());
    default: queue(load, peer, now); return 0;
    }
}

/* A datagram is not answered in time: go on without. */
static void give_up(struct load *load, struct plan *plan, struct peer *peer, int64_t now) {
    peer->first++;
    load->lost++;
    if (load->loop == OPEN_LOOP) rest(load, plan, peer, now);
    else if (load->loop == DRAINING) load->waiting--;
    else queue(load, peer, now);
}

/* Give up what has been in flight for too long, four times as often as it takes to be too long. */
static int expire(struct load *load, struct plan *plan, int64_t now) {
    if (!load->lost_after_ns || now < load->expire_ns) return 0;
    load->expire_ns = now + load->lost_after_ns / 4;
    for (int64_t i = 0; i < load->count; i++) {
        struct peer *peer = &load->peers[i];
        while (peer->first != peer->end && peer->flights[peer->first & peer->mask].sent_ns + load->lost_after_ns <= now)
            give_up(load, plan, peer, now);
        int status = peer->unsent != peer->end && !peer->holding ? push(load, peer) : 0;
        if (status < 0) return status;
    }
    return 0;
}

/* Whether something that was sent, if in part, is not answered. */
static int outstanding(const struct peer *peer) {
    return peer->first != peer->unsent || (peer->first != peer->end && peer->written);
}

/* Take the next step in a piece. 1: an answer is whole; 0: not yet; WRONG. */
static int take(const struct load *load, struct peer *peer, int64_t *at) {
    if (load->framing == HTTP) return take_http(load, peer, at);
    int64_t count = least(load->answer.size - peer->filled, load->piece_length - *at);
    uint64_t sequence = peer->flights[peer->first & peer->mask].sequence;
    if (!same(load, peer->number, sequence, peer->filled, load->piece + *at, count)) return WRONG;
    peer->filled += count;
    *at += count;
    return peer->filled == load->answer.size;
}

static int wrong(struct load *load, const struct peer *peer, int64_t at) {
    load->piece_at = at;
    return failed(load, peer, WRONG, 0);
}

/* Compare a piece of a stream, and do what follows each answer that is whole. */
static int take_piece(struct load *load, struct plan *plan, struct peer *peer) {
    for (int64_t at = 0; at < load->piece_length;) {
        if (!outstanding(peer)) return wrong(load, peer, at);
        int64_t before = at;
        int status = take(load, peer, &at);
        if (status < 0) return wrong(load, peer, before);
        if (!status) continue;
        peer->filled = peer->head_length = 0;
        peer->part = STATUS;
        if (peer->first == peer->unsent) return failed(load, peer, EARLY, 0);
        struct flight flight = peer->flights[peer->first++ & peer->mask];
        peer->before = flight.sequence;
        if (at < load->piece_length && !outstanding(peer)) return wrong(load, peer, at);
        status = answered(load, plan, peer, flight.sent_ns);
        if (status < 0) return status;
    }
    return 0;
}

/* Compare a datagram with what is in flight, then with what was: that is late, or comes again. */
static int take_datagram(struct load *load, struct plan *plan, struct peer *peer) {
    int whole = load->piece_length == load->answer.size;
    for (uint64_t at = peer->first; whole && at != peer->unsent; at++) {
        struct flight flight = peer->flights[at & peer->mask];
        if (!same(load, peer->number, flight.sequence, 0, load->piece, load->answer.size)) continue;
        while (peer->first != at) give_up(load, plan, peer, crossloop_load_now());
        peer->first++;
        peer->before = flight.sequence;
        return answered(load, plan, peer, flight.sent_ns);
    }
    if (!whole) return wrong(load, peer, 0);
    uint64_t sequence = load->answer.stamp ? sequence_in(load, load->piece) : peer->before;
    if (!sequence || sequence > (uint64_t)load->sequence ||
        !same(load, peer->number, sequence, 0, load->piece, load->answer.size))
        return wrong(load, peer, 0);
    load->duplicates++;
    return 0;
}

/* What a ready connection takes: go on connecting, write what is left, read and compare, send what follows. */
static int serve(struct load *load, struct plan *plan, struct peer *peer) {
    if (peer->phase != OPEN) {
        int status = go_on_connecting(load, peer);
        return status > 0 ? push(load, peer) : status;
    }
    if (peer->holding) {
        int status = push(load, peer);
        if (status < 0) return status;
    }
    do {
        load->piece_length = read_piece(load, peer);
        if (load->piece_length == BLOCKED) return 0;
        if (load->piece_length < 0) return (int)load->piece_length;
        if (!load->piece_length && !load->lost_after_ns) return wrong(load, peer, 0);
        int status = load->lost_after_ns ? take_datagram(load, plan, peer) : take_piece(load, plan, peer);
        if (status < 0) return status;
    } while (peer->phase == OPEN && more(load, peer));
    return peer->phase == OPEN && peer->unsent != peer->end && !peer->holding ? push(load, peer) : 0;
}

/* Ready connections, or BROKEN; waits as long as there is to wait. */
static int find(struct load *load, int64_t wait_ns, int32_t *ready) {
    if (load->refused) wait_ns = least(wait_ns, NAP_STEP_NS);
    if (load->lost_after_ns) wait_ns = least(wait_ns, load->lost_after_ns / 4);
    int found = look(load, milliseconds(wait_ns), ready);
    if (found >= 0) return found;
    if (errno == EINTR) return 0; /* a signal: Python's handler runs when this call returns to it, soon */
    load->error = errno;
    return BROKEN;
}

/* Connect those again whose server had no room for them. */
static int reach_again(struct load *load) {
    for (int64_t i = 0; load->refused && i < load->count; i++) {
        struct peer *peer = &load->peers[i];
        int status = peer->phase == REFUSED ? reach(load, peer) : 0;
        if (status > 0) status = push(load, peer);
        if (status < 0) return status;
    }
    return 0;
}

static int serve_all(struct load *load, struct plan *plan, const int32_t *ready, int found) {
    for (int i = 0; i < found; i++) {
        int status = serve(load, plan, &load->peers[ready[i]]);
        if (status < 0) return status;
    }
    return 0;
}

/* Closed loop: as many requests on every connection as it keeps in flight. */
int crossloop_load_begin(struct load *load) {
    int64_t now = crossloop_load_now();
    load->loop = CLOSED_LOOP;
    if (load->drive == PUSH) return load->waiting ? 0 : broadcast(load, now);
    for (int64_t i = 0; i < load->count; i++) {
        struct peer *peer = &load->peers[i];
        int status = 0;
        now = crossloop_load_now();
        if (load->drive == CONNECT) {
            if (peer->phase == CLOSED) status = start(load, peer, now);
        } else if ((int64_t)(peer->end - peer->first) < peer->depth) {
            while ((int64_t)(peer->end - peer->first) < peer->depth) queue(load, peer, now);
            status = push(load, peer);
        }
        if (status < 0) return status;
    }
    return 0;
}

/* Write what there is room for, and read nothing. */
int crossloop_load_stall(struct load *load) {
    for (int64_t i = 0; i < load->count; i++) {
        int status = load->peers[i].holding ? push(load, &load->peers[i]) : 0;
        if (status < 0) return status;
    }
    return 0;
}

/* Closed loop: every connection sends its next request as soon as an answer is whole. */
int crossloop_load_closed(struct load *load, int64_t until_ns) {
    int32_t ready[EVENTS];
    int64_t now = crossloop_load_now();
    load->loop = CLOSED_LOOP;
    while (now < until_ns) {
        int found = find(load, load->spin ? 0 : until_ns - now, ready);
        if (found < 0) return found;
        if (!found) {
            now = in_vain(load, now);
        } else {
            load->looked = 0;
            int status = serve_all(load, 0, ready, found);
            if (status < 0) return status;
            now = crossloop_load_now();
        }
        int status = load->refused ? reach_again(load) : expire(load, 0, now);
        if (status < 0) return status;
    }
    return 0;
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
        if (peer->first == peer->end) {
            send_arrival(load, plan, peer, place, now);
            status = push(load, peer);
        } else {
            plan->after[place] = -1;
            if (peer->next_place < 0) peer->next_place = place;
            else plan->after[peer->last_place] = place;
            peer->last_place = place;
        }
    }
    return status;
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
        load->peers[i].next_place = -1;
    }
    load->idle_first = 0;
    load->idle_count = load->count;
}

/* Open loop: send what is due among the first `last` arrivals and take answers in. With `quiet`: until nothing
 * is in flight and nothing is due, if that comes first. */
int crossloop_load_open(struct load *load, struct plan *plan, int64_t last, int64_t until_ns, int quiet) {
    int32_t ready[EVENTS];
    int64_t sent = plan->next, now = crossloop_load_now();
    load->loop = OPEN_LOOP;
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
        } else {
            load->looked = 0;
            status = serve_all(load, plan, ready, found);
            if (status < 0) return status;
            now = crossloop_load_now();
        }
        status = expire(load, plan, now);
        if (status < 0) return status;
    }
    return 0;
}

/* Take in what is in flight, sending nothing new; `waiting` answers had not come at the end. */
int crossloop_load_drain(struct load *load, int64_t until_ns) {
    int32_t ready[EVENTS];
    int64_t now = crossloop_load_now();
    load->loop = DRAINING;
    load->waiting = 0;
    for (int64_t i = 0; i < load->count; i++) load->waiting += (int64_t)(load->peers[i].end - load->peers[i].first);
    while (load->waiting && now < until_ns) {
        int found = find(load, least(DRAIN_LOOK_NS, until_ns - now), ready);
        if (found < 0) return found;
        int status = serve_all(load, 0, ready, found);
        if (status >= 0) status = load->refused ? reach_again(load) : expire(load, 0, crossloop_load_now());
        if (status < 0) return status;
        now = crossloop_load_now();
    }
    return 0;
}

/* Nothing is in flight: nothing may arrive, and no connection may have been closed. */
int crossloop_load_silence(struct load *load) {
    int32_t ready[EVENTS];
    load->loop = DRAINING;
    int found = look(load, 0, ready);
    return found > 0 ? serve_all(load, 0, ready, found) : 0;
}

/* Gather latencies of an open loop in a histogram. */
void crossloop_load_gather(uint64_t *buckets, const int64_t *values_ns, int64_t count) {
    for (int64_t i = 0; i < count; i++) record(buckets, values_ns[i]);
}

/* Close every connection that was made here. */
void crossloop_load_hang_up(struct load *load) {
    for (int64_t i = 0; load->drive == CONNECT && i < load->count; i++) hang_up(load, &load->peers[i]);
}
