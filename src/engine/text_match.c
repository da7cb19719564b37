/*
 * Vectorizers from the output of the graph backwards, classifiers from their largest node.
 * Operators whose attributes could change their meaning are asked (operators.h); the types of
 * values say what a Cast does, and the rest has no attributes.
 */
#include "engine/text_match.h"

#include "base/mem.h"
#include "base/span.h"
#include "engine/operators.h"

#include <math.h>
#include <string.h>

/* ---- nodes and constants ---- */

/* The node that makes a value, when it is of that operator; else NULL. */
static const engine_node *made_by(const engine *e, uint32_t value, const char *op)
{
    for (size_t i = 0; i < e->node_count && value != NO_VALUE; i++) {
        const engine_node *n = &e->nodes[i];
        if (n->output_count == 1 && n->outputs[0] == value)
            return strcmp(n->op->name, op) == 0 ? n : NULL;
    }
    return NULL;
}

static const tensor *constant_of(const engine *e, uint32_t value, onnx_type type)
{
    const tensor *t = value == NO_VALUE ? NULL : e->values[value].constant;
    return t != NULL && t->type == type ? t : NULL;
}

static onnx_type type_of(const engine *e, uint32_t value)
{
    return value == NO_VALUE ? ONNX_UNDEFINED : e->values[value].type;
}

/* A constant of no dimensions. */
static bool is_number(const engine *e, uint32_t value, double number)
{
    const tensor *t = value == NO_VALUE ? NULL : e->values[value].constant;
    if (t == NULL || t->rank != 0)
        return false;
    if (t->type == ONNX_DOUBLE)
        return *(const double *)t->data == number;
    if (t->type == ONNX_FLOAT)
        return (double)*(const float *)t->data == number;
    return t->type == ONNX_INT64 && (double)*(const int64_t *)t->data == number;
}

/* A constant list of one axis. */
static bool is_axis(const engine *e, uint32_t value, int64_t axis)
{
    const tensor *t = constant_of(e, value, ONNX_INT64);
    return t != NULL && t->rank == 1 && t->dims[0] == 1 && *(const int64_t *)t->data == axis;
}

/* The sum over the second axis. */
static const engine_node *row_sum(const engine *e, uint32_t value, bool keep)
{
    const engine_node *n = made_by(e, value, "ReduceSum");
    if (n == NULL || n->input_count != 2 || !is_axis(e, n->inputs[1], 1))
        return NULL;
    reduce_facts facts = reduce_describe(n->state);
    return facts.keep_dims == keep && facts.axes_input ? n : NULL;
}

/* The input of a cast between these types; NO_VALUE: there is none. */
static uint32_t before_cast(const engine *e, uint32_t value, onnx_type from, onnx_type to)
{
    const engine_node *n = made_by(e, value, "Cast");
    if (n == NULL || type_of(e, value) != to || type_of(e, n->inputs[0]) != from)
        return NO_VALUE;
    return n->inputs[0];
}

/* ---- the arithmetic ---- */

/* value -> what it is the norm of: Where(norm == 0, 1, norm). */
static bool match_norm(const engine *e, uint32_t value, uint32_t row, text_weights *w)
{
    const engine_node *safe = made_by(e, value, "Where");
    if (safe == NULL || !is_number(e, safe->inputs[1], 1))
        return false;
    uint32_t norm = safe->inputs[2];
    const engine_node *equal = made_by(e, safe->inputs[0], "Equal");
    if (equal == NULL || equal->inputs[0] != norm || !is_number(e, equal->inputs[1], 0))
        return false;
    const engine_node *root = made_by(e, norm, "Sqrt");
    const engine_node *sum = row_sum(e, root != NULL ? root->inputs[0] : norm, true);
    if (sum == NULL || type_of(e, norm) != ONNX_DOUBLE)
        return false;
    uint32_t sizes = sum->inputs[0];
    if (!w->wide)
        sizes = before_cast(e, sizes, ONNX_FLOAT, ONNX_DOUBLE);
    const engine_node *size = made_by(e, sizes, root != NULL ? "Mul" : "Abs");
    w->norm = root != NULL ? WEIGHTS_L2 : WEIGHTS_L1;
    return size != NULL && size->inputs[0] == row && (root == NULL || size->inputs[1] == row);
}

