/*
 * Making values within limits: what pickles, joblib files and numpy arrays are read into.
 *
 * A builder counts values and bytes, and how deep values nest, and refuses with ALF_E_LIMIT. Depth
 * is what a value had when it was put into its container: cycles and later growth through the memo
 * are not followed, so readers of values still bound their own recursion.
 * Small kinds are allocated short: a value is never copied as a struct.
 */
#ifndef ALF_CODEC_BUILDER_H
#define ALF_CODEC_BUILDER_H

#include "codec/joblib.h"

typedef struct builder {
    arena *arena; /* its limit is limits.max_memory */
    joblib_limits limits;
    size_t values; /* made so far */
    size_t heap;   /* bytes outside the arena that count too: stacks, memos, sibling files */
    alf_error *err;
} builder;

/* count * size bytes, zeroed; ALF_E_LIMIT or ALF_E_NOMEM. offset: for the message. */
alf_status builder_alloc(builder *b, size_t count, size_t size, uint64_t offset, void **out);

/* Fails when `more` bytes outside the arena would pass the limit; else counts them. */
alf_status builder_count_heap(builder *b, size_t more, uint64_t offset);

/* A zeroed value of a kind. */
alf_status builder_new(builder *b, value_kind kind, uint64_t offset, value **out);
alf_status builder_bool(builder *b, bool x, uint64_t offset, value **out);
alf_status builder_int(builder *b, int64_t x, uint64_t offset, value **out);
alf_status builder_real(builder *b, double x, uint64_t offset, value **out);
alf_status builder_text(builder *b, value_kind kind, alf_span borrowed, uint64_t offset,
                        value **out);
/* class_ and arguments; no state yet. */
alf_status builder_object(builder *b, value *class_, value *arguments, uint64_t offset,
                          value **out);

/* LIST, TUPLE or SET of copied pointers. */
alf_status builder_items(builder *b, value_kind kind, value *const *items, size_t count,
                         uint64_t offset, value **out);
/* Appends to a LIST, TUPLE or SET. */
alf_status builder_extend(builder *b, value *list, value *const *items, size_t count);
/* Appends count / 2 pairs, key before item, to a DICT. count must be even. */
alf_status builder_set_items(builder *b, value *dict, value *const *items, size_t count);
/* Checks the depth of child and lets parent be deeper. */
alf_status builder_nest(builder *b, value *parent, const value *child);

/* A small number kept beside a value: the role of a global, whether an array has its state. */
uint32_t builder_tag(const value *v);
void builder_set_tag(value *v, uint32_t tag);

#endif
