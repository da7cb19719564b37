/* Building the tree of n-grams, and reading a counter. */
#include "engine/text_ngrams.h"

#include "base/mem.h"

#include <string.h>

alf_status text_ngrams_init(text_ngrams *n, uint32_t token_count, uint32_t edge_count,
                            uint32_t column_count, arena *memory, alf_error *err)
{
    uint32_t capacity = 16;
    if (edge_count > (1U << 28) || column_count > NGRAM_MOST_COLUMNS)
        return error_set(err, ALF_E_LIMIT, "%u n-grams of %u tokens", (unsigned)column_count,
                         (unsigned)edge_count);
    while (capacity < edge_count * 2)
        capacity *= 2;
    *n = (text_ngrams){
        .mask = capacity - 1, .token_count = token_count, .column_count = column_count};
    n->edges = arena_alloc(memory, capacity, sizeof *n->edges);
    n->first = arena_alloc(memory, token_count, sizeof *n->first);
    if (n->edges == NULL || n->first == NULL)
        return error_nomem(err, "n-grams");
    for (uint32_t i = 0; i < token_count; i++)
        n->first[i].column = NGRAM_NO_COLUMN;
    return ALF_OK;
}

void text_ngrams_add(text_ngrams *n, uint32_t parent, uint32_t token, ngram_node child)
{
    if (parent == 0) {
        n->first[token] = child;
        return;
    }
    uint32_t at = ngram_hash(parent, token) & n->mask;
    while (n->edges[at].parent != 0)
        at = (at + 1) & n->mask;
    n->edges[at] = (ngram_edge){parent, token, child};
}

alf_status ngram_counter_init(ngram_counter *c, uint32_t columns, alf_error *err)
{
    size_t words = columns / 64 + 1;
    *c = (ngram_counter){.word_count = (uint32_t)(words / 64 + 1)};
    c->counts = mem_calloc(columns, sizeof *c->counts);
    c->bits = mem_calloc(words, sizeof *c->bits);
    c->words = mem_calloc(c->word_count, sizeof *c->words);
    if (c->counts != NULL && c->bits != NULL && c->words != NULL)
        return ALF_OK;
    ngram_counter_fini(c);
    return error_nomem(err, "counts of terms");
}

void ngram_counter_fini(ngram_counter *c)
{
    mem_free(c->counts);
    mem_free(c->bits);
    mem_free(c->words);
    *c = (ngram_counter){0};
}

uint32_t ngram_counter_take(ngram_counter *c, uint32_t *columns, uint32_t *counts)
{
    uint32_t n = 0;
    for (uint32_t w = 0; w < c->word_count; w++) {
        for (uint64_t words = c->words[w]; words != 0; words &= words - 1) {
            uint32_t word = w * 64 + (uint32_t)__builtin_ctzll(words);
            for (uint64_t bits = c->bits[word]; bits != 0; bits &= bits - 1) {
                uint32_t column = word * 64 + (uint32_t)__builtin_ctzll(bits);
                uint32_t count = c->counts[column];
                columns[n] = column;
                counts[n++] = count < NGRAM_MOST_COUNT ? count : NGRAM_MOST_COUNT;
                c->counts[column] = 0;
            }
            c->bits[word] = 0;
        }
        c->words[w] = 0;
    }
    c->open_count = 0;
    return n;
}
