/*
 * YAML -> tree of nodes, on libyaml's events. No recursion: the open collections are on a small
 * stack. libyaml guarantees that scalars are valid UTF-8 and terminated.
 */
#include "classify/yaml_doc.h"

#include "base/hash.h"
#include "base/library.h"
#include "base/span.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

/* The built-in rules come read: a start without a configuration needs no libyaml. */
#define YAML_FUNCTIONS(X)                                                                          \
    X(yaml_event_delete)                                                                           \
    X(yaml_parser_delete)                                                                          \
    X(yaml_parser_initialize)                                                                      \
    X(yaml_parser_parse) X(yaml_parser_set_encoding) X(yaml_parser_set_input_string)

static struct {
    YAML_FUNCTIONS(LIBRARY_MEMBER)
} calls;

static const char *const function_names[] = {YAML_FUNCTIONS(LIBRARY_NAME)};
static library libyaml = {ALF_LIBYAML, function_names, &calls,
                          sizeof function_names / sizeof function_names[0], false};
LIBRARY_NOTE(yaml_note, "yaml", "configurations and rules", ALF_LIBYAML);

#define yaml_event_delete            calls.yaml_event_delete
#define yaml_parser_delete           calls.yaml_parser_delete
#define yaml_parser_initialize       calls.yaml_parser_initialize
#define yaml_parser_parse            calls.yaml_parser_parse
#define yaml_parser_set_encoding     calls.yaml_parser_set_encoding
#define yaml_parser_set_input_string calls.yaml_parser_set_input_string

typedef struct builder {
    arena *memory;
    const char *name;
    alf_error *err;
    yaml_node *root;
    yaml_node *open[YAML_DOC_MAX_DEPTH];
    size_t depth;
    size_t nodes;
    bool has_key; /* of the innermost map: its next node is the value */
    alf_span key;
    yaml_mark_t key_mark;
    bool done;
    size_t documents;
} builder;

static alf_status mark_error(const builder *b, const yaml_mark_t *mark, alf_status status,
                             const char *text)
{
    error_at(b->err, status, mark->index, "line %zu, column %zu: %s", mark->line + 1,
             mark->column + 1, text);
    error_file(b->err, b->name);
    return status;
}

static alf_status parser_error(const builder *b, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return error_nomem(b->err, "reading YAML");
    const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
    if (parser->error == YAML_READER_ERROR) {
        error_at(b->err, ALF_E_CONFIG, parser->problem_offset, "%s (a YAML file is UTF-8 text)",
                 problem);
        error_file(b->err, b->name);
        return ALF_E_CONFIG;
    }
    return mark_error(b, &parser->problem_mark, ALF_E_CONFIG, problem);
}

static alf_status new_node(builder *b, const yaml_event_t *event, yaml_kind kind, yaml_node **out)
{
    if (b->nodes >= YAML_DOC_MAX_NODES)
        return mark_error(b, &event->start_mark, ALF_E_LIMIT,
                          "more than 200000 nodes; split or shorten the file");
    yaml_node *node = arena_alloc(b->memory, 1, sizeof *node);
    if (node == NULL)
        return error_nomem(b->err, "a YAML document");
    b->nodes++;
    node->kind = kind;
    const yaml_mark_t *mark = b->has_key ? &b->key_mark : &event->start_mark;
    node->line = (uint32_t)(mark->line + 1);
    node->offset = mark->index;
    *out = node;
    return ALF_OK;
}

/* Hangs node into the innermost open collection. */
static void attach(builder *b, yaml_node *node)
{
    if (b->depth == 0) {
        b->root = node;
        return;
    }
    yaml_node *parent = b->open[b->depth - 1];
    node->parent = parent;
    node->index = parent->count++;
    if (parent->last != NULL)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    if (parent->kind == YAML_KIND_MAP) {
        node->key = b->key;
        b->has_key = false;
    }
}

static bool expects_key(const builder *b)
{
    return b->depth > 0 && b->open[b->depth - 1]->kind == YAML_KIND_MAP && !b->has_key;
}

static alf_status copy_text(builder *b, const yaml_event_t *event, alf_span *out)
{
    size_t size = event->data.scalar.length;
    char *copy = arena_strndup(b->memory, (const char *)event->data.scalar.value, size);
    if (copy == NULL)
        return error_nomem(b->err, "a YAML document");
    *out = span_of(copy, size);
    return ALF_OK;
}

static alf_status on_scalar(builder *b, const yaml_event_t *event)
{
    if (event->data.scalar.tag != NULL)
        return mark_error(b, &event->start_mark, ALF_E_REFUSED, "tags are not accepted here");
    if (expects_key(b)) {
        TRY(copy_text(b, event, &b->key));
        b->key_mark = event->start_mark;
        b->has_key = true;
        return ALF_OK;
    }
    yaml_node *node = NULL;
    TRY(new_node(b, event, YAML_KIND_SCALAR, &node));
    TRY(copy_text(b, event, &node->text));
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    attach(b, node);
    return ALF_OK;
}

