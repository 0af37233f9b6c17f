/* A small store made in memory, in each of the three formats, for the fuzz targets of Outlook stores; and changes to it. */
#ifndef HAUL_FUZZ_PST_SMALL_H
#define HAUL_FUZZ_PST_SMALL_H

#include "pst/crypt.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

#define NBT    1024u /* places in the file */
#define BBT    5120u
#define BLOCKS 9216u
#define SLOT   512u
#define LEAF   300u /* octets of data in a block */
#define ITEM   0x200024u
#define VALUE  (2 * LEAF)

enum {
    PROPS = 0x4,
    ATTACHMENT = 0x8,
    LEAF_1 = 0xc,
    LEAF_2 = 0x10,
    XBLOCK = 0x16,
    XXBLOCK = 0x1a,
    SUBS = 0x1e,
    VALUES = 0x22
};

typedef struct maker {
    uint8_t *p;
    unsigned version; /* 0 ANSI, 1 Unicode, 2 with 4k pages */
    uint8_t crypt;
    size_t id; /* octets of ids */
    size_t n;  /* blocks */
    size_t
        base; /* what is behind the header is moved by this, so that it can lie behind the first map of a format */
} maker;

static void put(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t sum(const uint8_t *p, size_t n)
{
    return (uint32_t)crc32(0xffffffffu, p, (uInt)n) ^ 0xffffffffu;
}

/* Both trailers: two octets, signature, then checksum and id in an order of the format's. */
static void trailer(const maker *m, uint8_t *t, uint32_t head, uint64_t at, uint64_t id, uint32_t crc)
{
    uint32_t x = (uint32_t)(at ^ id);
    put(t, head, 2);
    put(t + 2, x >> 16 ^ x, 2);
    put(t + (m->version ? 4 : 8), crc, 4);
    put(t + (m->version ? 8 : 4), id, m->id);
}

static void page(const maker *m, uint64_t at, uint8_t kind, size_t n, size_t entry)
{
    uint8_t *p = m->p + at;
    size_t foot = m->version == 2 ? 4056 : m->version ? 488 : 496;
    size_t end = m->version == 2 ? 4072 : m->version ? 496 : 500, wide = m->version == 2 ? 2 : 1;
    put(p + foot, n, wide);
    put(p + foot + wide, n, wide);
    p[foot + 2 * wide] = (uint8_t)entry;
    trailer(m, p + end, kind | (uint32_t)kind << 8, at, kind, sum(p, end));
}

/* Encoded; the second leaf is compressed, too, where the format knows that. */
static void block(maker *m, uint64_t id, const uint8_t *data, size_t n)
{
    uint64_t at = m->base + BLOCKS + m->n * SLOT;
    uint8_t *p = m->p + at, *e = m->p + m->base + BBT + m->n++ * (m->version ? 24 : 12), plain[SLOT];
    size_t stored = n,
           foot = m->version == 2 ? 24
                  : m->version    ? 16
                                  : 12,
           align = m->version == 2 ? SLOT : 64;
    uLongf packed = SLOT;
    memcpy(plain, data, n);
    if (!(id & 2))
        haul_crypt_encode(m->crypt, id, 0, plain, n);
    if (m->version == 2 && id == LEAF_2 && compress(p, &packed, plain, n) == Z_OK)
        stored = packed;
    else
        memcpy(p, plain, n);
    size_t room = (stored + foot + align - 1) / align * align;
    trailer(m, p + room - foot, (uint32_t)stored, at, id, sum(p, stored));
    put(p + room - foot + 16, m->version == 2 ? 2 | n << 16 : 0, m->version == 2 ? 4 : 0);
    put(e, id, m->id);
    put(e + m->id, at, m->id);
    put(e + 2 * m->id, stored, 2);
    put(e + 2 * m->id + 2, m->version == 2 ? n : 1, 2);
}

/* A heap with a B-tree of one record of eight octets, and a value of four. */
static void props(maker *m, uint64_t id, const uint8_t *record)
{
    static const uint8_t head[] = {12 + 8 + 8 + 4, 0, 0xec, 0xbc, 0x20, 0, 0, 0, 0, 0, 0, 0,
                                   0xb5,           2, 6,    0,    0x40};
    static const uint8_t map[] = {3, 0, 0, 0, 12, 0, 20, 0, 28, 0, 32, 0};
    uint8_t p[44] = {0};
    memcpy(p, head, sizeof(head));
    memcpy(p + 20, record, 8);
    memcpy(p + 28, "text", 4);
    memcpy(p + 32, map, sizeof(map));
    block(m, id, p, sizeof(p));
}

static void list(maker *m, uint64_t id, uint8_t level, size_t n, const uint64_t *ids, uint32_t total)
{
    uint8_t p[24] = {1, level, (uint8_t)n};
    put(p + 4, total, 4);
    for (size_t i = 0; i < n; i++)
        put(p + 8 + i * m->id, ids[i], m->id);
    block(m, id, p, 8 + n * m->id);
}

static void subnode(maker *m, uint64_t id, uint32_t nid, uint64_t data, uint64_t sub)
{
    uint8_t p[32] = {2, 0, 1};
    size_t head = m->version ? 8 : 4;
    put(p + head, nid, m->id);
    put(p + head + m->id, data, m->id);
    put(p + head + 2 * m->id, sub, m->id);
    block(m, id, p, head + 3 * m->id);
}

static void node(const maker *m, size_t i, uint32_t nid, uint64_t data, uint64_t sub)
{
    uint8_t *e = m->p + m->base + NBT + i * (m->version ? 32 : 16);
    put(e, nid, m->id);
    put(e + m->id, data, m->id);
    put(e + 2 * m->id, sub, m->id);
}

static void header(const maker *m)
{
    static const uint8_t versions[] = {14, 23, 36};
    uint8_t *root = m->p + (m->version ? 216 : 184);
    memcpy(m->p, "!BDN", 4);
    m->p[10] = versions[m->version];
    m->p[m->version ? 513 : 461] = m->crypt;
    put(root, 0x81, m->id);
    put(root + m->id, m->base + NBT, m->id);
    put(root + 2 * m->id, 0x80, m->id);
    put(root + 3 * m->id, m->base + BBT, m->id);
}

static void make(maker *m, size_t size)
{
    static const uint8_t subject[] = {0x37, 0, 0x1e, 0, 0x60, 0, 0, 0},
                         data[] = {1, 0x37, 2, 1, 0x3f, 0x80, 0, 0};
    static const uint64_t leaves[] = {LEAF_1, LEAF_2}, lists[] = {XBLOCK};
    uint8_t leaf[LEAF];
    memset(leaf, 'a', sizeof(leaf));
    memset(m->p, 0, size);
    header(m);
    props(m, PROPS, subject);
    props(m, ATTACHMENT, data);
    block(m, LEAF_1, leaf, LEAF);
    block(m, LEAF_2, leaf, LEAF);
    list(m, XBLOCK, 1, 2, leaves, VALUE);
    list(m, XXBLOCK, 2, 1, lists, VALUE);
    subnode(m, SUBS, 0x8025, ATTACHMENT, VALUES);
    subnode(m, VALUES, 0x803f, XXBLOCK, 0);
    page(m, m->base + BBT, 0x80, m->n, m->version ? 24 : 12);
    node(m, 0, 0x61, PROPS, 0);
    node(m, 1, ITEM, PROPS, SUBS);
    page(m, m->base + NBT, 0x81, 2, m->version ? 32 : 16);
}

/* place (two octets), count (one), octets; again. */
static inline void change(uint8_t *store, size_t room, const uint8_t *data, size_t size)
{
    while (size > 3) {
        size_t at = data[0] | (size_t)data[1] << 8, n = data[2];
        data += 3;
        size -= 3;
        n = n < size ? n : size;
        for (size_t i = 0; i < n; i++)
            store[(at + i) % room] = data[i];
        data += n;
        size -= n;
    }
}

#endif