/* *value is the quotient of a row and its norm: then the row, and w says how. */
static bool match_division(const engine *e, uint32_t *value, text_weights *w)
{
    const engine_node *div = made_by(e, *value, "Div");
    w->norm = WEIGHTS_NO_NORM;
    if (div == NULL) {
        w->wide = type_of(e, *value) == ONNX_DOUBLE;
        return w->wide || type_of(e, *value) == ONNX_FLOAT;
    }
    uint32_t row = div->inputs[0], narrow = before_cast(e, row, ONNX_FLOAT, ONNX_DOUBLE);
    /* The counts of a row in float64 are a cast, too. */
    w->wide = true;
    if (match_norm(e, div->inputs[1], row, w)) {
        *value = row;
        return true;
    }
    w->wide = false;
    *value = narrow;
    return narrow != NO_VALUE && match_norm(e, div->inputs[1], narrow, w);
}

static bool all_finite(const tensor *t)
{
    for (uint64_t i = 0; i < tensor_count(t); i++)
        if (!isfinite(t->type == ONNX_DOUBLE ? ((const double *)t->data)[i]
                                             : (double)((const float *)t->data)[i]))
            return false;
    return true;
}

static bool match_idf(const engine *e, uint32_t *value, text_weights *w, int64_t *columns)
{
    const engine_node *mul = made_by(e, *value, "Mul");
    *columns = -1;
    if (mul == NULL)
        return true;
    const tensor *idf = constant_of(e, mul->inputs[1], w->wide ? ONNX_DOUBLE : ONNX_FLOAT);
    if (idf == NULL || idf->rank != 1 || !all_finite(idf))
        return false;
    w->has_idf = true;
    w->idf = w->wide ? idf->data : NULL;
    w->idf_f32 = w->wide ? NULL : idf->data;
    *columns = idf->dims[0];
    *value = mul->inputs[0];
    return true;
}

/* Where(tf > 0, ln(tf) + 1, 0) */
static bool match_sublinear(const engine *e, uint32_t *value, text_weights *w)
{
    const engine_node *where = made_by(e, *value, "Where");
    if (where == NULL)
        return true;
    const engine_node *greater = made_by(e, where->inputs[0], "Greater");
    const engine_node *add = made_by(e, where->inputs[1], "Add");
    const engine_node *ln = add != NULL ? made_by(e, add->inputs[0], "Log") : NULL;
    if (greater == NULL || ln == NULL || greater->inputs[0] != ln->inputs[0] ||
        !is_number(e, greater->inputs[1], 0) || !is_number(e, add->inputs[1], 1) ||
        !is_number(e, where->inputs[2], 0))
        return false;
    w->sublinear = true;
    *value = ln->inputs[0];
    return true;
}

/* From the graph's output to the counts. */
static bool match_weights(const engine *e, text_weights *w, uint32_t *counts, int64_t *columns)
{
    uint32_t value = e->output_values[0];
    const engine_node *last = made_by(e, value, "Cast");
    onnx_type type = type_of(e, value);
    *w = (text_weights){0};
    if (last == NULL || (type != ONNX_FLOAT && type != ONNX_DOUBLE))
        return false;
    value = last->inputs[0];
    uint32_t unrounded =
        type == ONNX_DOUBLE ? before_cast(e, value, ONNX_DOUBLE, ONNX_FLOAT) : NO_VALUE;
    if (unrounded != NO_VALUE) {
        w->rounds = true;
        value = unrounded;
    }
    if (!match_division(e, &value, w) || !match_idf(e, &value, w, columns) ||
        !match_sublinear(e, &value, w))
        return false;
    const engine_node *least = made_by(e, value, "Min");
    if (least != NULL) {
        if (least->input_count != 2 || !is_number(e, least->inputs[1], 1))
            return false;
        w->binary = true;
        value = least->inputs[0];
    }
    *counts = w->wide ? before_cast(e, value, ONNX_FLOAT, ONNX_DOUBLE) : value;
    return *counts != NO_VALUE && type_of(e, *counts) == ONNX_FLOAT;
}

