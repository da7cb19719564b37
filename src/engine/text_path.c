/*
 * The compiled text path. A text whose count vector is in the memo is answered at once; the others
 * gather in `pending`, and the rest of the classifier's graph runs for all of them together.
 */
#include "engine/text_path.h"

#include "base/mem.h"
#include "base/memo.h"
#include "engine/chain.h"
#include "engine/chain_check.h"
#include "engine/text_forest.h"
#include "engine/text_match.h"

#include <inttypes.h>
#include <string.h>

enum {
    MOST_PENDING = 64,
    MOST_OUTPUTS = 8,
    KEY_COLUMNS = 28, /* longer count vectors are not remembered */
    COUNT_BITS = 10,
    MEMO_BYTES = 1 << 19
};

struct text_path {
    arena memory;
    const engine *classifier;
    text_path_shape shape;
    text_tokens tokens;
    text_weights weights;
    text_head head;
    text_forest forest; /* where head.trees */
    bool has_trees;     /* else a matrix */
    uint32_t term_count, target_count, class_count;
};

/* A count vector as the memo takes it. Logs differ in words that no model knows, so few texts come
 * back but most count vectors do. */
typedef struct count_key {
    bool fits; /* it can be remembered */
    uint32_t count, hash;
    uint32_t words[KEY_COLUMNS];
} count_key;

typedef struct pending_row {
    size_t row;
    uint32_t terms;
    count_key key;
} pending_row;

/* In the memo: label, terms, probabilities. */
enum { AT_LABEL, AT_TERMS, AT_PROBABILITIES };

struct text_path_session {
    const text_path *path;
    engine_session *rest; /* of the classifier's graph */
    text_room room;
    ngram_counter counter;
    uint32_t *columns, *counts; /* term_count each, as are the values */
    double *values;
    float *narrow;
    text_forest_room forest;
    double *sums; /* target_count */
    void *rows;   /* MOST_PENDING rows of sums, as the graph takes them */
    pending_row *pending;
    size_t pending_count;
    count_key key; /* of the text at hand */
    bool remembers;
    memo memo;
};

static const char classifier_name[] = "tfidf_xgboost";

/* ---- the path ---- */

static alf_status build_head(text_path *p, bool *fits, alf_error *err)
{
    const text_head *h = &p->head;
    const onnx_value_info *input = engine_input(p->classifier, 0);
    int64_t width = p->term_count;
    *fits = false;
    if (input->has_shape && input->rank == 2 && input->dims[1] > width)
        width = input->dims[1];
    if (h->trees == NULL) {
        p->target_count = h->targets;
        *fits = p->shape.is_wide && h->columns == p->term_count;
        return ALF_OK;
    }
    /* A few bytes of a file can claim any number of columns: that is the chain's to refuse. */
    if (p->shape.is_wide || (int64_t)h->trees->feature_count > width || width > NGRAM_MOST_COLUMNS)
        return ALF_OK;
    p->has_trees = true;
    p->target_count = h->trees->target_count;
    return text_forest_init(&p->forest, h->trees, h->maps_zero || p->shape.zero_is_absent,
                            &p->memory, fits, err);
}

static bool is_narrow(const text_path *p)
{
    return p->has_trees && !p->forest.wide;
}

/* Runs what follows the sums of n rows, and checks what comes out. */
static alf_status run_rest(const text_path *p, engine_session *rest, void *rows, size_t n,
                           tensor *outputs, alf_error *err)
{
    tensor sums = {is_narrow(p) ? ONNX_FLOAT : ONNX_DOUBLE, 2, {(int64_t)n, p->target_count}, rows};
    TRY(engine_run_behind(rest, p->head.node, p->head.value, &sums, outputs, err));
    const tensor *chances = &outputs[p->shape.probability_output];
    const tensor *label = &outputs[p->shape.label_output];
    if (chances->rank != 2 || !chain_is_rows_by(chances, ONNX_FLOAT, n, (size_t)chances->dims[1]) ||
        chances->dims[1] < 2 || chances->dims[1] > CHAIN_MAX_CLASSES ||
        (p->class_count != 0 && chances->dims[1] != (int64_t)p->class_count))
        return chain_wrong_output(chances, classifier_name, err);
    if (!chain_is_rows_by(label, ONNX_INT64, n, 1))
        return chain_wrong_output(label, classifier_name, err);
    return ALF_OK;
}

