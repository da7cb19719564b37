/*
 * UBJSON reader. Sources: the UBJSON draft 12 specification; XGBoost writes the types S L l I i U d
 * D T F Z, objects without counts, and arrays with counts and often with types.
 *
 * Invariants: every count is checked against the bytes that are left before anything is allocated
 * (an item takes at least one byte, a typed number its size), and depth never exceeds DEPTH_LIMIT.
 */
#include "codec/ubjson.h"

#include "base/unicode.h"

#include <inttypes.h>
#include <string.h>

enum { DEPTH_LIMIT = 100 };

typedef struct reader {
    const uint8_t *start;
    const uint8_t *p;
    const uint8_t *end;
    arena *a;
    alf_error *err;
    unsigned depth;
} reader;

static alf_status read_value(reader *r, uint8_t marker, value **out);

static uint64_t offset_of(const reader *r)
{
    return (uint64_t)(r->p - r->start);
}

static size_t left(const reader *r)
{
    return (size_t)(r->end - r->p);
}

static alf_status truncated(const reader *r, const char *what)
{
    return error_at(r->err, ALF_E_FORMAT, offset_of(r),
                    "the UBJSON ends within %s; the file is truncated or damaged", what);
}

static void *allocate(reader *r, size_t count, size_t size, alf_status *status)
{
    void *memory = arena_alloc(r->a, count, size);
    *status = ALF_OK;
    if (memory == NULL && arena_over_limit(r->a, count, size))
        *status =
            error_at(r->err, ALF_E_LIMIT, offset_of(r),
                     "the UBJSON needs more than the %zu bytes of memory allowed", r->a->limit);
    else if (memory == NULL)
        *status = error_nomem(r->err, "UBJSON values");
    return memory;
}

static alf_status new_value(reader *r, value_kind kind, value **out)
{
    alf_status status;
    *out = allocate(r, 1, sizeof **out, &status);
    if (*out == NULL)
        return status == ALF_E_LIMIT ? ALF_E_LIMIT : ALF_E_NOMEM;
    **out = (value){.kind = kind, .offset = offset_of(r)};
    return ALF_OK;
}

/* The next marker; no-ops are skipped. */
static alf_status read_marker(reader *r, uint8_t *marker)
{
    while (r->p < r->end && *r->p == 'N')
        r->p++;
    if (r->p == r->end)
        return truncated(r, "a value");
    *marker = *r->p++;
    return ALF_OK;
}

/* Bytes of a number type; 0 for anything else. */
static uint32_t number_size(uint8_t marker)
{
    switch (marker) {
    case 'i':
    case 'U':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default:
        return 0;
    }
}

/* size big-endian bytes, size checked by the caller. */
static uint64_t big_endian(const uint8_t *p, uint32_t size)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < size; i++)
        bits = bits << 8 | p[i];
    return bits;
}

static int64_t integer_of(uint8_t marker, uint64_t bits)
{
    switch (marker) {
    case 'i':
        return (int8_t)(uint8_t)bits;
    case 'I':
        return (int16_t)(uint16_t)bits;
    case 'l':
        return (int32_t)(uint32_t)bits;
    default:
        return (int64_t)bits;
    }
}

static double real_of(uint8_t marker, uint64_t bits)
{
    double wide;
    float narrow;
    uint32_t half = (uint32_t)bits;
    memcpy(&narrow, &half, sizeof narrow);
    memcpy(&wide, &bits, sizeof wide);
    return marker == 'd' ? (double)narrow : wide;
}

static alf_status read_number(reader *r, uint8_t marker, value **out)
{
    uint32_t size = number_size(marker);
    if (left(r) < size)
        return truncated(r, "a number");
    bool real = marker == 'd' || marker == 'D';
    TRY(new_value(r, real ? VALUE_FLOAT : VALUE_INT, out));
    uint64_t bits = big_endian(r->p, size);
    if (real)
        (*out)->as.real = real_of(marker, bits);
    else
        (*out)->as.integer = integer_of(marker, bits);
    r->p += size;
    return ALF_OK;
}

