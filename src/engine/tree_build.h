/*
 * From the tree attributes of ONNX, in any node order, to a forest (model/forest.h): every index is
 * checked, cycles and shared or unreachable nodes are found, nodes are laid out parent first.
 */
#ifndef ALF_ENGINE_TREE_BUILD_H
#define ALF_ENGINE_TREE_BUILD_H

#include "engine/forest_fast.h"
#include "engine/kernel.h"

enum { TREE_LEAF = 255 };

/* A node as the file has it. */
typedef struct tree_node {
    int64_t feature;
    double threshold;
    uint8_t mode; /* forest_mode or TREE_LEAF */
    bool missing_yes;
    uint32_t yes, no;      /* indices of nodes */
    uint32_t first, count; /* leaf: range of leaf_values; FOREST_MEMBER: range of set_values */
    int64_t tree, id;      /* for messages */
} tree_node;

typedef struct tree_source {
    tree_node *nodes;
    size_t node_count;
    uint32_t *roots; /* indices of nodes */
    size_t root_count;
    forest_number number;
    uint32_t target_count;
    forest_leaf_value *leaf_values; /* in the engine's memory, as are the next two */
    size_t leaf_value_count;
    double *set_values;
    size_t set_value_count;
    double *base; /* target_count, or NULL */
} tree_source;

/* Reads the attributes that the classifier and regressor of versions 1 to 4 share. The leaf values
 * are those of `prefix` ("target" or "class"): PREFIX_treeids, _nodeids, _ids, _weights. temporary
 * holds nodes and roots. wide: sums run in double. */
alf_status tree_read_nodes(const prepare *p, const char *prefix, arena *temporary, bool wide,
                           tree_source *out);
/* base_values or base_values_as_tensor as doubles in the engine's memory; NULL when absent. */
alf_status tree_read_base(const prepare *p, double **base, size_t *count);
/* Whether the model asks for double arithmetic: its input or one of its tensors is double. */
bool tree_is_wide(const prepare *p, const char *prefix);

/* The checked forest of a TreeEnsemble (version 5), in the engine's memory; it has no base. */
alf_status tree_read_ensemble(const prepare *p, arena *temporary, uint32_t targets, forest *out);

/* Builds and checks the forest, in the engine's memory. */
alf_status tree_build(const prepare *p, const tree_source *source, arena *temporary, forest *out);

/* The forest of a TreeEnsemble node whose state this is, when its output is the plain sum for one
 * target, else NULL; *fast: compiled, where that has been done. */
const forest *tree_single_sum(const void *state, const forest_fast **fast);

/* ---- rows (tree_rows.c) ---- */

/* The rows of input 0: [N, F] or [F]. */
alf_status tree_rows(const kernel_call *c, const forest *f, uint64_t *rows, uint64_t *columns);
/* The first feature_count columns of a row, as forest_sum wants them. */
void tree_row(const tensor *t, uint64_t row, uint64_t columns, uint32_t feature_count, double *x);
/* forest_sum of n rows (at most tree_chunk) from `first` on, by way of `fast` unless it is NULL.
 * room: tree_sum_room doubles. */
size_t tree_chunk(const forest *f, uint64_t rows);
size_t tree_sum_room(const forest *f, const forest_fast *fast, size_t chunk);
void tree_sum_rows(const forest *f, const forest_fast *fast, const tensor *t, uint64_t first,
                   size_t n, uint64_t columns, double *sums, double *room);
alf_status tree_check_input(const prepare *p, const forest *f);

#endif
