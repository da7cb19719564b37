/*
 * TreeEnsembleRegressor (ai.onnx.ml 1, 3) and TreeEnsemble (5): rows of sums over trees.
 *
 * Sums start from the base values and add the trees in order, which reproduces XGBoost bit for bit.
 */
#include "engine/operators.h"
#include "engine/post_transform.h"
#include "engine/tree_build.h"

#include <inttypes.h>

typedef enum tree_aggregate {
    AGGREGATE_AVERAGE,
    AGGREGATE_SUM,
    AGGREGATE_MIN,
    AGGREGATE_MAX
} tree_aggregate;

typedef struct tree_regressor {
    forest trees;
    const forest_fast *fast; /* NULL: forest_sum */
    tree_aggregate aggregate;
    post_transform post;
    bool wide;
    double *late_base; /* AVERAGE, MIN, MAX: added after them; NULL: none */
} tree_regressor;

static alf_status read_targets(const prepare *p, int64_t *count)
{
    *count = 0;
    TRY(prepare_int(p, "n_targets", count));
    if (*count < 1 || *count > INT32_MAX)
        return prepare_fail(p, ALF_E_FORMAT, "n_targets is %" PRId64, *count);
    return ALF_OK;
}

static bool takes_extremes(const tree_regressor *s)
{
    return s->aggregate == AGGREGATE_MIN || s->aggregate == AGGREGATE_MAX;
}

static alf_status compile(void *state, arena *memory, alf_error *err)
{
    tree_regressor *s = state;
    return takes_extremes(s) || s->fast != NULL
               ? ALF_OK
               : forest_fast_build(&s->trees, memory, &s->fast, err);
}

const kernel_life life_trees = {.compile = compile};

static void regressor_output(const prepare *p, onnx_type type, int64_t targets)
{
    prepare_output_rank(p, 0, type, 2);
    if (p->outputs[0] == NULL)
        return;
    p->outputs[0]->dims[0] = p->inputs[0]->rank == 2 ? p->inputs[0]->dims[0] : DIM_UNKNOWN;
    p->outputs[0]->dims[1] = targets;
}

static alf_status read_regressor(prepare *p, arena *temporary, tree_regressor *state)
{
    static const char *const aggregates[] = {"AVERAGE", "SUM", "MIN", "MAX", NULL};
    tree_source source = {0};
    int64_t targets;
    int aggregate = AGGREGATE_SUM;
    double *base;
    size_t base_count;
    TRY(read_targets(p, &targets));
    TRY(prepare_choice(p, "aggregate_function", aggregates, &aggregate));
    TRY(prepare_post_transform(p, &state->post));
    TRY(tree_read_base(p, &base, &base_count));
    if (base_count != 0 && base_count != (size_t)targets)
        return prepare_fail(p, ALF_E_FORMAT, "%zu base values for %" PRId64 " targets", base_count,
                            targets);
    state->aggregate = (tree_aggregate)aggregate;
    state->wide = tree_is_wide(p, "target");
    source.target_count = (uint32_t)targets;
    source.base = state->aggregate == AGGREGATE_SUM ? base : NULL;
    state->late_base = state->aggregate == AGGREGATE_SUM ? NULL : base;
    TRY(tree_read_nodes(p, "target", temporary, state->wide, &source));
    TRY(tree_build(p, &source, temporary, &state->trees));
    TRY(tree_check_input(p, &state->trees));
    regressor_output(p, ONNX_FLOAT, targets);
    return ALF_OK;
}

static alf_status read_ensemble(prepare *p, arena *temporary, tree_regressor *state)
{
    int64_t targets, aggregate = AGGREGATE_SUM, post = POST_NONE;
    TRY(read_targets(p, &targets));
    TRY(prepare_int(p, "aggregate_function", &aggregate));
    TRY(prepare_int(p, "post_transform", &post));
    if (aggregate < 0 || aggregate > AGGREGATE_MAX || post < 0 || post > POST_PROBIT)
        return prepare_fail(p, ALF_E_FORMAT,
                            "aggregate_function %" PRId64 " or post_transform %" PRId64
                            " is unknown",
                            aggregate, post);
    static const post_transform transforms[] = {POST_NONE, POST_SOFTMAX, POST_LOGISTIC,
                                                POST_SOFTMAX_ZERO, POST_PROBIT};
    state->aggregate = (tree_aggregate)aggregate;
    state->post = transforms[post];
    state->wide = p->inputs[0]->type == ONNX_DOUBLE;
    TRY(tree_read_ensemble(p, temporary, (uint32_t)targets, &state->trees));
    TRY(tree_check_input(p, &state->trees));
    regressor_output(p, p->inputs[0]->type, targets);
    return ALF_OK;
}