/* ---- the numbers of tokens ---- */

/* What the graph does between tokens and counts. */
typedef struct token_graph {
    encoder_facts encoder;
    tfidf_facts ngrams;
    bool drops;    /* tokens of number 0 */
    bool replaces; /* tokens with a character of the set `outside` get the number 0 */
    text_set outside, set;
    bool lowercase;
} token_graph;

/* The index-making part of what moves dropped tokens behind the others (emit_ngrams.c). */
static bool match_places(const engine *e, uint32_t value, uint32_t ids)
{
    const engine_node *where = made_by(e, value, "Where");
    if (where == NULL)
        return false;
    uint32_t kept = before_cast(e, where->inputs[0], ONNX_INT64, ONNX_BOOL);
    const engine_node *sign = made_by(e, kept, "Sign");
    const engine_node *front = made_by(e, where->inputs[1], "Sub");
    const engine_node *behind = made_by(e, where->inputs[2], "CumSum");
    if (sign == NULL || sign->inputs[0] != ids || front == NULL || behind == NULL)
        return false;
    const engine_node *so_far = made_by(e, front->inputs[0], "CumSum");
    const engine_node *dropped = made_by(e, behind->inputs[0], "Sub");
    return so_far != NULL && dropped != NULL && so_far->inputs[0] == kept &&
           dropped->inputs[0] == kept && is_number(e, front->inputs[1], 1) &&
           is_number(e, dropped->inputs[1], 1) && is_number(e, so_far->inputs[1], -1) &&
           is_number(e, behind->inputs[1], -1) && cumsum_is_plain(so_far->state) &&
           cumsum_is_plain(behind->state);
}

static bool match_drop(const engine *e, uint32_t *ids, token_graph *g)
{
    const engine_node *scatter = made_by(e, *ids, "ScatterElements");
    if (scatter == NULL)
        return true;
    if (scatter->inputs[0] != scatter->inputs[2] || scatter_axis(scatter->state) != -1 ||
        !match_places(e, scatter->inputs[1], scatter->inputs[0]))
        return false;
    g->drops = true;
    *ids = scatter->inputs[0];
    return true;
}

/* Whether value says of each token that it has a match of `outside`. */
static bool match_matched(const engine *e, uint32_t value, uint32_t *tokens, token_graph *g)
{
    uint32_t count = before_cast(e, value, ONNX_INT64, ONNX_BOOL);
    const engine_node *reshape = made_by(e, count, "Reshape");
    if (reshape == NULL || !reshape_allows_zero(reshape->state))
        return false;
    const engine_node *sum = row_sum(e, reshape->inputs[0], false);
    const engine_node *shape = made_by(e, reshape->inputs[1], "Shape");
    const engine_node *rows = sum != NULL ? made_by(e, sum->inputs[0], "Flatten") : NULL;
    const engine_node *found = rows != NULL ? made_by(e, rows->inputs[0], "LabelEncoder") : NULL;
    const engine_node *split = found != NULL ? made_by(e, found->inputs[0], "Tokenizer") : NULL;
    encoder_facts marks;
    alf_span expression;
    if (shape == NULL || split == NULL || !shape_is_whole(shape->state) ||
        flatten_axis(rows->state) != 2 || shape->inputs[0] != split->inputs[0] ||
        !label_encoder_describe(found->state, &marks) || marks.fallback != 1 ||
        !tokenizer_describe(split->state, &expression))
        return false;
    size_t keys = 0;
    for (size_t i = 0; i < marks.slot_count; i++)
        if (marks.slots[i].key.data != NULL) {
            keys++;
            if (marks.slots[i].key.size != 0 || marks.values[marks.slots[i].value] != 0)
                return false;
        }
    *tokens = split->inputs[0];
    return keys == 1 && text_set_parse(expression, &g->outside) && g->outside.min_length == 1;
}

