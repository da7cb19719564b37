/*
 * Aho-Corasick with a full transition table over byte classes: one look-up per byte of the text.
 * A transition's top bit says that a literal ends in the state it leads to. Each state has its own
 * literals' patterns, and a link to the next shorter suffix that has some.
 */
#include "classify/pattern_prefilter.h"

#include "base/mem.h"

#include <string.h>

#define ENDS UINT32_C(0x80000000)

enum { MAX_CELLS = 1 << 24 }; /* of the table: 64 MiB */

typedef struct ending {
    uint32_t pattern;
    uint32_t next; /* index + 1; 0: none */
} ending;

struct prefilter {
    size_t words;
    uint64_t *always;
    uint8_t class_of[256]; /* 0: in no literal */
    uint32_t classes;
    uint32_t states;
    uint32_t *next;   /* state * classes + class -> state | ENDS */
    uint32_t *own;    /* per state: index + 1 of its first ending */
    uint32_t *suffix; /* per state: the longest proper suffix state with endings, 0: none */
    uint32_t *fail;   /* while building */
    ending *endings;
    size_t ending_count;
};

static void count_work(prefilter *p, const literal_set *sets, size_t count, size_t *bytes,
                       size_t *literals)
{
    p->classes = 1;
    *bytes = 0;
    *literals = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < sets[i].count; k++) {
            alf_span text = sets[i].text[k];
            *bytes += text.size;
            for (size_t b = 0; b < text.size; b++) {
                unsigned char c = (unsigned char)text.data[b];
                if (p->class_of[c] == 0)
                    p->class_of[c] = (uint8_t)p->classes++;
            }
        }
        *literals += sets[i].count;
    }
    for (unsigned c = 'A'; c <= 'Z'; c++)
        p->class_of[c] = p->class_of[c | 0x20];
}

static void set_bit(uint64_t *bits, size_t i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static void add_literal(prefilter *p, alf_span text, size_t pattern)
{
    uint32_t state = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint32_t *to = &p->next[state * p->classes + p->class_of[(unsigned char)text.data[i]]];
        if (*to == 0)
            *to = p->states++;
        state = *to;
    }
    p->endings[p->ending_count] = (ending){(uint32_t)pattern, p->own[state]};
    p->own[state] = (uint32_t)++p->ending_count;
}

/* Adds the literals of each pattern for which there is room. */
static void add_all(prefilter *p, const literal_set *sets, size_t count, size_t max_states)
{
    for (size_t i = 0; i < count; i++) {
        size_t bytes = 0;
        for (size_t k = 0; k < sets[i].count; k++)
            bytes += sets[i].text[k].size;
        if (sets[i].count == 0 || p->states + bytes > max_states) {
            set_bit(p->always, i);
            continue;
        }
        for (size_t k = 0; k < sets[i].count; k++)
            add_literal(p, sets[i].text[k], i);
    }
}

/* Turns the trie into an automaton, breadth first. The trie's states are numbered depth first, so
 * queue holds the order. */
static void link_states(prefilter *p, uint32_t *queue)
{
    uint32_t head = 0, tail = 0;
    queue[tail++] = 0;
    while (head < tail) {
        uint32_t state = queue[head++];
        for (uint32_t c = 0; c < p->classes; c++) {
            uint32_t *to = &p->next[state * p->classes + c];
            uint32_t around = state == 0 ? 0 : p->next[p->fail[state] * p->classes + c];
            if (*to == 0) {
                *to = around;
                continue;
            }
            p->fail[*to] = around;
            p->suffix[*to] = p->own[around] != 0 ? around : p->suffix[around];
            queue[tail++] = *to;
        }
    }
}

static void mark_ends(prefilter *p)
{
    size_t n = (size_t)p->states * p->classes;
    for (size_t i = 0; i < n; i++) {
        uint32_t to = p->next[i];
        if (p->own[to] != 0 || p->suffix[to] != 0)
            p->next[i] = to | ENDS;
    }
}

static alf_status allocate(prefilter *p, size_t count, size_t states, size_t literals,
                           alf_error *err)
{
    p->words = count / 64 + 1;
    p->always = mem_calloc(p->words, sizeof *p->always);
    p->next = mem_calloc(states * p->classes, sizeof *p->next);
    p->own = mem_calloc(states, sizeof *p->own);
    p->suffix = mem_calloc(states, sizeof *p->suffix);
    p->fail = mem_calloc(states, sizeof *p->fail);
    p->endings = mem_calloc(literals + 1, sizeof *p->endings);
    bool good = p->always != NULL && p->next != NULL && p->own != NULL && p->suffix != NULL &&
                p->fail != NULL && p->endings != NULL;
    return good ? ALF_OK : error_nomem(err, "the literals of patterns");
}

static alf_status build(prefilter *p, const literal_set *sets, size_t count, alf_error *err)
{
    size_t bytes, literals;
    count_work(p, sets, count, &bytes, &literals);
    size_t max_states = bytes + 1 < MAX_CELLS / p->classes ? bytes + 1 : MAX_CELLS / p->classes;
    TRY(allocate(p, count, max_states, literals, err));
    uint32_t *queue = mem_calloc(max_states, sizeof *queue);
    if (queue == NULL)
        return error_nomem(err, "the literals of patterns");
    p->states = 1;
    add_all(p, sets, count, max_states);
    link_states(p, queue);
    mark_ends(p);
    mem_free(queue);
    mem_free(p->fail);
    p->fail = NULL;
    uint32_t *smaller = mem_realloc(p->next, (size_t)p->states * p->classes, sizeof *p->next);
    if (smaller != NULL)
        p->next = smaller;
    return ALF_OK;
}

alf_status prefilter_new(const literal_set *sets, size_t count, prefilter **out, alf_error *err)
{
    prefilter *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return error_nomem(err, "the literals of patterns");
    alf_status status = build(p, sets, count, err);
    if (status == ALF_OK)
        *out = p;
    else
        prefilter_free(p);
    return status;
}

void prefilter_free(prefilter *p)
{
    if (p == NULL)
        return;
    mem_free(p->always);
    mem_free(p->next);
    mem_free(p->own);
    mem_free(p->suffix);
    mem_free(p->fail);
    mem_free(p->endings);
    mem_free(p);
}

size_t prefilter_words(const prefilter *p)
{
    return p->words;
}

void prefilter_distrust(prefilter *p, size_t pattern)
{
    set_bit(p->always, pattern);
}

static void take_endings(const prefilter *p, uint32_t state, uint64_t *candidates)
{
    for (; state != 0; state = p->suffix[state])
        for (uint32_t e = p->own[state]; e != 0; e = p->endings[e - 1].next)
            set_bit(candidates, p->endings[e - 1].pattern);
}

void prefilter_search(const prefilter *p, alf_span text, uint64_t *candidates)
{
    memcpy(candidates, p->always, p->words * sizeof *candidates);
    uint32_t state = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint32_t to = p->next[state * p->classes + p->class_of[(unsigned char)text.data[i]]];
        state = to & ~ENDS;
        if ((to & ENDS) != 0)
            take_endings(p, state, candidates);
    }
}