static alf_status on_open(builder *b, const yaml_event_t *event, yaml_kind kind)
{
    const yaml_char_t *tag =
        kind == YAML_KIND_MAP ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    if (tag != NULL)
        return mark_error(b, &event->start_mark, ALF_E_REFUSED, "tags are not accepted here");
    if (expects_key(b))
        return mark_error(b, &event->start_mark, ALF_E_CONFIG, "a key must be plain text");
    if (b->depth == YAML_DOC_MAX_DEPTH)
        return mark_error(b, &event->start_mark, ALF_E_LIMIT, "nested deeper than 16 levels");
    yaml_node *node = NULL;
    TRY(new_node(b, event, kind, &node));
    attach(b, node);
    b->open[b->depth++] = node;
    return ALF_OK;
}

enum { SMALL_MAP = 16 }; /* keys that are compared with one another */

static alf_status check_small_map(const builder *b, const yaml_node *map)
{
    for (const yaml_node *n = map->first; n != NULL; n = n->next)
        for (const yaml_node *earlier = map->first; earlier != n; earlier = earlier->next)
            if (span_equal(earlier->key, n->key))
                return yaml_error(n, b->name, b->err, "the key is there twice; keep one of them");
    return ALF_OK;
}

/* A map is complete: no key may be there twice. */
static alf_status check_duplicates(builder *b, const yaml_node *map)
{
    if (map->count <= SMALL_MAP)
        return check_small_map(b, map);
    strmap keys;
    strmap_init(&keys);
    alf_status status = ALF_OK;
    for (const yaml_node *n = map->first; n != NULL && status == ALF_OK; n = n->next) {
        bool added;
        if (!strmap_put(&keys, n->key, 0, &added))
            status = error_nomem(b->err, "a YAML document");
        else if (!added)
            status = yaml_error(n, b->name, b->err, "the key is there twice; keep one of them");
    }
    strmap_fini(&keys);
    return status;
}

static alf_status on_close(builder *b)
{
    if (b->depth == 0)
        return error_set(b->err, ALF_E_INTERNAL, "YAML: something ends that did not begin");
    yaml_node *node = b->open[--b->depth];
    b->has_key = false;
    return node->kind == YAML_KIND_MAP ? check_duplicates(b, node) : ALF_OK;
}

static alf_status on_event(builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return mark_error(b, &event->start_mark, ALF_E_REFUSED,
                          "aliases (*name) are not accepted; write the value out");
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1)
            return mark_error(b, &event->start_mark, ALF_E_CONFIG,
                              "a second document; expected only one");
        return ALF_OK;
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, event, YAML_KIND_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, event, YAML_KIND_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(b);
    case YAML_STREAM_END_EVENT:
        b->done = true;
        return ALF_OK;
    default:
        return ALF_OK;
    }
}

alf_status yaml_doc_parse(alf_span text, const char *name, arena *memory, yaml_node **root,
                          alf_error *err)
{
    builder b = {.memory = memory, .name = name, .err = err};
    *root = NULL;
    if (text.size > YAML_DOC_MAX_BYTES) {
        error_set(err, ALF_E_LIMIT, "%zu bytes; at most 4 MiB are accepted", text.size);
        error_file(err, name);
        return ALF_E_LIMIT;
    }
    yaml_parser_t parser;
    TRY(library_need(&libyaml, err));
    if (!yaml_parser_initialize(&parser))
        return error_nomem(err, "reading YAML");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    alf_status status = ALF_OK;
    while (status == ALF_OK && !b.done) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            status = parser_error(&b, &parser);
            break;
        }
        status = on_event(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (status == ALF_OK)
        *root = b.root;
    return status;
}

const yaml_node *yaml_child(const yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != YAML_KIND_MAP)
        return NULL;
    for (const yaml_node *n = map->first; n != NULL; n = n->next)
        if (span_is(n->key, key))
            return n;
    return NULL;
}

/* Writes "a.b[2].c" from the outside in. */
static size_t put_path(const yaml_node *node, char *out, size_t capacity)
{
    const yaml_node *chain[YAML_DOC_MAX_DEPTH + 1];
    size_t depth = 0;
    for (; node->parent != NULL && depth <= YAML_DOC_MAX_DEPTH; node = node->parent)
        chain[depth++] = node;
    size_t used = 0;
    out[0] = '\0';
    for (; depth > 0; depth--) {
        const yaml_node *n = chain[depth - 1];
        int wrote = n->parent->kind == YAML_KIND_LIST
                        ? snprintf(out + used, capacity - used, "[%zu]", n->index)
                        : snprintf(out + used, capacity - used, "%s%.*s", used > 0 ? "." : "",
                                   span_width(n->key), n->key.data);
        if (wrote < 0 || (size_t)wrote >= capacity - used)
            return capacity - 1;
        used += (size_t)wrote;
    }
    return used;
}