/* The number of classes, by running one row of zeros. */
static alf_status probe_classes(text_path *p, alf_error *err)
{
    tensor outputs[MOST_OUTPUTS];
    engine_session *rest = engine_session_new(p->classifier);
    void *row = mem_calloc(p->target_count, sizeof(double));
    alf_status status = rest == NULL || row == NULL ? error_nomem(err, "a session")
                                                    : run_rest(p, rest, row, 1, outputs, err);
    if (status == ALF_OK)
        p->class_count = (uint32_t)outputs[p->shape.probability_output].dims[1];
    mem_free(row);
    engine_session_free(rest);
    return status;
}

static alf_status build(text_path *p, const engine *vectorizer, bool *fits, alf_error *err)
{
    *fits = engine_output_count(p->classifier) <= MOST_OUTPUTS &&
            engine_output(p->classifier, p->shape.label_output)->type == ONNX_INT64 &&
            engine_output(p->classifier, p->shape.probability_output)->type == ONNX_FLOAT &&
            engine_output(vectorizer, 0)->type == (p->shape.is_wide ? ONNX_DOUBLE : ONNX_FLOAT) &&
            text_match_classifier(p->classifier, &p->head);
    if (!*fits)
        return ALF_OK;
    TRY(text_match_vectorizer(vectorizer, &p->memory, &p->tokens, &p->weights, fits, err));
    if (!*fits)
        return ALF_OK;
    p->term_count = p->tokens.ngrams.column_count;
    TRY(build_head(p, fits, err));
    return *fits ? probe_classes(p, err) : ALF_OK;
}

alf_status text_path_new(const engine *vectorizer, const engine *classifier,
                         const text_path_shape *shape, text_path **out, alf_error *err)
{
    bool fits = false;
    *out = NULL;
    text_path *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return error_nomem(err, "a text path");
    arena_init(&p->memory, 0);
    p->classifier = classifier;
    p->shape = *shape;
    alf_status status = build(p, vectorizer, &fits, err);
    if (status == ALF_OK && fits)
        *out = p;
    else
        text_path_free(p);
    return status;
}

void text_path_free(text_path *p)
{
    if (p == NULL)
        return;
    arena_fini(&p->memory);
    mem_free(p);
}

uint32_t text_path_terms(const text_path *p)
{
    return p->term_count;
}

uint32_t text_path_classes(const text_path *p)
{
    return p->class_count;
}

size_t text_path_head(const text_path *p)
{
    return p->head.node;
}

/* ---- sessions ---- */

static alf_status fill_session(text_path_session *s, bool remember, alf_error *err)
{
    const text_path *p = s->path;
    size_t terms = p->term_count, targets = p->target_count;
    s->rest = engine_session_new(p->classifier);
    s->columns = mem_calloc(terms, sizeof *s->columns);
    s->counts = mem_calloc(terms, sizeof *s->counts);
    s->values = mem_calloc(terms, sizeof *s->values);
    s->narrow = mem_calloc(terms, sizeof *s->narrow);
    s->sums = mem_calloc(targets, sizeof *s->sums);
    s->rows = mem_calloc(MOST_PENDING * targets, sizeof(double));
    s->pending = mem_calloc(MOST_PENDING, sizeof *s->pending);
    if (s->rest == NULL || s->columns == NULL || s->counts == NULL || s->values == NULL ||
        s->narrow == NULL || s->sums == NULL || s->rows == NULL || s->pending == NULL)
        return error_nomem(err, "a session");
    TRY(ngram_counter_init(&s->counter, p->term_count, err));
    if (p->has_trees)
        TRY(text_forest_room_init(&s->forest, &p->forest, err));
    s->remembers = remember && memo_allowed();
    if (s->remembers)
        TRY(memo_init(&s->memo, KEY_COLUMNS * sizeof(uint32_t),
                      (AT_PROBABILITIES + p->class_count) * sizeof(uint32_t), MEMO_BYTES, err));
    return ALF_OK;
}

