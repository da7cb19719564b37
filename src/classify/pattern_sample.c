/* Walks the tree of a pattern at random: texts that match it, and texts that nearly do. */
#include "classify/pattern_sample.h"

#include "base/span.h"

#include <ctype.h>

size_t sample_count(const pattern_node *node)
{
    size_t n = 12 + 4 * (size_t)node->choices;
    return n < 200 ? n : 200;
}

typedef struct writer {
    char *out;
    size_t size;
    uint64_t state;
} writer;

static uint32_t draw(writer *w, uint32_t below)
{
    /* splitmix64 */
    uint64_t z = (w->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 33) % below;
}

static void put(writer *w, unsigned c)
{
    if (w->size < SAMPLE_MAX)
        w->out[w->size++] = (char)(unsigned char)c;
}

/* A member of the set, mostly one that logs have. */
static void put_member(writer *w, const uint64_t set[4])
{
    unsigned only = pattern_set_next(set, 0);
    if (pattern_set_next(set, only + 1) == 256) {
        if (only < 256)
            put(w, only);
        return;
    }
    static const char usual[] = "aeionrst xyz019AEZ_-./:=\"'\n\t";
    for (int i = 0; i < 6; i++) {
        unsigned c = (unsigned char)usual[draw(w, sizeof usual - 1)];
        if (pattern_set_has(set, c)) {
            put(w, c);
            return;
        }
    }
    unsigned c = pattern_set_next(set, draw(w, 256));
    if (c == 256)
        c = pattern_set_next(set, 0);
    if (c < 256)
        put(w, c);
}

static void walk(writer *w, const pattern_node *node)
{
    uint32_t times;
    switch (node->kind) {
    case PATTERN_EDGE:
    case PATTERN_START:
    case PATTERN_OPAQUE:
        return;
    case PATTERN_SET:
        put_member(w, node->set);
        return;
    case PATTERN_SEQUENCE:
        for (const pattern_node *n = node->first; n != NULL; n = n->next)
            walk(w, n);
        return;
    case PATTERN_CHOICE:
        times = 0;
        for (const pattern_node *n = node->first; n != NULL; n = n->next)
            times++;
        times = draw(w, times > 0 ? times : 1);
        for (const pattern_node *n = node->first; n != NULL; n = n->next)
            if (times-- == 0) {
                walk(w, n);
                return;
            }
        return;
    case PATTERN_REPEAT:
        times = node->low + draw(w, node->high - node->low + 1);
        for (uint32_t i = 0; i < times && w->size < SAMPLE_MAX; i++)
            walk(w, node->first);
        return;
    }
}

static void put_around(writer *w)
{
    static const char *const around[] = {"",  " ",        "\n", "x",  "_",
                                         "-", "\xc3\xa9", "\v", "7 ", "\r\n"};
    const char *text = around[draw(w, sizeof around / sizeof around[0])];
    for (; *text != '\0'; text++)
        put(w, (unsigned char)*text);
}

/* Makes a matching text into one that nearly matches. */
static void disturb(writer *w, size_t start)
{
    size_t n = w->size - start;
    if (n == 0)
        return;
    char *at = w->out + start + draw(w, (uint32_t)n);
    switch (draw(w, 5)) {
    case 0: /* drop a byte */
        memmove(at, at + 1, (size_t)(w->out + w->size - at - 1));
        w->size--;
        return;
    case 1:
        *at = (char)(unsigned char)draw(w, 256);
        return;
    case 2:
        *at = isalpha((unsigned char)*at) ? (char)(*at ^ 0x20) : '\n';
        return;
    case 3: /* cut the end off */
        w->size = (size_t)(at - w->out);
        return;
    default: /* cut the start off */
        n = (size_t)(w->out + w->size - at);
        memmove(w->out + start, at, n);
        w->size = start + n;
        return;
    }
}

size_t sample_make(const pattern_node *node, uint64_t seed, size_t n, char out[SAMPLE_MAX])
{
    writer w = {.out = out, .state = seed * 1000003u + n};
    put_around(&w);
    size_t start = w.size;
    walk(&w, node);
    if (n % 3 != 0)
        disturb(&w, start);
    put_around(&w);
    return w.size;
}