void yaml_fill(const yaml_node *node, const char *name, alf_error *err, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char path[128];
    size_t size = put_path(node, path, sizeof path);
    error_at(err, ALF_E_CONFIG, node->offset, "line %u: %s", node->line, text);
    error_file(err, name);
    error_node(err, span_of(path, size));
}

static const char *kind_name(yaml_kind kind)
{
    return kind == YAML_KIND_SCALAR ? "a single value"
           : kind == YAML_KIND_LIST ? "a list"
                                    : "a map of keys";
}

alf_status yaml_check_kind(const yaml_node *node, yaml_kind kind, const char *name, alf_error *err)
{
    if (node->kind == kind)
        return ALF_OK;
    return yaml_error(node, name, err, "found %s, expected %s", kind_name(node->kind),
                      kind_name(kind));
}

alf_status yaml_check_keys(const yaml_node *map, const char *const *known, const char *name,
                           alf_error *err)
{
    TRY(yaml_check_kind(map, YAML_KIND_MAP, name, err));
    for (const yaml_node *n = map->first; n != NULL; n = n->next) {
        size_t i = 0;
        while (known[i] != NULL && !span_is(n->key, known[i]))
            i++;
        if (known[i] != NULL)
            continue;
        char list[256] = "";
        size_t used = 0;
        for (i = 0; known[i] != NULL && used < sizeof list; i++) {
            int wrote =
                snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", known[i]);
            used += wrote > 0 ? (size_t)wrote : 0;
        }
        return yaml_error(n, name, err, "unknown key \"%.*s\"; known here: %s", span_width(n->key),
                          n->key.data, list);
    }
    return ALF_OK;
}

alf_status yaml_get_string(const yaml_node *node, const char *name, alf_span *out, alf_error *err)
{
    TRY(yaml_check_kind(node, YAML_KIND_SCALAR, name, err));
    if (node->text.size == 0)
        return yaml_error(node, name, err, "found nothing, expected text");
    *out = node->text;
    return ALF_OK;
}

alf_status yaml_get_bool(const yaml_node *node, const char *name, bool *out, alf_error *err)
{
    TRY(yaml_check_kind(node, YAML_KIND_SCALAR, name, err));
    bool yes = span_is(node->text, "true");
    if (node->quoted || (!yes && !span_is(node->text, "false")))
        return yaml_error(node, name, err, "found \"%.*s\", expected true or false",
                          span_width(node->text), node->text.data);
    *out = yes;
    return ALF_OK;
}

/* digits [. digits] [e [sign] digits], with an optional sign: what strtod reads the same way in
 * every locale that has a point, without its hexadecimal, infinity and nan. */
static bool is_decimal(alf_span text)
{
    size_t i = 0, digits = 0;
    if (i < text.size && (text.data[i] == '-' || text.data[i] == '+'))
        i++;
    for (bool point = false; i < text.size; i++) {
        if (isdigit((unsigned char)text.data[i]))
            digits++;
        else if (text.data[i] == '.' && !point)
            point = true;
        else
            break;
    }
    if (digits == 0 || i == text.size)
        return digits > 0;
    if (text.data[i] != 'e' && text.data[i] != 'E')
        return false;
    i++;
    if (i < text.size && (text.data[i] == '-' || text.data[i] == '+'))
        i++;
    size_t start = i;
    while (i < text.size && isdigit((unsigned char)text.data[i]))
        i++;
    return i == text.size && i > start;
}

alf_status yaml_get_number(const yaml_node *node, double low, double high, const char *name,
                           double *out, alf_error *err)
{
    TRY(yaml_check_kind(node, YAML_KIND_SCALAR, name, err));
    double value = 0;
    bool good = !node->quoted && node->text.size < 64 && is_decimal(node->text);
    if (good)
        value = strtod(node->text.data, NULL);
    if (!good || !(value >= low && value <= high))
        return yaml_error(node, name, err, "found \"%.*s\", expected a number from %g to %g",
                          span_width(node->text), node->text.data, low, high);
    *out = value;
    return ALF_OK;
}

alf_status yaml_as_config(alf_status status, alf_error *err)
{
    switch (status) {
    case ALF_E_FORMAT:
    case ALF_E_LIMIT:
    case ALF_E_UNSUPPORTED:
    case ALF_E_REFUSED:
        break;
    default:
        return status;
    }
    if (err != NULL)
        err->status = ALF_E_CONFIG;
    return ALF_E_CONFIG;
}
