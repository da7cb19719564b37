/*
 * TfIdfVectorizer: counts n-grams of tokens against a pool.
 *
 * Tokens become small numbers by one hash look-up each; n-grams are paths in a tree whose edges
 * (node, token) -> node are looked up by hash as well. Single tokens are counted once; longer
 * n-grams once for every distance between their tokens, 1 to max_skip_count + 1.
 */
#include "engine/operators.h"

#include "base/hash.h"
#include "base/span.h"

#include <inttypes.h>
#include <string.h>

enum { MODE_TF, MODE_IDF, MODE_TFIDF, MOST_SKIPS = 64, UNKNOWN_TOKEN = -1, NO_COLUMN = -1 };

/* Two numbers as one key; the map borrows the bytes, so they live in the engine's memory. */
typedef struct edge {
    uint32_t node, token;
} edge;

typedef struct tfidf {
    strmap tokens;    /* bytes of a string or an int64 -> token */
    strmap edges;     /* edge -> node; node 0 is the root */
    int32_t *columns; /* per node: its output column, or NO_COLUMN */
    uint32_t node_count, token_count;
    int64_t min_length, max_length, max_skip;
    int mode;
    int64_t output_count;
    float *weights; /* per column, or NULL */
} tfidf;

static void tfidf_fini(void *state)
{
    tfidf *s = state;
    strmap_fini(&s->tokens);
    strmap_fini(&s->edges);
}

const kernel_life life_tfidf = {.fini = tfidf_fini};

/* The n-grams as the file has them. */
typedef struct pool {
    const alf_span *strings; /* or NULL */
    const int64_t *ints;     /* in the engine's memory */
    size_t item_count;
    const int64_t *starts; /* per n-gram length: first item */
    size_t length_count;
    const int64_t *indexes;
    size_t index_count;
} pool;

static alf_status read_pool(const prepare *p, pool *out)
{
    const alf_span *strings;
    const int64_t *ints;
    int64_t *copy;
    alf_span *string_copy;
    size_t string_count, int_count;
    TRY(prepare_strings(p, "pool_strings", &strings, &string_count));
    TRY(prepare_ints(p, "pool_int64s", &ints, &int_count));
    TRY(prepare_ints(p, "ngram_counts", &out->starts, &out->length_count));
    TRY(prepare_ints(p, "ngram_indexes", &out->indexes, &out->index_count));
    if ((string_count > 0) == (int_count > 0))
        return prepare_fail(p, ALF_E_FORMAT,
                            "%zu strings and %zu numbers in the pool, expected one "
                            "kind",
                            string_count, int_count);
    if (string_count > 0 ? p->inputs[0]->type != ONNX_STRING : p->inputs[0]->type == ONNX_STRING)
        return prepare_fail(p, ALF_E_FORMAT, "the pool is not of the input's type %s",
                            onnx_type_name(p->inputs[0]->type));
    out->item_count = string_count + int_count;
    TRY(prepare_copy_ints(p, ints, int_count, &copy));
    TRY(prepare_copy_strings(p, strings, string_count, &string_copy));
    out->ints = copy;
    out->strings = string_count > 0 ? string_copy : NULL;
    return ALF_OK;
}

static alf_status read_numbers(const prepare *p, const pool *from, tfidf *s)
{
    static const char *const modes[] = {"TF", "IDF", "TFIDF", NULL};
    const float *weights;
    size_t weight_count;
    if (prepare_find(p, "mode") == NULL)
        return prepare_fail(p, ALF_E_FORMAT, "attribute mode is missing");
    TRY(prepare_choice(p, "mode", modes, &s->mode));
    TRY(prepare_int(p, "min_gram_length", &s->min_length));
    TRY(prepare_int(p, "max_gram_length", &s->max_length));
    TRY(prepare_int(p, "max_skip_count", &s->max_skip));
    TRY(prepare_floats(p, "weights", &weights, &weight_count));
    if (s->min_length < 1 || s->max_length < s->min_length ||
        (uint64_t)s->max_length > from->length_count || s->max_skip < 0)
        return prepare_fail(p, ALF_E_FORMAT,
                            "n-grams of %" PRId64 " to %" PRId64 " tokens, %" PRId64
                            " skips, %zu lengths in the pool",
                            s->min_length, s->max_length, s->max_skip, from->length_count);
    if (s->max_skip > MOST_SKIPS)
        return prepare_fail(p, ALF_E_LIMIT, "max_skip_count is %" PRId64 ", at most %d",
                            s->max_skip, MOST_SKIPS);
    for (size_t i = 0; i < from->index_count; i++) {
        if (from->indexes[i] < 0 || from->indexes[i] >= INT32_MAX)
            return prepare_fail(p, ALF_E_FORMAT, "output index %" PRId64, from->indexes[i]);
        if (from->indexes[i] >= s->output_count)
            s->output_count = from->indexes[i] + 1;
    }
    if (weight_count == 0)
        return ALF_OK;
    if (weight_count != from->index_count)
        return prepare_fail(p, ALF_E_FORMAT, "%zu weights for %zu n-grams", weight_count,
                            from->index_count);
    TRY(prepare_alloc(p, (size_t)s->output_count, sizeof *s->weights, &s->weights));
    for (size_t i = 0; i < weight_count; i++)
        s->weights[from->indexes[i]] = weights[i];
    return ALF_OK;
}