static bool match_replace(const engine *e, uint32_t *ids, uint32_t *tokens, token_graph *g)
{
    const engine_node *where = made_by(e, *ids, "Where");
    *tokens = NO_VALUE;
    if (where == NULL)
        return true;
    g->replaces = true;
    *ids = where->inputs[2];
    return is_number(e, where->inputs[1], 0) && match_matched(e, where->inputs[0], tokens, g);
}

static bool match_tokens(const engine *e, uint32_t counts, token_graph *g)
{
    const engine_node *tfidf = made_by(e, counts, "TfIdfVectorizer");
    uint32_t same;
    *g = (token_graph){0};
    if (tfidf == NULL || !tfidf_describe(tfidf->state, &g->ngrams))
        return false;
    uint32_t ids = tfidf->inputs[0];
    if (!match_drop(e, &ids, g) || !match_replace(e, &ids, &same, g))
        return false;
    const engine_node *encoder = made_by(e, ids, "LabelEncoder");
    if (encoder == NULL || !label_encoder_describe(encoder->state, &g->encoder))
        return false;
    uint32_t text = encoder->inputs[0];
    const engine_node *tokenizer = made_by(e, text, "Tokenizer");
    alf_span expression;
    if (tokenizer == NULL || (same != NO_VALUE && same != text) ||
        !tokenizer_describe(tokenizer->state, &expression) || !text_set_parse(expression, &g->set))
        return false;
    text = tokenizer->inputs[0];
    const engine_node *lower = made_by(e, text, "StringNormalizer");
    if (lower != NULL && !string_normalizer_only_lowers(lower->state))
        return false;
    g->lowercase = lower != NULL;
    return (lower != NULL ? lower->inputs[0] : text) == e->input_values[0];
}

/* ---- building ---- */

/* The token of the n-grams that a number stands for; false: it is in none. */
static bool known_token(const token_graph *g, int64_t number, uint32_t *token)
{
    return strmap_get(g->ngrams.tokens, span_of((const char *)&number, sizeof number), token);
}

/*
 * What the numbers of tokens must keep to. Padding stands behind the tokens of a text and must be
 * in no n-gram. Where tokens are dropped, those of number 0 are, and none is below it.
 */
static bool numbers_fit(const token_graph *g)
{
    uint32_t token, index;
    int64_t padding = g->encoder.fallback;
    const strmap keys = {(strmap_entry *)(uintptr_t)g->encoder.slots, g->encoder.slot_count, 0,
                         g->encoder.seed};
    if (strmap_get(&keys, SPAN_LITERAL(""), &index))
        padding = g->encoder.values[index];
    if (known_token(g, padding, &token) || known_token(g, g->encoder.fallback, &token) ||
        ((g->drops || g->replaces) && known_token(g, 0, &token)) || g->replaces > g->drops)
        return false;
    for (size_t i = 0; i < g->encoder.slot_count && g->drops; i++)
        if (g->encoder.slots[i].key.data != NULL &&
            g->encoder.values[g->encoder.slots[i].value] < 0)
            return false;
    return !g->drops || g->encoder.fallback > 0;
}

static alf_status build_vocabulary(const token_graph *g, arena *memory, text_tokens *t,
                                   alf_error *err)
{
    uint32_t keys = 0;
    for (size_t i = 0; i < g->encoder.slot_count; i++)
        keys += g->encoder.slots[i].key.data != NULL;
    TRY(text_vocabulary_init(&t->vocabulary, keys, g->encoder.seed, memory, err));
    for (size_t i = 0; i < g->encoder.slot_count; i++) {
        const strmap_entry *slot = &g->encoder.slots[i];
        uint32_t token;
        if (slot->key.data == NULL || slot->key.size == 0)
            continue;
        int64_t number = g->encoder.values[slot->value];
        if (g->drops && number == 0)
            text_vocabulary_add(&t->vocabulary, slot->key, TOKEN_DROPPED);
        else if (known_token(g, number, &token))
            text_vocabulary_add(&t->vocabulary, slot->key, token);
    }
    return ALF_OK;
}

typedef struct pool_edge { /* the keys of tfidf_facts.edges */
    uint32_t node, token;
} pool_edge;