alf_status text_path_session_new(const text_path *p, bool remember, text_path_session **out,
                                 alf_error *err)
{
    text_path_session *s = mem_calloc(1, sizeof *s);
    *out = NULL;
    if (s == NULL)
        return error_nomem(err, "a session");
    s->path = p;
    text_room_init(&s->room);
    alf_status status = fill_session(s, remember, err);
    if (status == ALF_OK)
        *out = s;
    else
        text_path_session_free(s);
    return status;
}

void text_path_session_free(text_path_session *s)
{
    if (s == NULL)
        return;
    engine_session_free(s->rest);
    text_room_fini(&s->room);
    ngram_counter_fini(&s->counter);
    text_forest_room_fini(&s->forest);
    memo_fini(&s->memo);
    mem_free(s->columns);
    mem_free(s->counts);
    mem_free(s->values);
    mem_free(s->narrow);
    mem_free(s->sums);
    mem_free(s->rows);
    mem_free(s->pending);
    mem_free(s);
}

/* ---- scoring ---- */

typedef struct text_answers {
    float *probabilities;
    uint32_t *labels, *terms;
} text_answers;

typedef struct text_answer {
    uint32_t label, terms;
    const float *probabilities; /* class_count */
} text_answer;

static void put_answer(const text_path *p, const text_answers *to, size_t row,
                       const text_answer *answer)
{
    memcpy(to->probabilities + row * p->class_count, answer->probabilities,
           p->class_count * sizeof *to->probabilities);
    to->labels[row] = answer->label;
    if (to->terms != NULL)
        to->terms[row] = answer->terms;
}

static count_key make_key(const uint32_t *columns, const uint32_t *counts, uint32_t n)
{
    count_key key;
    key.fits = false;
    key.count = key.hash = 0;
    if (n > KEY_COLUMNS)
        return key;
    for (uint32_t i = 0; i < n; i++) {
        if (counts[i] >> COUNT_BITS != 0 || columns[i] >> (32 - COUNT_BITS) != 0)
            return key;
        key.words[i] = columns[i] << COUNT_BITS | counts[i];
    }
    key.fits = true;
    key.count = n;
    key.hash = memo_key_of(key.words, n * sizeof *key.words).hash;
    return key;
}

static size_t key_bytes(const count_key *key)
{
    return key->count * sizeof *key->words;
}

static void remember(text_path_session *s, const count_key *key, const text_answer *answer)
{
    if (!s->remembers || !key->fits)
        return;
    uint32_t *to = memo_put(&s->memo, &(memo_key){key->words, key_bytes(key), key->hash});
    to[AT_LABEL] = answer->label;
    to[AT_TERMS] = answer->terms;
    memcpy(to + AT_PROBABILITIES, answer->probabilities, s->path->class_count * sizeof(float));
}

static bool find_remembered(const text_path_session *s, const count_key *key, text_answer *out)
{
    const uint32_t *found = NULL;
    if (key->fits)
        found = memo_find(&s->memo, &(memo_key){key->words, key_bytes(key), key->hash});
    if (found != NULL)
        *out = (text_answer){found[AT_LABEL], found[AT_TERMS],
                             (const float *)(const void *)(found + AT_PROBABILITIES)};
    return found != NULL;
}

/* Answers the rows that are pending. */
static alf_status flush(text_path_session *s, const text_answers *to, alf_error *err)
{
    const text_path *p = s->path;
    tensor outputs[MOST_OUTPUTS];
    size_t n = s->pending_count;
    s->pending_count = 0;
    if (n == 0)
        return ALF_OK;
    TRY(run_rest(p, s->rest, s->rows, n, outputs, err));
    const float *chances = outputs[p->shape.probability_output].data;
    const int64_t *labels = outputs[p->shape.label_output].data;
    for (size_t i = 0; i < n; i++) {
        if (labels[i] < 0 || labels[i] >= (int64_t)p->class_count)
            return error_set(err, ALF_E_FORMAT, "%s: label %" PRId64 " of %" PRIu32 " classes",
                             classifier_name, labels[i], p->class_count);
        text_answer answer = {(uint32_t)labels[i], s->pending[i].terms,
                              chances + i * p->class_count};
        put_answer(p, to, s->pending[i].row, &answer);
        remember(s, &s->pending[i].key, &answer);
    }
    return ALF_OK;
}

