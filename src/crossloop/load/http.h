/* The end of an HTTP/1.1 response and the bytes of its body (RFC 9112): `crossloop.load.reading` in C.
 *
 * Each step leaves the connection as it was unless what came is right: Python takes the step again for its words. */
#ifndef CROSSLOOP_LOAD_HTTP_H
#define CROSSLOOP_LOAD_HTTP_H

#include <strings.h>

#include "content.h"

static int is_blank(unsigned char byte) { return byte == ' ' || byte == '\t'; }

/* Value of a whole number in base 10 or 16, -1: it is none, or more than any content has. */
static int64_t number_in(const unsigned char *text, int64_t size, int base) {
    int64_t value = 0;
    if (!size) return -1;
    for (int64_t i = 0; i < size; i++) {
        unsigned char digit = text[i];
        int letter = digit | 32, worth = 16;
        if (digit >= '0' && digit <= '9') worth = digit - '0';
        else if (letter >= 'a' && letter <= 'f') worth = letter - 'a' + 10;
        if (worth >= base || value > INT32_MAX) return -1;
        value = value * base + worth;
    }
    return value;
}

static int is_named(const unsigned char *line, int64_t colon, const char *name) {
    return colon == (int64_t)strlen(name) && !strncasecmp((const char *)line, name, (size_t)colon);
}

/* A header: 0, or WRONG. */
static int take_header(const struct load *load, struct peer *peer, const unsigned char *line, int64_t size) {
    const unsigned char *found = memchr(line, ':', (size_t)size);
    if (!found || found == line) return WRONG;
    int64_t colon = found - line, start = colon + 1, end = size;
    while (start < end && is_blank(line[start])) start++;
    while (end > start && is_blank(line[end - 1])) end--;
    const unsigned char *value = line + start;
    int framed = peer->length >= 0 || peer->chunked;
    if (is_named(line, colon, "content-length")) {
        if (framed || number_in(value, end - start, 10) != load->answer.size) return WRONG;
        peer->length = load->answer.size;
    } else if (is_named(line, colon, "transfer-encoding")) {
        if (framed || end - start != 7 || strncasecmp((const char *)value, "chunked", 7)) return WRONG;
        peer->chunked = 1;
    }
    return 0;
}

static int take_chunk_size(const struct load *load, struct peer *peer, const unsigned char *line, int64_t size) {
    int64_t end = 0;
    while (end < size && line[end] != ';' && !is_blank(line[end])) end++;
    int64_t count = number_in(line, end, 16);
    if (count < 0 || count > load->answer.size - peer->filled) return WRONG;
    if (!count && peer->filled < load->answer.size) return WRONG;
    peer->left = count;
    peer->part = count ? CHUNK : TRAILERS;
    return 0;
}

/* A line without its end. 1: the answer is whole; 0: not yet; WRONG. */
static int take_line(const struct load *load, struct peer *peer, const unsigned char *line, int64_t size) {
    switch (peer->part) {
    case STATUS:
        if (size < 12 || memcmp(line, "HTTP/1.1 200", 12) || (size > 12 && line[12] != ' ')) return WRONG;
        peer->part = HEADERS;
        peer->length = -1;
        peer->chunked = 0;
        peer->filled = 0;
        return 0;
    case HEADERS:
        if (size) return take_header(load, peer, line, size);
        if (!peer->chunked && peer->length < 0) return WRONG;
        peer->part = peer->chunked ? CHUNK_SIZE : BODY;
        return !peer->chunked && !load->answer.size;
    case CHUNK_SIZE: return take_chunk_size(load, peer, line, size);
    case CHUNK_END:
        if (size) return WRONG;
        peer->part = CHUNK_SIZE;
        return 0;
    default: /* TRAILERS */
        return !size;
    }
}

/* Take the next step in a piece: a line or as much of the body as there is, and move on in the piece. As `take_line`. */
static int take_http(const struct load *load, struct peer *peer, int64_t *at) {
    const unsigned char *bytes = load->piece + *at;
    int64_t count = load->piece_length - *at;
    if (peer->part == BODY || peer->part == CHUNK) {
        count = least(count, peer->part == BODY ? load->answer.size - peer->filled : peer->left);
        if (!same(load, peer->number, peer->flights[peer->first & peer->mask].sequence, peer->filled, bytes, count))
            return WRONG;
        peer->filled += count;
        *at += count;
        if (peer->part == BODY) return peer->filled == load->answer.size;
        peer->left -= count;
        if (!peer->left) peer->part = CHUNK_END;
        return 0;
    }
    const unsigned char *end = memchr(bytes, '\n', (size_t)count);
    int64_t used = end ? end - bytes + 1 : count, size = peer->line_length + used;
    if (peer->head_length + size > LINE_ROOM) return WRONG;
    const unsigned char *line = bytes;
    if (peer->line_length || !end) {
        memcpy(peer->line + peer->line_length, bytes, (size_t)used);
        line = peer->line;
    }
    int status = 0;
    if (end) {
        int in_head = peer->part == STATUS || peer->part == HEADERS || peer->part == TRAILERS;
        status = size < 2 || line[size - 2] != '\r' ? WRONG : take_line(load, peer, line, size - 2);
        if (status < 0) return status;
        if (in_head) peer->head_length += size;
        size = 0;
    }
    peer->line_length = size;
    *at += used;
    return status;
}

#endif