static alf_span pool_key(const pool *from, size_t i)
{
    return from->strings != NULL ? from->strings[i]
                                 : span_of((const char *)&from->ints[i], sizeof from->ints[i]);
}

/* The node that the token leads to, made when it is not there. */
static alf_status step(const prepare *p, tfidf *s, edge *e, uint32_t *node)
{
    alf_span key = span_of((const char *)e, sizeof *e);
    bool added;
    if (strmap_get(&s->edges, key, node))
        return ALF_OK;
    if (!strmap_put(&s->edges, key, s->node_count, &added))
        return error_nomem(p->err, "the n-grams of a vectorizer");
    s->columns[s->node_count] = NO_COLUMN;
    *node = s->node_count++;
    return ALF_OK;
}

static alf_status add_ngram(const prepare *p, tfidf *s, const pool *from, size_t first,
                            size_t length, edge *edges, uint32_t *out)
{
    uint32_t node = 0;
    for (size_t i = 0; i < length; i++) {
        uint32_t token = s->token_count;
        bool added;
        alf_span key = pool_key(from, first + i);
        if (!strmap_put(&s->tokens, key, token, &added))
            return error_nomem(p->err, "the tokens of a vectorizer");
        if (added)
            s->token_count++;
        else
            (void)strmap_get(&s->tokens, key, &token);
        edges[first + i] = (edge){node, token};
        TRY(step(p, s, &edges[first + i], &node));
    }
    *out = node;
    return ALF_OK;
}

/* All n-grams of one length: items [first, end) of the pool. *ngram counts on. */
static alf_status add_length(const prepare *p, tfidf *s, const pool *from, size_t length,
                             edge *edges, size_t *ngram)
{
    int64_t first = from->starts[length - 1];
    int64_t end = length < from->length_count ? from->starts[length] : (int64_t)from->item_count;
    if (first < 0 || end < first || (uint64_t)end > from->item_count ||
        (uint64_t)(end - first) % length != 0)
        return prepare_fail(p, ALF_E_FORMAT,
                            "the n-grams of %zu tokens are items %" PRId64 " to %" PRId64
                            " of a pool of %zu",
                            length, first, end, from->item_count);
    for (size_t at = (size_t)first; at < (size_t)end; at += length, (*ngram)++) {
        uint32_t node;
        if (*ngram >= from->index_count)
            return prepare_fail(p, ALF_E_FORMAT, "more n-grams than the %zu output indexes",
                                from->index_count);
        if ((int64_t)length < s->min_length || (int64_t)length > s->max_length)
            continue;
        TRY(add_ngram(p, s, from, at, length, edges, &node));
        if (s->columns[node] != NO_COLUMN)
            return prepare_fail(p, ALF_E_FORMAT, "n-gram %zu is there twice", *ngram);
        s->columns[node] = (int32_t)from->indexes[*ngram];
    }
    return ALF_OK;
}

alf_status prepare_tfidf(prepare *p)
{
    tfidf *s;
    pool from;
    edge *edges;
    size_t ngram = 0;
    TRY(prepare_type(p, 0, TYPES_INT | TYPE_BIT(ONNX_STRING)));
    TRY(prepare_rank(p, 0, 1, 2));
    TRY(prepare_state(p, sizeof *s, &s));
    strmap_init(&s->tokens);
    strmap_init(&s->edges);
    TRY(read_pool(p, &from));
    TRY(read_numbers(p, &from, s));
    if (from.item_count >= INT32_MAX)
        return prepare_fail(p, ALF_E_LIMIT, "%zu items in the pool", from.item_count);
    if (!strmap_reserve(&s->edges, from.item_count))
        return error_nomem(p->err, "the n-grams of a vectorizer");
    TRY(prepare_alloc(p, from.item_count, sizeof *edges, &edges));
    TRY(prepare_alloc(p, from.item_count + 1, sizeof *s->columns, &s->columns));
    s->columns[0] = NO_COLUMN;
    s->node_count = 1;
    for (size_t length = 1; length <= from.length_count; length++)
        TRY(add_length(p, s, &from, length, edges, &ngram));
    if (ngram != from.index_count)
        return prepare_fail(p, ALF_E_FORMAT, "%zu n-grams and %zu output indexes", ngram,
                            from.index_count);
    const graph_value *in = p->inputs[0];
    prepare_output_rank(p, 0, ONNX_FLOAT, in->rank);
    if (in->rank > 0 && p->outputs[0] != NULL) {
        p->outputs[0]->dims[0] = in->dims[0];
        p->outputs[0]->dims[in->rank - 1] = s->output_count;
    }
    return ALF_OK;
}

