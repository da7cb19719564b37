/*
 * Forests: the proof of their invariants, and the plain walk that every faster one must equal.
 *
 * forest_check rests on one fact: trees lie one after another in the node array, each root the
 * first node of its tree. With children forward and within the tree, and every node but the root
 * reached exactly once, the nodes of a tree form one binary tree and no walk can cycle.
 */
#include "model/forest.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>

/* Where a check stands, for its messages. */
typedef struct checker {
    const forest *f;
    uint8_t *reached; /* per node: named as a child before */
    uint32_t tree;
    uint32_t tree_end; /* one past the last node of the tree */
    alf_error *err;
} checker;

static alf_status bad_node(const checker *c, uint32_t node, const char *what)
{
    return error_set(c->err, ALF_E_FORMAT,
                     "tree %" PRIu32 ", node %" PRIu32 ": %s; the model is damaged", c->tree, node,
                     what);
}

/* Whether value can stand where float32 arithmetic reads it: unchanged by rounding. */
static bool held_exactly(const forest *f, double value)
{
    return f->number == FOREST_F64 ||
           !((double)(float)value < value || (double)(float)value > value);
}

static alf_status check_leaf(const checker *c, uint32_t node)
{
    const forest *f = c->f;
    const forest_node *n = &f->nodes[node];
    if (n->yes > f->leaf_value_count || n->no > f->leaf_value_count - n->yes)
        return bad_node(c, node, "its leaf values lie outside the table of leaf values");
    for (uint32_t i = n->yes; i < n->yes + n->no; i++) {
        const forest_leaf_value *v = &f->leaf_values[i];
        if (v->target >= f->target_count)
            return bad_node(c, node, "a leaf value is for an output column that does not exist");
        if (!isfinite(v->weight) || !held_exactly(f, v->weight))
            return bad_node(c, node, "a leaf value is not a finite number of the forest's type");
    }
    return ALF_OK;
}

static alf_status check_child(const checker *c, uint32_t node, uint32_t child)
{
    if (child <= node || child >= c->tree_end)
        return bad_node(c, node, "a child does not lie after it within its tree");
    if (c->reached[child])
        return bad_node(c, child, "it has two parents");
    c->reached[child] = 1;
    return ALF_OK;
}

static alf_status check_set(const checker *c, uint32_t node)
{
    const forest *f = c->f;
    const forest_node *n = &f->nodes[node];
    if (n->set_begin > f->set_value_count || n->set_count > f->set_value_count - n->set_begin)
        return bad_node(c, node, "its set lies outside the table of set values");
    for (uint32_t i = n->set_begin; i < n->set_begin + n->set_count; i++)
        if (!isfinite(f->set_values[i]) || !held_exactly(f, f->set_values[i]))
            return bad_node(c, node, "a set value is not a finite number of the forest's type");
    for (uint32_t i = 1; i < n->set_count; i++)
        if (f->set_values[n->set_begin + i] < f->set_values[n->set_begin + i - 1])
            return bad_node(c, node, "its set is not in ascending order");
    return ALF_OK;
}

static alf_status check_split(const checker *c, uint32_t node)
{
    const forest *f = c->f;
    const forest_node *n = &f->nodes[node];
    if (n->feature < 0 || (uint32_t)n->feature >= f->feature_count)
        return bad_node(c, node, "it tests a feature that does not exist");
    if (n->mode > FOREST_MEMBER)
        return bad_node(c, node, "its kind of test is unknown");
    if (n->mode == FOREST_MEMBER)
        TRY(check_set(c, node));
    else if (isnan(n->threshold) || !held_exactly(f, n->threshold))
        return bad_node(c, node, "its threshold is not a number of the forest's type");
    TRY(check_child(c, node, n->yes));
    return check_child(c, node, n->no);
}

static alf_status check_tree(checker *c, uint32_t tree)
{
    const forest *f = c->f;
    uint32_t root = f->roots[tree];
    c->tree = tree;
    c->tree_end = tree + 1 < f->tree_count ? f->roots[tree + 1] : f->node_count;
    if (c->tree_end <= root || c->tree_end > f->node_count)
        return bad_node(c, root, "the tree has no nodes or overlaps its neighbour");
    for (uint32_t node = root; node < c->tree_end; node++) {
        if (node != root && !c->reached[node])
            return bad_node(c, node, "nothing leads to it");
        if (f->nodes[node].feature == -1)
            TRY(check_leaf(c, node));
        else
            TRY(check_split(c, node));
    }
    return ALF_OK;
}