/* A length or count: a number of any integer type, not negative. */
static alf_status read_count(reader *r, const char *what, uint64_t *out)
{
    uint8_t marker = 0;
    TRY(read_marker(r, &marker));
    uint32_t size = number_size(marker);
    if (size == 0 || marker == 'd' || marker == 'D')
        return error_at(r->err, ALF_E_FORMAT, offset_of(r) - 1,
                        "the UBJSON gives type 0x%02x for %s, expected an integer", marker, what);
    if (left(r) < size)
        return truncated(r, what);
    int64_t count = integer_of(marker, big_endian(r->p, size));
    if (count < 0)
        return error_at(r->err, ALF_E_FORMAT, offset_of(r),
                        "the UBJSON gives %" PRId64 " for %s, expected 0 or more", count, what);
    r->p += size;
    *out = (uint64_t)count;
    return ALF_OK;
}

static alf_status read_text(reader *r, alf_span *out)
{
    uint64_t size;
    TRY(read_count(r, "the length of a string", &size));
    if (size > left(r))
        return truncated(r, "a string");
    *out = span_of((const char *)r->p, (size_t)size);
    if (!unicode_is_valid(*out))
        return error_at(r->err, ALF_E_FORMAT, offset_of(r),
                        "the UBJSON holds a string that is not "
                        "UTF-8; the file is damaged");
    r->p += size;
    return ALF_OK;
}

static alf_status read_string(reader *r, value **out)
{
    TRY(new_value(r, VALUE_STRING, out));
    return read_text(r, &(*out)->as.text);
}

/* What may follow the opening of a container. */
typedef struct container {
    uint8_t type; /* of every item; 0: each item has its marker */
    bool counted;
    uint64_t count;
} container;

static alf_status read_container(reader *r, container *c)
{
    *c = (container){0};
    if (left(r) > 0 && *r->p == '$') {
        r->p++;
        if (left(r) == 0)
            return truncated(r, "the type of a container");
        c->type = *r->p++;
        if (left(r) == 0 || *r->p != '#')
            return error_at(r->err, ALF_E_FORMAT, offset_of(r),
                            "the UBJSON has a container with a type but no count");
    }
    if (left(r) > 0 && *r->p == '#') {
        r->p++;
        c->counted = true;
        TRY(read_count(r, "the count of a container", &c->count));
        uint32_t size = number_size(c->type);
        if (c->count > left(r) / (size != 0 ? size : 1))
            return truncated(r, "a container");
    }
    if (c->type == 'Z' || c->type == 'T' || c->type == 'F' || c->type == 'N')
        return error_at(r->err, ALF_E_UNSUPPORTED, offset_of(r),
                        "the UBJSON has a container of items without bytes (type 0x%02x); XGBoost "
                        "does not write these",
                        c->type);
    return ALF_OK;
}

/* count items of a number type, left where they are. */
static alf_status read_numbers(reader *r, const container *c, value *array)
{
    uint32_t size = number_size(c->type);
    dtype_kind kind = DTYPE_INT;
    if (c->type == 'U')
        kind = DTYPE_UINT;
    else if (c->type == 'd' || c->type == 'D')
        kind = DTYPE_FLOAT;
    array->kind = VALUE_ARRAY;
    array->as.array = (value_array){
        .type = {.kind = kind, .big_endian = true, .item_size = size},
        .rank = 1,
        .shape = {c->count},
        .count = c->count,
        .data = span_of((const char *)r->p, (size_t)c->count * size),
    };
    r->p += array->as.array.data.size;
    return ALF_OK;
}

/* Room for one more item of the given size in a table that grows in the arena. */
static alf_status grow(reader *r, void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return ALF_OK;
    alf_status status;
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *larger = allocate(r, wanted, size, &status);
    TRY(status);
    if (count > 0)
        memcpy(larger, *items, count * size);
    *items = larger;
    *capacity = wanted;
    return ALF_OK;
}

