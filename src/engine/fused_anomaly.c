/* Reads the two graphs node by node, each node fed by the one before and by constants. */
#include "engine/fused_anomaly.h"

#include "base/mem.h"
#include "base/power.h"
#include "base/span.h"
#include "engine/graph.h"
#include "engine/operators.h"
#include "engine/tree_build.h"

#include <string.h>

/* A walk along the only chain of nodes from the input to the end of a graph. */
typedef struct chain_walk {
    const engine *e;
    size_t next;    /* index of the node expected next */
    uint32_t value; /* what the node before has made */
} chain_walk;

static bool is_operator(const engine_node *node, const char *domain, const char *name)
{
    return strcmp(node->op->domain, domain) == 0 && strcmp(node->op->name, name) == 0;
}

/* The next node if it is that operator; its only output becomes the value at hand. */
static const engine_node *step_to(chain_walk *w, const char *domain, const char *name)
{
    if (w->next >= w->e->node_count)
        return NULL;
    const engine_node *node = &w->e->nodes[w->next];
    if (!is_operator(node, domain, name) || node->output_count != 1 || node->outputs[0] == NO_VALUE)
        return NULL;
    w->next++;
    return node;
}

/* The constant that is input i of a node: of that type and rank 0 or 1. */
static const tensor *constant_at(const chain_walk *w, const engine_node *node, uint32_t i,
                                 onnx_type type)
{
    if (i >= node->input_count || node->inputs[i] == NO_VALUE)
        return NULL;
    const tensor *t = w->e->values[node->inputs[i]].constant;
    return t != NULL && t->type == type && t->rank <= 1 ? t : NULL;
}

static bool double_at(const chain_walk *w, const engine_node *node, uint32_t i, double *out)
{
    const tensor *t = constant_at(w, node, i, ONNX_DOUBLE);
    if (t == NULL || t->rank != 0)
        return false;
    *out = *(const double *)t->data;
    return true;
}

static bool int_at(const chain_walk *w, const engine_node *node, uint32_t i, uint32_t rank,
                   int64_t *out)
{
    const tensor *t = constant_at(w, node, i, ONNX_INT64);
    if (t == NULL || t->rank != rank || tensor_count(t) != 1)
        return false;
    *out = *(const int64_t *)t->data;
    return true;
}

/* Whether input i of a node is the value at hand. */
static bool reads(const chain_walk *w, const engine_node *node, uint32_t i)
{
    return i < node->input_count && node->inputs[i] == w->value;
}

/* A node of one input, the value at hand. */
static bool unary(chain_walk *w, const char *domain, const char *name, onnx_type type,
                  const engine_node **out)
{
    const engine_node *node = step_to(w, domain, name);
    if (node == NULL || node->input_count != 1 || !reads(w, node, 0))
        return false;
    w->value = node->outputs[0];
    *out = node;
    return w->e->values[w->value].type == type;
}

/* value OP constant, in double. */
static bool with_double(chain_walk *w, const char *name, double *constant)
{
    const engine_node *node = step_to(w, "", name);
    if (node == NULL || node->input_count != 2 || !reads(w, node, 0) ||
        !double_at(w, node, 1, constant))
        return false;
    w->value = node->outputs[0];
    return true;
}

/* One input of that type, [any, columns]. */
static bool begin(chain_walk *w, const engine *e, onnx_type type, uint32_t columns)
{
    if (e->ort != NULL || e->input_count != 1)
        return false;
    const onnx_value_info *input = &e->inputs[0];
    *w = (chain_walk){e, 0, e->input_values[0]};
    return input->kind == ONNX_VALUE_TENSOR && input->type == type && input->has_shape &&
           input->rank == 2 && input->dims[0] < 0 && input->dims[1] == (int64_t)columns;
}

/* ---- scaler ---- */

static bool find_step(chain_walk *w, uint32_t columns, fused_step *out)
{
    static const struct {
        const char *name;
        int operation;
    } known[] = {{"Sub", ARITH_SUB}, {"Div", ARITH_DIV}, {"Mul", ARITH_MUL}, {"Add", ARITH_ADD}};
    const engine_node *node = NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0] && node == NULL; i++) {
        node = step_to(w, "", known[i].name);
        out->operation = known[i].operation;
    }
    if (node == NULL || node->input_count != 2 || !reads(w, node, 0))
        return false;
    const tensor *t = constant_at(w, node, 1, ONNX_DOUBLE);
    if (t == NULL || t->rank != 1 || t->dims[0] != (int64_t)columns)
        return false;
    out->operands = t->data;
    w->value = node->outputs[0];
    return true;
}