/* ---- run ---- */

static void find_tokens(const tfidf *s, const tensor *in, uint64_t first, uint64_t count,
                        int64_t *tokens)
{
    for (uint64_t i = 0; i < count; i++) {
        int64_t number;
        uint32_t token;
        alf_span key;
        if (in->type == ONNX_STRING) {
            key = ((const alf_span *)in->data)[first + i];
        } else {
            number = in->type == ONNX_INT32 ? ((const int32_t *)in->data)[first + i]
                                            : ((const int64_t *)in->data)[first + i];
            key = span_of((const char *)&number, sizeof number);
        }
        tokens[i] = strmap_get(&s->tokens, key, &token) ? (int64_t)token : UNKNOWN_TOKEN;
    }
}

/* Counts the n-grams of at least min_length tokens that start at `start`. */
static void count_from(const tfidf *s, const int64_t *tokens, uint64_t count, uint64_t start,
                       uint64_t distance, int64_t min_length, int64_t max_length, float *counts)
{
    uint32_t node = 0;
    int64_t length = 1;
    for (uint64_t at = start; at < count && length <= max_length; at += distance, length++) {
        edge e = {node, (uint32_t)tokens[at]};
        if (tokens[at] == UNKNOWN_TOKEN ||
            !strmap_get(&s->edges, span_of((const char *)&e, sizeof e), &node))
            return;
        if (length >= min_length && s->columns[node] != NO_COLUMN)
            counts[s->columns[node]] += 1;
    }
}

static void count_row(const tfidf *s, const int64_t *tokens, uint64_t count, float *counts)
{
    int64_t longer = s->min_length;
    if (s->min_length == 1) {
        for (uint64_t i = 0; i < count; i++)
            count_from(s, tokens, count, i, 1, 1, 1, counts);
        longer = 2;
    }
    if (longer > s->max_length)
        return;
    for (uint64_t distance = 1; distance <= (uint64_t)s->max_skip + 1; distance++)
        for (uint64_t i = 0; i < count; i++)
            count_from(s, tokens, count, i, distance, longer, s->max_length, counts);
}

static void weigh_row(const tfidf *s, float *counts)
{
    for (int64_t i = 0; i < s->output_count; i++) {
        if (s->mode == MODE_IDF)
            counts[i] = counts[i] > 0 ? 1 : 0;
        if (s->mode != MODE_TF && s->weights != NULL)
            counts[i] = counts[i] > 0 ? counts[i] * s->weights[i] : 0;
    }
}

alf_status run_tfidf(const kernel_call *c)
{
    const tfidf *s = c->state;
    const tensor *in = c->inputs[0];
    int64_t *tokens;
    if (in->rank < 1 || in->rank > 2)
        return call_fail(c, ALF_E_FORMAT, "an input of rank %" PRIu32 ", expected 1 or 2",
                         in->rank);
    uint64_t rows = in->rank == 2 ? (uint64_t)in->dims[0] : 1;
    uint64_t count = (uint64_t)in->dims[in->rank - 1];
    int64_t dims[2] = {in->dims[0], s->output_count};
    TRY(call_output(c, 0, in->rank, in->rank == 2 ? dims : &dims[1]));
    TRY(call_scratch(c, (size_t)count, sizeof *tokens, &tokens));
    float *to = c->outputs[0]->data;
    uint64_t size = rows * (uint64_t)s->output_count;
    if (size > 0)
        memset(to, 0, (size_t)size * sizeof *to);
    for (uint64_t r = 0; r < rows; r++, to += s->output_count) {
        find_tokens(s, in, r * count, count, tokens);
        count_row(s, tokens, count, to);
        weigh_row(s, to);
    }
    return ALF_OK;
}

bool tfidf_describe(const void *state, tfidf_facts *out)
{
    const tfidf *s = state;
    *out = (tfidf_facts){.tokens = &s->tokens,
                         .edges = &s->edges,
                         .columns = s->columns,
                         .node_count = s->node_count,
                         .token_count = s->token_count,
                         .max_length = s->max_length,
                         .column_count = s->output_count};
    return s->mode == MODE_TF && s->weights == NULL && s->max_skip == 0;
}
