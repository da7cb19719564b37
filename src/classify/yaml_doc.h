/*
 * A YAML document as a tree of nodes with positions, for configuration that must be checked
 * strictly. Bounded: aliases and tags are refused, and size, depth and node count are limited.
 */
#ifndef ALF_CLASSIFY_YAML_DOC_H
#define ALF_CLASSIFY_YAML_DOC_H

#include "base/arena.h"
#include "base/error.h"

enum { YAML_DOC_MAX_BYTES = 4 << 20, YAML_DOC_MAX_DEPTH = 16, YAML_DOC_MAX_NODES = 200000 };

typedef enum yaml_kind { YAML_KIND_SCALAR, YAML_KIND_LIST, YAML_KIND_MAP } yaml_kind;

typedef struct yaml_node {
    yaml_kind kind;
    bool quoted;   /* a scalar in quotes or a block: always a string */
    alf_span text; /* scalars: valid UTF-8, NUL-terminated beyond its size */
    alf_span key;  /* children of a map: the key */
    uint32_t line; /* from 1; of the key where there is one */
    uint64_t offset;
    size_t count; /* of children */
    struct yaml_node *first, *last;
    struct yaml_node *next;   /* sibling */
    struct yaml_node *parent; /* NULL for the root */
    size_t index;             /* among its siblings */
} yaml_node;

/* Parses exactly one document (an empty one gives *root NULL). Keys are plain strings, without
 * duplicates in one map. The tree lives in memory. name: for messages. */
alf_status yaml_doc_parse(alf_span text, const char *name, arena *memory, yaml_node **root,
                          alf_error *err);

/* The child named key of a map, or NULL. */
const yaml_node *yaml_child(const yaml_node *map, const char *key);

/* An error at node: "line N: MESSAGE", with the key path of node (a.b[2].c) and the file name. */
#define yaml_error(node, name, err, ...)                                                           \
    (yaml_fill(node, name, err, __VA_ARGS__), error_same(ALF_E_CONFIG))
void yaml_fill(const yaml_node *node, const char *name, alf_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ALF_E_CONFIG unless map is a map whose every key is in known (NULL-terminated). */
alf_status yaml_check_keys(const yaml_node *map, const char *const *known, const char *name,
                           alf_error *err);
alf_status yaml_check_kind(const yaml_node *node, yaml_kind kind, const char *name, alf_error *err);
alf_status yaml_get_string(const yaml_node *node, const char *name, alf_span *out, alf_error *err);
alf_status yaml_get_bool(const yaml_node *node, const char *name, bool *out, alf_error *err);
/* A decimal number, low <= number <= high; nothing may follow it. */
alf_status yaml_get_number(const yaml_node *node, double low, double high, const char *name,
                           double *out, alf_error *err);

/* What is wrong with a file of settings is an error of configuration, limits and refusals
 * included; failures of the system stay what they are. */
alf_status yaml_as_config(alf_status status, alf_error *err);

#endif