static bool find_scaler(const engine *e, fused_anomaly *out)
{
    chain_walk w;
    const engine_node *cast;
    if (!begin(&w, e, ONNX_DOUBLE, out->feature_count) || e->node_count == 0 ||
        e->node_count > FUSED_STEPS + 1)
        return false;
    while (out->step_count + 1 < e->node_count)
        if (!find_step(&w, out->feature_count, &out->steps[out->step_count++]))
            return false;
    return unary(&w, "", "Cast", ONNX_FLOAT, &cast) && e->output_count == 1 &&
           e->output_values[0] == w.value;
}

/* ---- forest ---- */

/* [N,1] -> [N] */
static bool find_squeeze(chain_walk *w)
{
    int64_t axis;
    const engine_node *node = step_to(w, "", "Squeeze");
    if (node == NULL || node->input_count != 2 || !reads(w, node, 0) ||
        !int_at(w, node, 1, 1, &axis) || axis != 1)
        return false;
    w->value = node->outputs[0];
    return true;
}

static bool find_power(chain_walk *w)
{
    double base;
    const engine_node *node = step_to(w, "", "Pow");
    if (node == NULL || node->input_count != 2 || !reads(w, node, 1) ||
        !double_at(w, node, 0, &base) || base < 2 || base > 2)
        return false;
    w->value = node->outputs[0];
    return true;
}

static bool find_label(chain_walk *w, fused_anomaly *out)
{
    if (!with_double(w, "Less", &out->zero))
        return false;
    const engine_node *node = step_to(w, "", "Where");
    if (node == NULL || node->input_count != 3 || !reads(w, node, 0) ||
        !int_at(w, node, 1, 0, &out->below) || !int_at(w, node, 2, 0, &out->otherwise))
        return false;
    w->value = node->outputs[0];
    return true;
}

static bool is_output(const engine *e, size_t i, uint32_t value)
{
    return i == SIZE_MAX || (i < e->output_count && e->output_values[i] == value);
}

static bool find_trees(const engine *e, const fused_outputs *outputs, fused_anomaly *out)
{
    chain_walk w;
    const engine_node *node, *trees;
    if (!begin(&w, e, ONNX_FLOAT, out->feature_count) ||
        !unary(&w, "", "Cast", ONNX_DOUBLE, &node) ||
        !unary(&w, "ai.onnx.ml", "TreeEnsemble", ONNX_DOUBLE, &trees) || !find_squeeze(&w) ||
        !unary(&w, "", "Neg", ONNX_DOUBLE, &node) || !with_double(&w, "Div", &out->denominator) ||
        !find_power(&w) || !unary(&w, "", "Neg", ONNX_DOUBLE, &node))
        return false;
    bool fits = is_output(e, outputs->score, w.value);
    if (!with_double(&w, "Sub", &out->offset))
        return false;
    fits = fits && is_output(e, outputs->decision, w.value);
    if (!find_label(&w, out))
        return false;
    out->node = (size_t)(trees - e->nodes);
    return fits && is_output(e, outputs->label, w.value) && w.next == e->node_count;
}

/* The trees, compiled: those of the node if they are, else its own. */
static alf_status take_trees(const engine *e, fused_anomaly *m, alf_error *err)
{
    forest *copy;
    const forest_fast *compiled;
    const forest *trees = tree_single_sum(e->nodes[m->node].state, &compiled);
    if (trees == NULL)
        return ALF_OK;
    m->trees = compiled;
    if (compiled != NULL)
        return ALF_OK;
    TRY(arena_take(&m->memory, 1, sizeof *copy, &copy, err));
    *copy = *trees;
    TRY(forest_fast_build(copy, &m->memory, &m->trees, err));
    m->is_whole = m->trees != NULL && copy->base == NULL && !forest_fast_reads_nodes(m->trees);
    return ALF_OK;
}

alf_status fused_anomaly_find(const engine *scaler, const engine *detector, uint32_t feature_count,
                              const fused_outputs *outputs, fused_anomaly *out, bool *found,
                              alf_error *err)
{
    *out = (fused_anomaly){.feature_count = feature_count};
    *found = find_scaler(scaler, out) && find_trees(detector, outputs, out);
    if (!*found)
        return ALF_OK;
    arena_init(&out->memory, arena_left(&detector->memory));
    alf_status status = take_trees(detector, out, err);
    *found = status == ALF_OK && out->trees != NULL;
    if (!*found)
        fused_anomaly_fini(out);
    return status;
}

void fused_anomaly_fini(fused_anomaly *m)
{
    arena_fini(&m->memory);
}

/* ---- sessions ---- */

enum { MEMO_BYTES = 48 << 10, MOST_COLUMNS = 32 /* of rows that are remembered */ };

/* In the memo. */
typedef struct kept_answer {
    double score, decision;
    int32_t label, unused;
} kept_answer;

