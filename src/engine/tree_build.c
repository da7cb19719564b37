/* Lays out the trees of a file as a forest: depth first, the yes child right after its parent. */
#include "engine/tree_build.h"

#include <inttypes.h>
#include <math.h>

typedef struct pending {
    uint32_t source; /* node of the file */
    uint32_t parent; /* node of the forest it hangs from; UINT32_MAX: a root */
    bool yes;
} pending;

typedef struct layout {
    const prepare *p;
    const tree_source *source;
    forest *out;
    uint8_t *seen; /* per node of the file */
    pending *stack;
} layout;

static alf_status node_fail(const layout *l, const tree_node *n, const char *what)
{
    return prepare_fail(l->p, ALF_E_FORMAT, "tree %" PRId64 ", node %" PRId64 ": %s", n->tree,
                        n->id, what);
}

static alf_status place(const layout *l, const tree_node *n, uint32_t at)
{
    forest *f = l->out;
    forest_node *to = &f->nodes[at];
    if (n->mode == TREE_LEAF) {
        *to = (forest_node){.feature = -1, .yes = n->first, .no = n->count};
        return ALF_OK;
    }
    if (n->feature < 0 || n->feature >= INT32_MAX)
        return node_fail(l, n, "the feature it tests is out of range");
    if (n->mode != FOREST_MEMBER && isnan(n->threshold))
        return node_fail(l, n, "its threshold is not a number");
    *to = (forest_node){.threshold = n->threshold,
                        .feature = (int32_t)n->feature,
                        .mode = n->mode,
                        .missing_yes = n->missing_yes || n->mode == FOREST_NEQ,
                        .set_begin = n->mode == FOREST_MEMBER ? n->first : 0,
                        .set_count = n->mode == FOREST_MEMBER ? n->count : 0};
    if ((uint32_t)n->feature >= f->feature_count)
        f->feature_count = (uint32_t)n->feature + 1;
    return ALF_OK;
}

/* Every node enters the stack at most once: the walk ends and the stack cannot overflow. */
static alf_status push(const layout *l, uint32_t source, uint32_t parent, bool yes, size_t *top)
{
    if (l->seen[source])
        return node_fail(l, &l->source->nodes[source],
                         "two nodes lead to it, or a circle of nodes does");
    l->seen[source] = 1;
    l->stack[(*top)++] = (pending){source, parent, yes};
    return ALF_OK;
}

static alf_status lay_out_tree(const layout *l, uint32_t root)
{
    size_t top = 0;
    TRY(push(l, root, UINT32_MAX, false, &top));
    while (top > 0) {
        pending next = l->stack[--top];
        const tree_node *n = &l->source->nodes[next.source];
        uint32_t at = l->out->node_count++;
        if (next.parent != UINT32_MAX && next.yes)
            l->out->nodes[next.parent].yes = at;
        else if (next.parent != UINT32_MAX)
            l->out->nodes[next.parent].no = at;
        TRY(place(l, n, at));
        if (n->mode == TREE_LEAF)
            continue;
        TRY(push(l, n->no, at, false, &top));
        TRY(push(l, n->yes, at, true, &top));
    }
    return ALF_OK;
}

alf_status tree_build(const prepare *p, const tree_source *source, arena *temporary, forest *out)
{
    *out = (forest){.number = source->number,
                    .target_count = source->target_count,
                    .leaf_values = source->leaf_values,
                    .leaf_value_count = (uint32_t)source->leaf_value_count,
                    .set_values = source->set_values,
                    .set_value_count = (uint32_t)source->set_value_count,
                    .base = source->base};
    layout l = {.p = p, .source = source, .out = out};
    if (source->node_count >= INT32_MAX || source->leaf_value_count >= INT32_MAX)
        return prepare_fail(p, ALF_E_LIMIT, "%zu nodes in one ensemble", source->node_count);
    TRY(prepare_alloc(p, source->node_count, sizeof *out->nodes, &out->nodes));
    TRY(prepare_alloc(p, source->root_count, sizeof *out->roots, &out->roots));
    TRY(arena_take(temporary, source->node_count, 1, &l.seen, p->err));
    TRY(arena_take(temporary, source->node_count, sizeof *l.stack, &l.stack, p->err));
    for (size_t i = 0; i < source->root_count; i++) {
        out->roots[out->tree_count++] = out->node_count;
        TRY(lay_out_tree(&l, source->roots[i]));
    }
    for (size_t i = 0; i < source->node_count; i++)
        if (!l.seen[i])
            return node_fail(&l, &source->nodes[i], "no node leads to it");
    return forest_check(out, p->err);
}