static alf_status build_ngrams(const token_graph *g, arena *memory, text_tokens *t, alf_error *err)
{
    const strmap *edges = g->ngrams.edges;
    pool_edge edge;
    uint8_t *inner = mem_calloc(g->ngrams.node_count, 1); /* nodes that edges lead on from */
    alf_status status = inner == NULL ? error_nomem(err, "n-grams") : ALF_OK;
    if (status == ALF_OK)
        status = text_ngrams_init(&t->ngrams, g->ngrams.token_count, (uint32_t)edges->count,
                                  (uint32_t)g->ngrams.column_count, memory, err);
    for (size_t i = 0; i < edges->capacity && status == ALF_OK; i++) {
        if (edges->entries[i].key.data == NULL)
            continue;
        memcpy(&edge, edges->entries[i].key.data, sizeof edge);
        inner[edge.node] = 1;
    }
    for (size_t i = 0; i < edges->capacity && status == ALF_OK; i++) {
        const strmap_entry *slot = &edges->entries[i];
        if (slot->key.data == NULL)
            continue;
        memcpy(&edge, slot->key.data, sizeof edge);
        int32_t column = g->ngrams.columns[slot->value];
        ngram_node child = {slot->value | (inner[slot->value] ? NGRAM_HAS_EDGES : 0),
                            column >= 0 ? (uint32_t)column : NGRAM_NO_COLUMN};
        text_ngrams_add(&t->ngrams, edge.node, edge.token, child);
    }
    mem_free(inner);
    return status;
}

alf_status text_match_vectorizer(const engine *e, arena *memory, text_tokens *tokens,
                                 text_weights *weights, bool *fits, alf_error *err)
{
    token_graph g;
    uint32_t counts;
    int64_t idf_count;
    *fits = e->ort == NULL && e->input_count == 1 && e->output_count == 1 &&
            type_of(e, e->input_values[0]) == ONNX_STRING &&
            match_weights(e, weights, &counts, &idf_count) && match_tokens(e, counts, &g) &&
            numbers_fit(&g) && g.ngrams.max_length < NGRAM_LONGEST && g.ngrams.column_count > 0 &&
            g.ngrams.column_count <= NGRAM_MOST_COLUMNS &&
            (idf_count < 0 || idf_count == g.ngrams.column_count);
    if (!*fits)
        return ALF_OK;
    *tokens = (text_tokens){
        .lowercase = g.lowercase, .set = g.set, .drops = g.replaces, .outside = g.outside};
    text_tokens_set_ranges(tokens);
    text_weights_fill_logs(weights);
    TRY(build_vocabulary(&g, memory, tokens, err));
    return build_ngrams(&g, memory, tokens, err);
}

/* ---- classifiers ---- */

/* Where(x == 0, NaN, x) */
static bool match_missing(const engine *e, uint32_t *value)
{
    const engine_node *where = made_by(e, *value, "Where");
    if (where == NULL)
        return false;
    const engine_node *equal = made_by(e, where->inputs[0], "Equal");
    const tensor *nan = constant_of(e, where->inputs[1], ONNX_FLOAT);
    if (equal == NULL || nan == NULL || nan->rank != 0 || !isnan(*(const float *)nan->data) ||
        !is_number(e, equal->inputs[1], 0) || equal->inputs[0] != where->inputs[2])
        return false;
    *value = where->inputs[2];
    return true;
}

static bool match_trees(const engine *e, const engine_node *n, text_head *out)
{
    uint32_t x = n->inputs[0];
    out->trees = tree_ensemble_sums(n->state);
    if (out->trees == NULL)
        return false;
    if (out->trees->number == FOREST_F64)
        x = before_cast(e, x, ONNX_FLOAT, ONNX_DOUBLE);
    out->maps_zero = match_missing(e, &x);
    return x == e->input_values[0] && type_of(e, x) == ONNX_FLOAT;
}