/* Whether a container goes on; its end marker is taken. */
static alf_status has_more(reader *r, const container *c, uint64_t done, char end, bool *more)
{
    if (c->counted) {
        *more = done < c->count;
        return ALF_OK;
    }
    while (r->p < r->end && *r->p == 'N')
        r->p++;
    if (r->p == r->end)
        return truncated(r, "a container");
    *more = *r->p != (uint8_t)end;
    if (!*more)
        r->p++;
    return ALF_OK;
}

static alf_status read_item(reader *r, uint8_t type, value **out)
{
    if (type == 0)
        TRY(read_marker(r, &type));
    return read_value(r, type, out);
}

static alf_status read_array(reader *r, value **out)
{
    container c;
    TRY(new_value(r, VALUE_LIST, out));
    value *list = *out;
    TRY(read_container(r, &c));
    if (number_size(c.type) != 0)
        return read_numbers(r, &c, list);
    for (;;) {
        bool more;
        TRY(has_more(r, &c, list->as.list.count, ']', &more));
        if (!more)
            return ALF_OK;
        void *items = list->as.list.items;
        TRY(grow(r, &items, &list->as.list.capacity, list->as.list.count, sizeof(value *)));
        list->as.list.items = items;
        TRY(read_item(r, c.type, &list->as.list.items[list->as.list.count]));
        list->as.list.count++;
    }
}

static alf_status read_object(reader *r, value **out)
{
    container c;
    TRY(new_value(r, VALUE_DICT, out));
    value *dict = *out;
    TRY(read_container(r, &c));
    for (;;) {
        bool more;
        TRY(has_more(r, &c, dict->as.dict.count, '}', &more));
        if (!more)
            return ALF_OK;
        void *pairs = dict->as.dict.pairs;
        TRY(grow(r, &pairs, &dict->as.dict.capacity, dict->as.dict.count, sizeof(value_pair)));
        dict->as.dict.pairs = pairs;
        value_pair *pair = &dict->as.dict.pairs[dict->as.dict.count];
        TRY(read_string(r, &pair->key));
        TRY(read_item(r, c.type, &pair->item));
        dict->as.dict.count++;
    }
}

static alf_status read_nested(reader *r, uint8_t marker, value **out)
{
    if (r->depth == DEPTH_LIMIT)
        return error_at(r->err, ALF_E_LIMIT, offset_of(r), "the UBJSON nests deeper than %d levels",
                        (int)DEPTH_LIMIT);
    r->depth++;
    alf_status status = marker == '{' ? read_object(r, out) : read_array(r, out);
    r->depth--;
    return status;
}

static alf_status read_value(reader *r, uint8_t marker, value **out)
{
    switch (marker) {
    case '{':
    case '[':
        return read_nested(r, marker, out);
    case 'S':
        return read_string(r, out);
    case 'C':
        return read_number(r, 'U', out);
    case 'Z':
        return new_value(r, VALUE_NONE, out);
    case 'T':
    case 'F':
        TRY(new_value(r, VALUE_BOOL, out));
        (*out)->as.boolean = marker == 'T';
        return ALF_OK;
    default:
        if (number_size(marker) != 0)
            return read_number(r, marker, out);
        return error_at(r->err, ALF_E_FORMAT, offset_of(r) - 1,
                        "the UBJSON has the type 0x%02x, which is unknown; the file is damaged",
                        marker);
    }
}

alf_status ubjson_parse(alf_span data, arena *a, value **out, alf_error *err)
{
    reader r = {.a = a, .err = err};
    r.start = r.p = (const uint8_t *)(data.size > 0 ? data.data : "");
    r.end = r.start + data.size;
    *out = NULL;
    value *root = NULL;
    TRY(read_item(&r, 0, &root));
    if (r.p != r.end)
        return error_at(err, ALF_E_FORMAT, offset_of(&r),
                        "%zu bytes follow the end of the UBJSON value; the file is damaged",
                        left(&r));
    *out = root;
    return ALF_OK;
}