static size_t row_bytes(const fused_anomaly *m)
{
    return m->feature_count * sizeof(double);
}

/* FUSED_ROWS scaled rows, their depths, and what the trees need. */
static size_t scratch_bytes(const fused_anomaly *m)
{
    return FUSED_ROWS * (row_bytes(m) + sizeof(double)) + forest_fast_scratch(m->trees, FUSED_ROWS);
}

alf_status fused_session_init(fused_session *s, const fused_anomaly *m, bool remember,
                              alf_error *err)
{
    *s = (fused_session){.model = m};
    s->remembers = remember && m->feature_count <= MOST_COLUMNS && memo_allowed();
    s->scratch = mem_alloc(scratch_bytes(m));
    if (s->scratch == NULL)
        return error_nomem(err, "a session");
    if (!s->remembers)
        return ALF_OK;
    alf_status status = memo_init(&s->memo, row_bytes(m), sizeof(kept_answer), MEMO_BYTES, err);
    if (status != ALF_OK)
        fused_session_fini(s);
    return status;
}

void fused_session_fini(fused_session *s)
{
    mem_free(s->scratch);
    memo_fini(&s->memo);
    *s = (fused_session){0};
}

/* ---- run ---- */

static void apply_step(const fused_step *step, double *x, size_t rows, uint32_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns) {
        const double *y = step->operands;
        for (uint32_t i = 0; i < columns && step->operation == ARITH_SUB; i++)
            x[i] = x[i] - y[i];
        for (uint32_t i = 0; i < columns && step->operation == ARITH_DIV; i++)
            x[i] = x[i] / y[i];
        for (uint32_t i = 0; i < columns && step->operation == ARITH_MUL; i++)
            x[i] = x[i] * y[i];
        for (uint32_t i = 0; i < columns && step->operation == ARITH_ADD; i++)
            x[i] = x[i] + y[i];
    }
}

/* Scales the n rows at the start of the scratch and sums their trees; the depths. */
static const double *sum_trees(const fused_session *s, size_t n)
{
    const fused_anomaly *m = s->model;
    size_t count = n * m->feature_count;
    double *x = s->scratch, *depths = x + (size_t)FUSED_ROWS * m->feature_count;
    for (uint32_t i = 0; i < m->step_count; i++)
        apply_step(&m->steps[i], x, n, m->feature_count);
    for (size_t i = 0; i < count; i++)
        x[i] = (double)(float)x[i];
    forest_rows rows = {x, ONNX_DOUBLE, m->feature_count};
    forest_fast_sum(m->trees, &rows, n, depths, depths + FUSED_ROWS);
    return depths;
}

static void put_answer(const anomaly_answers *out, size_t row, const kept_answer *answer)
{
    out->scores[row] = answer->score;
    out->decisions[row] = answer->decision;
    out->labels[row] = answer->label;
}

static kept_answer answer_of(const fused_anomaly *m, double depth)
{
    double score = -power_of_two(-depth / m->denominator);
    double decision = score - m->offset;
    int64_t label = decision < m->zero ? m->below : m->otherwise;
    return (kept_answer){score, decision, label < 0 ? -1 : 1, 0};
}

static memo_key key_of(const fused_anomaly *m, const double *features)
{
    return memo_key_of(features, row_bytes(m));
}

/* Answers the row from the memo, if it can. */
static bool recall(fused_session *s, const double *features, size_t row, const anomaly_answers *out)
{
    if (!s->remembers)
        return false;
    memo_key key = key_of(s->model, features);
    const kept_answer *found = memo_find(&s->memo, &key);
    if (found != NULL)
        put_answer(out, row, found);
    return found != NULL;
}

static void remember(fused_session *s, const double *features, const kept_answer *answer)
{
    memo_key key = key_of(s->model, features);
    kept_answer *to = memo_put(&s->memo, &key);
    *to = *answer;
}

void fused_anomaly_run(fused_session *s, const double *features, size_t n,
                       const anomaly_answers *out)
{
    const fused_anomaly *m = s->model;
    uint32_t columns = m->feature_count;
    size_t pending[FUSED_ROWS], count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!recall(s, features + i * columns, i, out)) {
            memcpy((double *)s->scratch + count * columns, features + i * columns, row_bytes(m));
            pending[count++] = i;
        }
        if (count < FUSED_ROWS && i + 1 < n)
            continue;
        const double *depths = count > 0 ? sum_trees(s, count) : NULL;
        for (size_t k = 0; k < count; k++) {
            kept_answer answer = answer_of(m, depths[k]);
            put_answer(out, pending[k], &answer);
            if (s->remembers)
                remember(s, features + pending[k] * columns, &answer);
        }
        count = 0;
    }
}