static alf_status with_temporary(prepare *p, uint32_t types,
                                 alf_status (*read)(prepare *, arena *, tree_regressor *))
{
    tree_regressor *state;
    arena temporary;
    TRY(prepare_type(p, 0, types));
    TRY(prepare_state(p, sizeof *state, &state));
    arena_init(&temporary, p->memory->limit);
    alf_status status = read(p, &temporary, state);
    arena_fini(&temporary);
    return status;
}

alf_status prepare_tree_regressor(prepare *p)
{
    return with_temporary(p, TYPES_NUMBER, read_regressor);
}

alf_status prepare_tree_ensemble(prepare *p)
{
    return with_temporary(p, TYPES_FLOAT, read_ensemble);
}

const forest *tree_single_sum(const void *state, const forest_fast **fast)
{
    const tree_regressor *s = state;
    bool plain = s->aggregate == AGGREGATE_SUM && s->post == POST_NONE && s->late_base == NULL &&
                 s->trees.target_count == 1;
    *fast = s->fast;
    return plain ? &s->trees : NULL;
}

/* ---- run ---- */

static double narrow(double x, bool wide)
{
    return wide ? x : (double)(float)x;
}

/* The least or greatest leaf value per target; 0 where no tree has one. seen: scratch. */
static void extreme(const tree_regressor *s, const double *x, double *out, double *seen)
{
    const forest *f = &s->trees;
    for (uint32_t i = 0; i < f->target_count; i++)
        out[i] = seen[i] = 0;
    for (uint32_t t = 0; t < f->tree_count; t++) {
        const forest_node *leaf = &f->nodes[forest_leaf(f, t, x)];
        for (uint32_t i = leaf->yes; i < leaf->yes + leaf->no; i++) {
            const forest_leaf_value *v = &f->leaf_values[i];
            bool better = s->aggregate == AGGREGATE_MIN ? v->weight < out[v->target]
                                                        : v->weight > out[v->target];
            if (seen[v->target] < 1 || better)
                out[v->target] = v->weight;
            seen[v->target] = 1;
        }
    }
}

/* From the sums of a row to what comes out of the operator. */
static void finish_row(const tree_regressor *s, double *out)
{
    const forest *f = &s->trees;
    for (uint32_t i = 0; i < f->target_count; i++) {
        if (s->aggregate == AGGREGATE_AVERAGE && f->tree_count > 0)
            out[i] = narrow(out[i] / (double)f->tree_count, s->wide);
        if (s->late_base != NULL)
            out[i] = narrow(out[i] + s->late_base[i], s->wide);
    }
    post_transform_row(s->post, out, f->target_count, s->wide);
}

static void put_sums(const tree_regressor *s, tensor *to, uint64_t row, size_t rows, double *sums)
{
    uint32_t targets = s->trees.target_count;
    for (size_t r = 0; r < rows; r++)
        finish_row(s, sums + r * targets);
    for (size_t i = 0; i < rows * targets; i++) {
        if (to->type == ONNX_FLOAT)
            ((float *)to->data)[row * targets + i] = (float)sums[i];
        else
            ((double *)to->data)[row * targets + i] = sums[i];
    }
}

static alf_status run_extremes(const kernel_call *c, uint64_t rows, uint64_t columns)
{
    const tree_regressor *s = c->state;
    const forest *f = &s->trees;
    double *x;
    TRY(call_scratch(c, (size_t)f->feature_count + 2 * (size_t)f->target_count, sizeof *x, &x));
    double *out = x + f->feature_count, *seen = out + f->target_count;
    for (uint64_t r = 0; r < rows; r++) {
        tree_row(c->inputs[0], r, columns, f->feature_count, x);
        extreme(s, x, out, seen);
        put_sums(s, c->outputs[0], r, 1, out);
    }
    return ALF_OK;
}

alf_status run_tree_regressor(const kernel_call *c)
{
    const tree_regressor *s = c->state;
    const forest *f = &s->trees;
    uint64_t rows, columns;
    double *sums;
    TRY(tree_rows(c, f, &rows, &columns));
    int64_t dims[2] = {(int64_t)rows, (int64_t)f->target_count};
    TRY(call_output(c, 0, 2, dims));
    if (takes_extremes(s))
        return run_extremes(c, rows, columns);
    size_t chunk = tree_chunk(f, rows), count = chunk * f->target_count;
    TRY(call_scratch(c, count + tree_sum_room(f, s->fast, chunk), sizeof *sums, &sums));
    for (uint64_t r = 0; r < rows; r += chunk) {
        size_t n = rows - r < chunk ? (size_t)(rows - r) : chunk;
        tree_sum_rows(f, s->fast, c->inputs[0], r, n, columns, sums, sums + count);
        put_sums(s, c->outputs[0], r, n, sums);
    }
    return ALF_OK;
}

const forest *tree_ensemble_sums(const void *state)
{
    const tree_regressor *s = state;
    bool plain = s->aggregate == AGGREGATE_SUM && s->post == POST_NONE && s->late_base == NULL &&
                 s->wide == (s->trees.number == FOREST_F64);
    return plain ? &s->trees : NULL;
}
