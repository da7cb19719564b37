/*
 * The n-grams of a vectorizer as a tree whose edges are tokens, and counting: one token after the
 * other, every n-gram that ends there is counted. An n-gram is followed by the numbers of its
 * nodes; no text is put together.
 *
 * The counter lists its columns in ascending order, whatever order they were counted in: bits of
 * columns, and bits of those words that are not zero.
 */
#ifndef ALF_ENGINE_TEXT_NGRAMS_H
#define ALF_ENGINE_TEXT_NGRAMS_H

#include "base/arena.h"
#include "base/error.h"

enum {
    NGRAM_LONGEST = 16,
    NGRAM_MOST_COLUMNS = 1 << 22,
    NGRAM_MOST_COUNT = 1 << 24 /* a float that counts in ones stays there */
};

#define NGRAM_NO_COLUMN UINT32_MAX
#define NGRAM_HAS_EDGES UINT32_C(0x80000000) /* beside a node's number */

typedef struct ngram_node {
    uint32_t node;   /* and NGRAM_HAS_EDGES */
    uint32_t column; /* or NGRAM_NO_COLUMN */
} ngram_node;

typedef struct ngram_edge {
    uint32_t parent, token; /* parent 0: free, since edges of the root are in `first` */
    ngram_node child;
} ngram_edge;

typedef struct text_ngrams {
    ngram_node *first; /* per token: the n-gram of it alone; node 0: no n-gram begins so */
    ngram_edge *edges; /* of all other nodes, by hash */
    uint32_t mask;     /* of edges; their number is a power of two */
    uint32_t token_count, column_count;
} text_ngrams;

/* Room for edges and tokens, in memory that outlives the n-grams. */
alf_status text_ngrams_init(text_ngrams *n, uint32_t token_count, uint32_t edge_count,
                            uint32_t column_count, arena *memory, alf_error *err);
/* parent 0: the root. Each edge once; child: with NGRAM_HAS_EDGES where that holds. */
void text_ngrams_add(text_ngrams *n, uint32_t parent, uint32_t token, ngram_node child);

/* ---- counting ---- */

typedef struct ngram_counter {
    uint32_t *counts; /* per column; 0 between texts */
    uint64_t *bits;   /* of columns counted */
    uint64_t *words;  /* of words of `bits` that are not zero */
    uint32_t word_count;
    uint32_t open_count;
    uint32_t open[NGRAM_LONGEST]; /* nodes that the next token may lead on from */
} ngram_counter;

alf_status ngram_counter_init(ngram_counter *c, uint32_t columns, alf_error *err);
void ngram_counter_fini(ngram_counter *c);

static inline uint32_t ngram_hash(uint32_t parent, uint32_t token)
{
    uint64_t h = ((uint64_t)parent << 32 | token) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h >> 32);
}

static inline void ngram_count(ngram_counter *c, uint32_t column)
{
    c->counts[column]++;
    c->bits[column / 64] |= UINT64_C(1) << (column % 64);
    c->words[column / 4096] |= UINT64_C(1) << (column / 64 % 64);
}

/* A token that is in no n-gram. */
static inline void ngram_break(ngram_counter *c)
{
    c->open_count = 0;
}

static inline void ngram_token(const text_ngrams *n, ngram_counter *c, uint32_t token)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->open_count; i++) {
        uint32_t parent = c->open[i];
        uint32_t at = ngram_hash(parent, token) & n->mask;
        const ngram_edge *e = &n->edges[at];
        while (e->parent != 0 && (e->parent != parent || e->token != token)) {
            at = (at + 1) & n->mask;
            e = &n->edges[at];
        }
        if (e->parent == 0)
            continue;
        if (e->child.column != NGRAM_NO_COLUMN)
            ngram_count(c, e->child.column);
        c->open[kept] = e->child.node & ~NGRAM_HAS_EDGES;
        kept += (e->child.node & NGRAM_HAS_EDGES) != 0;
    }
    ngram_node first = n->first[token];
    if (first.column != NGRAM_NO_COLUMN)
        ngram_count(c, first.column);
    c->open[kept] = first.node & ~NGRAM_HAS_EDGES;
    c->open_count = kept + ((first.node & NGRAM_HAS_EDGES) != 0);
}

/* Writes the columns counted, ascending, and how often; the counter is as new after it. Room for
 * all columns is the caller's matter. */
uint32_t ngram_counter_take(ngram_counter *c, uint32_t *columns, uint32_t *counts);

#endif
