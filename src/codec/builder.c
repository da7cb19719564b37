/*
 * Values in an arena, each behind a small header that holds its depth and tag. Only values made
 * here may be handed to builder_nest and builder_tag.
 */
#include "codec/builder.h"

#include <stddef.h>

typedef struct node {
    uint32_t depth; /* 0: holds no values */
    uint32_t tag;
    value v;
} node;

static node *node_of(const value *v)
{
    return (node *)(void *)((char *)(uintptr_t)v - offsetof(node, v));
}

uint32_t builder_tag(const value *v)
{
    return node_of(v)->tag;
}

void builder_set_tag(value *v, uint32_t tag)
{
    node_of(v)->tag = tag;
}

static alf_status over_memory(builder *b, uint64_t offset)
{
    return error_at(b->err, ALF_E_LIMIT, offset,
                    "the file's values need more than %zu bytes of memory, which is the limit",
                    b->limits.max_memory);
}

alf_status builder_alloc(builder *b, size_t count, size_t size, uint64_t offset, void **out)
{
    arena *a = b->arena;
    if (arena_over_limit(a, count, size) || a->used > b->limits.max_memory - b->heap ||
        count > (b->limits.max_memory - b->heap - a->used) / (size != 0 ? size : 1))
        return over_memory(b, offset);
    *out = arena_alloc(a, count, size);
    return *out != NULL ? ALF_OK : error_nomem(b->err, "the values of a file");
}

alf_status builder_count_heap(builder *b, size_t more, uint64_t offset)
{
    size_t used = b->heap + b->arena->used; /* both at most max_memory */
    if (used > b->limits.max_memory || more > b->limits.max_memory - used)
        return over_memory(b, offset);
    b->heap += more;
    return ALF_OK;
}

/* How much of a value its kind uses. */
static size_t size_of_kind(value_kind kind)
{
    size_t base = offsetof(node, v) + offsetof(value, as);
    const value *v = NULL;
    switch (kind) {
    case VALUE_NONE:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_FLOAT:
        return base + sizeof v->as.integer;
    case VALUE_STRING:
    case VALUE_BYTES:
        return base + sizeof v->as.text;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_SET:
        return base + sizeof v->as.list;
    case VALUE_DICT:
        return base + sizeof v->as.dict;
    case VALUE_GLOBAL:
        return base + sizeof v->as.global;
    case VALUE_OBJECT:
        return base + sizeof v->as.object;
    case VALUE_ARRAY:
        break;
    }
    return sizeof(node);
}

alf_status builder_new(builder *b, value_kind kind, uint64_t offset, value **out)
{
    if (b->values >= b->limits.max_values)
        return error_at(b->err, ALF_E_LIMIT, offset,
                        "the file holds more than %zu values, which is the limit",
                        b->limits.max_values);
    void *memory;
    TRY(builder_alloc(b, 1, size_of_kind(kind), offset, &memory));
    b->values++;
    value *v = &((node *)memory)->v;
    v->kind = kind;
    v->offset = offset;
    *out = v;
    return ALF_OK;
}

alf_status builder_bool(builder *b, bool x, uint64_t offset, value **out)
{
    TRY(builder_new(b, VALUE_BOOL, offset, out));
    (*out)->as.boolean = x;
    return ALF_OK;
}

alf_status builder_int(builder *b, int64_t x, uint64_t offset, value **out)
{
    TRY(builder_new(b, VALUE_INT, offset, out));
    (*out)->as.integer = x;
    return ALF_OK;
}

alf_status builder_real(builder *b, double x, uint64_t offset, value **out)
{
    TRY(builder_new(b, VALUE_FLOAT, offset, out));
    (*out)->as.real = x;
    return ALF_OK;
}

alf_status builder_text(builder *b, value_kind kind, alf_span borrowed, uint64_t offset,
                        value **out)
{
    TRY(builder_new(b, kind, offset, out));
    (*out)->as.text = borrowed;
    return ALF_OK;
}

alf_status builder_nest(builder *b, value *parent, const value *child)
{
    uint32_t depth = node_of(child)->depth + 1;
    if (depth > b->limits.max_depth)
        return error_at(b->err, ALF_E_LIMIT, child->offset,
                        "values are nested more than %zu deep, which is the limit",
                        b->limits.max_depth);
    if (node_of(parent)->depth < depth)
        node_of(parent)->depth = depth;
    return ALF_OK;
}

alf_status builder_object(builder *b, value *class_, value *arguments, uint64_t offset, value **out)
{
    TRY(builder_new(b, VALUE_OBJECT, offset, out));
    (*out)->as.object.class_ = class_;
    (*out)->as.object.arguments = arguments;
    return builder_nest(b, *out, arguments);
}

/* The capacity for need items, growing from old: exact the first time, then doubling. */
static size_t grown(size_t old, size_t need)
{
    if (need <= old)
        return old;
    return old == 0 || need > old * 2 ? need : old * 2;
}

alf_status builder_items(builder *b, value_kind kind, value *const *items, size_t count,
                         uint64_t offset, value **out)
{
    TRY(builder_new(b, kind, offset, out));
    return builder_extend(b, *out, items, count);
}

alf_status builder_extend(builder *b, value *list, value *const *items, size_t count)
{
    if (count == 0)
        return ALF_OK;
    size_t old = list->as.list.count;
    size_t capacity = grown(list->as.list.capacity, old + count);
    if (capacity != list->as.list.capacity) {
        void *memory;
        TRY(builder_alloc(b, capacity, sizeof(value *), list->offset, &memory));
        if (old > 0)
            memcpy(memory, list->as.list.items, old * sizeof(value *));
        list->as.list.items = memory;
        list->as.list.capacity = capacity;
    }
    for (size_t i = 0; i < count; i++) {
        TRY(builder_nest(b, list, items[i]));
        list->as.list.items[old + i] = items[i];
    }
    list->as.list.count = old + count;
    return ALF_OK;
}

alf_status builder_set_items(builder *b, value *dict, value *const *items, size_t count)
{
    if (count == 0)
        return ALF_OK;
    size_t old = dict->as.dict.count;
    size_t capacity = grown(dict->as.dict.capacity, old + count / 2);
    if (capacity != dict->as.dict.capacity) {
        void *memory;
        TRY(builder_alloc(b, capacity, sizeof(value_pair), dict->offset, &memory));
        if (old > 0)
            memcpy(memory, dict->as.dict.pairs, old * sizeof(value_pair));
        dict->as.dict.pairs = memory;
        dict->as.dict.capacity = capacity;
    }
    for (size_t i = 0; i < count / 2; i++) {
        TRY(builder_nest(b, dict, items[2 * i]));
        TRY(builder_nest(b, dict, items[2 * i + 1]));
        dict->as.dict.pairs[old + i] = (value_pair){items[2 * i], items[2 * i + 1]};
    }
    dict->as.dict.count = old + count / 2;
    return ALF_OK;
}