static alf_status check_tables(const forest *f, alf_error *err)
{
    if (f->number != FOREST_F32 && f->number != FOREST_F64)
        return error_set(err, ALF_E_FORMAT, "the forest's number type %d is unknown",
                         (int)f->number);
    if (f->target_count == 0)
        return error_set(err, ALF_E_FORMAT, "the forest has no output column");
    if ((f->tree_count == 0) != (f->node_count == 0))
        return error_set(err, ALF_E_FORMAT, "%" PRIu32 " trees with %" PRIu32 " nodes in all",
                         f->tree_count, f->node_count);
    if ((f->tree_count != 0 && (f->roots == NULL || f->nodes == NULL)) ||
        (f->leaf_value_count != 0 && f->leaf_values == NULL) ||
        (f->set_value_count != 0 && f->set_values == NULL))
        return error_set(err, ALF_E_FORMAT, "a table of the forest is missing");
    if (f->tree_count != 0 && f->roots[0] != 0)
        return error_set(err, ALF_E_FORMAT,
                         "the first tree starts at node %" PRIu32 ", expected node 0", f->roots[0]);
    for (uint32_t i = 0; f->rounding != NULL && i < f->feature_count; i++)
        if (f->rounding[i] > FOREST_TRUNC)
            return error_set(err, ALF_E_FORMAT, "the rounding of feature %" PRIu32 " is unknown",
                             i);
    for (uint32_t i = 0; f->base != NULL && i < f->target_count; i++)
        if (!isfinite(f->base[i]) || !held_exactly(f, f->base[i]))
            return error_set(err, ALF_E_FORMAT,
                             "base value %" PRIu32 " is not a finite number of the forest's type",
                             i);
    return ALF_OK;
}

alf_status forest_check(const forest *f, alf_error *err)
{
    TRY(check_tables(f, err));
    checker c = {.f = f, .err = err};
    c.reached = mem_calloc(f->node_count, sizeof *c.reached);
    if (c.reached == NULL)
        return error_nomem(err, "the check of a forest");
    alf_status status = ALF_OK;
    for (uint32_t t = 0; t < f->tree_count && status == ALF_OK; t++)
        status = check_tree(&c, t);
    mem_free(c.reached);
    return status;
}

static bool in_set(const forest *f, const forest_node *n, double x)
{
    uint32_t low = n->set_begin, high = n->set_begin + n->set_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f->set_values[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n->set_begin + n->set_count && !(f->set_values[low] > x);
}

/* The value of a feature as tests see it. */
static double tested_value(const forest *f, int32_t feature, double x)
{
    double value = f->number == FOREST_F32 ? (double)(float)x : x;
    if (f->rounding == NULL || f->rounding[feature] == FOREST_AS_IS)
        return value;
    return f->rounding[feature] == FOREST_FLOOR ? floor(value) : trunc(value);
}

/* x is not NaN. */
static bool test_holds(const forest *f, const forest_node *n, double x)
{
    switch (n->mode) {
    case FOREST_LEQ:
        return x <= n->threshold;
    case FOREST_LT:
        return x < n->threshold;
    case FOREST_GTE:
        return x >= n->threshold;
    case FOREST_GT:
        return x > n->threshold;
    case FOREST_EQ:
        return x >= n->threshold && x <= n->threshold;
    case FOREST_NEQ:
        return x < n->threshold || x > n->threshold;
    default:
        return in_set(f, n, x);
    }
}

uint32_t forest_leaf(const forest *f, uint32_t t, const double *x)
{
    uint32_t node = f->roots[t];
    while (f->nodes[node].feature >= 0) {
        const forest_node *n = &f->nodes[node];
        double value = tested_value(f, n->feature, x[n->feature]);
        bool yes = isnan(value) ? n->missing_yes : test_holds(f, n, value);
        node = yes ? n->yes : n->no;
    }
    return node;
}

void forest_sum(const forest *f, const double *x, double *out)
{
    for (uint32_t i = 0; i < f->target_count; i++)
        out[i] = f->base != NULL ? f->base[i] : 0.0;
    for (uint32_t t = 0; t < f->tree_count; t++) {
        const forest_node *leaf = &f->nodes[forest_leaf(f, t, x)];
        for (uint32_t i = leaf->yes; i < leaf->yes + leaf->no; i++) {
            const forest_leaf_value *v = &f->leaf_values[i];
            double sum = out[v->target] + v->weight;
            /* The double sum of two float32 rounds to the same float32 as their float sum:
             * 53 bits >= 2 * 24 + 2. */
            out[v->target] = f->number == FOREST_F32 ? (double)(float)sum : sum;
        }
    }
}