static bool match_matrix(const engine *e, const engine_node *n, text_head *out)
{
    const tensor *matrix = constant_of(e, n->inputs[1], ONNX_DOUBLE);
    if (n->inputs[0] != e->input_values[0] || matrix == NULL || matrix->rank != 2 ||
        matrix->dims[0] < 1 || matrix->dims[0] > UINT32_MAX || matrix->dims[1] < 1 ||
        matrix->dims[1] > UINT32_MAX || !all_finite(matrix))
        return false;
    out->matrix = matrix->data;
    out->columns = (uint32_t)matrix->dims[0];
    out->targets = (uint32_t)matrix->dims[1];
    return true;
}

/* Whether a node behind the head may read a value, or the graph give it. */
static bool is_behind(const engine *e, const text_head *head, uint32_t value, bool allow_head)
{
    if (value == NO_VALUE)
        return true;
    if (e->values[value].constant != NULL)
        return e->values[value].constant->rank <= 1; /* the same for every row */
    if (value == head->value)
        return allow_head;
    for (size_t i = head->node + 1; i < e->node_count; i++)
        for (uint32_t k = 0; k < e->nodes[i].output_count; k++)
            if (e->nodes[i].outputs[k] == value)
                return true;
    return false;
}

/* Whether a node treats each row of a matrix alone, as those that the converter writes do. */
static bool is_row_by_row(const engine *e, const engine_node *n)
{
    static const char *const elementwise[] = {"Add",    "Cast", "Div", "Equal", "Greater",
                                              "Mul",    "Neg",  "Sub", "Where", "GreaterOrEqual",
                                              "Sigmoid"};
    const char *op = n->op->name;
    for (size_t i = 0; i < sizeof elementwise / sizeof elementwise[0]; i++)
        if (strcmp(op, elementwise[i]) == 0)
            return true;
    if (strcmp(op, "Softmax") == 0)
        return softmax_axis(n->state) == 1;
    if (strcmp(op, "ArgMax") == 0)
        return arg_axis(n->state) == 1;
    if (strcmp(op, "Concat") == 0)
        return concat_axis(n->state) == 1;
    if (strcmp(op, "Squeeze") == 0)
        return n->input_count == 2 && is_axis(e, n->inputs[1], 1);
    return row_sum(e, n->outputs[0], true) == n;
}

/* Whether a value has one element a row and no second axis: with another value of several rows it
 * would be spread over columns. */
static bool is_flat(const engine *e, uint32_t value)
{
    const engine_node *cast;
    for (size_t i = 0; i < e->node_count && (cast = made_by(e, value, "Cast")) != NULL; i++)
        value = cast->inputs[0];
    return made_by(e, value, "Squeeze") != NULL || made_by(e, value, "ArgMax") != NULL;
}

/* Whether a node treats rows alone, seen what it reads. */
static bool reads_alone(const engine *e, const text_head *head, const engine_node *n)
{
    for (uint32_t k = 0; k < n->input_count; k++)
        if (!is_behind(e, head, n->inputs[k], true) ||
            (is_flat(e, n->inputs[k]) && strcmp(n->op->name, "Cast") != 0))
            return false;
    return true;
}

static bool ends_alone(const engine *e, const text_head *head)
{
    for (size_t i = head->node + 1; i < e->node_count; i++)
        if (!is_row_by_row(e, &e->nodes[i]))
            return false;
    for (size_t i = head->node + 1; i < e->node_count; i++)
        if (!reads_alone(e, head, &e->nodes[i]))
            return false;
    for (size_t i = 0; i < e->output_count; i++)
        if (!is_behind(e, head, e->output_values[i], false))
            return false;
    return true;
}

bool text_match_classifier(const engine *e, text_head *out)
{
    if (e->ort != NULL || e->input_count != 1)
        return false;
    for (size_t i = 0; i < e->node_count; i++) {
        const engine_node *n = &e->nodes[i];
        bool trees = strcmp(n->op->name, "TreeEnsemble") == 0;
        if (!trees && strcmp(n->op->name, "MatMul") != 0)
            continue;
        *out = (text_head){.node = i, .value = n->outputs[0]};
        return (trees ? match_trees(e, n, out) : match_matrix(e, n, out)) && ends_alone(e, out);
    }
    return false;
}