static void sum_matrix(const text_path *p, const text_path_session *s, uint32_t n)
{
    uint32_t targets = p->target_count;
    memset(s->sums, 0, targets * sizeof *s->sums);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < targets; k++)
            s->sums[k] += s->values[i] * p->head.matrix[(size_t)s->columns[i] * targets + k];
}

/* The row of the n columns counted, without those that come to zero; *terms: how many the graph's
 * row would show. */
static uint32_t make_row(const text_path *p, text_path_session *s, uint32_t n, uint32_t *terms)
{
    uint32_t kept = 0;
    *terms = 0;
    text_weights_row(&p->weights, s->columns, s->counts, n, s->values);
    for (uint32_t i = 0; i < n; i++) {
        double value = s->values[i];
        float narrow = (float)value;
        bool zero = p->shape.is_wide ? value == 0 : narrow == 0;
        s->columns[kept] = s->columns[i];
        s->values[kept] = value;
        s->narrow[kept] = narrow;
        kept += !zero;
        *terms += !zero && (!p->shape.is_wide || value == value);
    }
    return kept;
}

/* Computes the sums of n columns counted into the next pending row. */
static void score_counts(text_path_session *s, uint32_t n, uint32_t *terms)
{
    const text_path *p = s->path;
    uint32_t targets = p->target_count;
    n = make_row(p, s, n, terms);
    if (p->has_trees)
        text_forest_sum(&p->forest, &s->forest, s->columns, s->narrow, n, s->sums);
    else
        sum_matrix(p, s, n);
    if (is_narrow(p)) {
        float *to = (float *)s->rows + s->pending_count * targets;
        for (uint32_t k = 0; k < targets; k++)
            to[k] = (float)s->sums[k];
    } else {
        double *to = (double *)s->rows + s->pending_count * targets;
        memcpy(to, s->sums, targets * sizeof *to);
    }
}

/* Whether the vector of this key waits for its answer. */
static bool is_pending(const text_path_session *s, const count_key *key)
{
    for (size_t i = 0; key->fits && i < s->pending_count; i++)
        if (s->pending[i].key.fits && s->pending[i].key.hash == key->hash)
            return true;
    return false;
}

/* Answers from the memo, if it can; one that is pending comes into it first. */
static alf_status recall(text_path_session *s, size_t row, uint32_t n, const text_answers *to,
                         bool *known, alf_error *err)
{
    text_answer answer;
    const count_key *key = &s->key;
    s->key = make_key(s->columns, s->counts, n);
    *known = find_remembered(s, key, &answer);
    if (!*known && is_pending(s, key)) {
        TRY(flush(s, to, err));
        *known = find_remembered(s, key, &answer);
    }
    if (*known)
        put_answer(s->path, to, row, &answer);
    return ALF_OK;
}

static alf_status run_text(text_path_session *s, alf_span text, size_t row, const text_answers *to,
                           alf_error *err)
{
    const text_path *p = s->path;
    alf_status status = text_tokens_count(&p->tokens, &s->room, &s->counter, text, err);
    uint32_t n = ngram_counter_take(&s->counter, s->columns, s->counts);
    TRY(status);
    if (s->remembers) {
        bool known;
        TRY(recall(s, row, n, to, &known, err));
        if (known)
            return ALF_OK;
    }
    pending_row *pending = &s->pending[s->pending_count];
    pending->row = row;
    pending->key = s->key;
    score_counts(s, n, &pending->terms);
    return ++s->pending_count < MOST_PENDING ? ALF_OK : flush(s, to, err);
}

alf_status text_path_run(text_path_session *s, const alf_span *texts, size_t n,
                         float *probabilities, uint32_t *labels, uint32_t *terms, alf_error *err)
{
    const text_answers to = {probabilities, labels, terms};
    s->pending_count = 0; /* rows of a run that failed */
    for (size_t i = 0; i < n; i++)
        TRY(run_text(s, texts[i], i, &to, err));
    return flush(s, &to, err);
}
