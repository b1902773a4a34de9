/* Contents of requests and answers (crossloop.api.exchange): compared where they lie, composed only to be sent. */
#ifndef CROSSLOOP_LOAD_CONTENT_H
#define CROSSLOOP_LOAD_CONTENT_H

#include <string.h>

#include "engine.h"

static int64_t least(int64_t one, int64_t other) { return one < other ? one : other; }

/* Where an own filler begins in the pattern, less the room of a header. */
static uint64_t place_of(uint64_t connection, uint64_t sequence) {
    return (connection * CONNECTION_STEP + sequence * SEQUENCE_STEP) % PLACES;
}

static struct header header_of(uint32_t connection, uint64_t sequence) {
    return (struct header){.magic = {'C', 'L', 'M', 2}, .connection = connection, .sequence = sequence};
}

static void write_hex(unsigned char *room, uint64_t value, int digits) {
    while (digits--) {
        room[digits] = (unsigned char)"0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

/* The bytes of a content from `offset` on that lie together, and in `size` how many; `stamp` is room for one. */
static const unsigned char *part_of(const struct load *load, const struct content *content, uint32_t connection,
                                    uint64_t sequence, int64_t offset, unsigned char *stamp, int64_t *size) {
    if (offset < content->before_size) {
        *size = content->before_size - offset;
        return content->before + offset;
    }
    offset -= content->before_size;
    if (offset < content->stamp) {
        *size = content->stamp - offset;
        if (content->stamp == BINARY_STAMP) {
            struct header header = header_of(connection, sequence);
            memcpy(stamp, &header, sizeof header);
        } else {
            write_hex(stamp, connection, 8);
            write_hex(stamp + 8, sequence, 16);
        }
        return stamp + offset;
    }
    offset -= content->stamp;
    if (offset < content->own) {
        *size = content->own - offset;
        return load->pattern + place_of(connection, sequence) + sizeof(struct header) + offset;
    }
    offset -= content->own;
    *size = content->after_size - offset;
    return content->after + offset;
}

/* Whether `count` bytes are those of the answer with this sequence from `offset` on. */
static int same(const struct load *load, uint32_t connection, uint64_t sequence, int64_t offset,
                const unsigned char *bytes, int64_t count) {
    unsigned char stamp[HEX_STAMP];
    while (count) {
        int64_t size;
        const unsigned char *part = part_of(load, &load->answer, connection, sequence, offset, stamp, &size);
        size = least(size, count);
        if (memcmp(part, bytes, (size_t)size)) return 0;
        offset += size;
        bytes += size;
        count -= size;
    }
    return 1;
}

/* Compose a request from `offset` on, as much of it as there is room for; returns how many bytes. */
static int64_t compose(const struct load *load, uint32_t connection, uint64_t sequence, int64_t offset,
                       unsigned char *room, int64_t room_size) {
    unsigned char stamp[HEX_STAMP];
    int64_t count = least(load->request.size - offset, room_size), missing = count;
    while (missing) {
        int64_t size;
        const unsigned char *part = part_of(load, &load->request, connection, sequence, offset, stamp, &size);
        size = least(size, missing);
        memcpy(room, part, (size_t)size);
        offset += size;
        room += size;
        missing -= size;
    }
    return count;
}

/* The sequence in the stamp of an answer, all of which came; 0: it has none. */
static uint64_t sequence_in(const struct load *load, const unsigned char *answer) {
    const unsigned char *stamp = answer + load->answer.before_size;
    struct header header;
    uint64_t sequence = 0;
    if (load->answer.stamp == BINARY_STAMP) {
        memcpy(&header, stamp, sizeof header);
        return header.sequence;
    }
    for (int i = 8; i < load->answer.stamp; i++) {
        unsigned char digit = stamp[i];
        sequence = sequence << 4 | (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10) % 16;
    }
    return sequence;
}

#endif
