/*
 * Text vectorizer -> ONNX: lower-case, tokenize, count n-grams, then TF-IDF in float64 (float32
 * for dtype=float32) with scikit-learn's order of operations: 1 + ln(tf), times idf, divided by the
 * row's norm. A row without terms stays zero.
 *
 * What the operators cannot express is refused. Two things need care:
 * - n-grams are found among the tokens that are left after dropping stop words and tokens that the
 *   pattern does not want. Tokens cannot be dropped in ONNX, but for n-grams of one token it is
 *   enough that such tokens are in no column.
 * - a column whose term no text can produce (it is no n-gram of tokens) needs a place in the
 *   operator's pool to keep its position; it gets one of tokens that do not occur.
 */
#include "convert/emit_internal.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"

#include <inttypes.h>
#include <stdio.h>

/* The n-grams as TfIdfVectorizer wants them: grouped by length. */
typedef struct pool {
    alf_span *tokens;
    int64_t *columns;
    size_t token_count, column_count;
    int64_t starts[16]; /* of each length in tokens */
} pool;

/* How tokens are found: the set of the operator may be wider than the pattern's. */
typedef struct tokens {
    token_pattern wanted, found;
    strmap stop_words;
} tokens;

static alf_status check_options(const text_vectorizer *v, alf_error *err)
{
    if (v->analyzer != TEXT_WORD)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "a vectorizer with analyzer \"%s\" cannot be converted yet; only "
                         "\"word\" can",
                         v->analyzer == TEXT_CHAR ? "char" : "char_wb");
    if (v->strip_accents != TEXT_STRIP_NONE)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "a vectorizer with strip_accents cannot be written in ONNX");
    if (v->term_count == 0 || v->term_count > INT32_MAX)
        return error_set(err, ALF_E_ARGUMENT, "a vectorizer of %" PRIu32 " terms", v->term_count);
    if (v->ngram_min < 1 || v->ngram_max < v->ngram_min || v->ngram_max > 16)
        return error_set(err, ALF_E_ARGUMENT, "ngram_range (%" PRIu32 ", %" PRIu32 ")",
                         v->ngram_min, v->ngram_max);
    if (v->use_idf && v->idf == NULL)
        return error_set(err, ALF_E_ARGUMENT, "a vectorizer with use_idf, but without idf");
    return ALF_OK;
}

static alf_status find_tokens(const text_vectorizer *v, tokens *t, alf_error *err)
{
    TRY(token_pattern_parse(v->token_pattern, &t->wanted, err));
    t->found = t->wanted;
    if (t->wanted.bounded) {
        t->found = (token_pattern){.word = true, .min_length = t->wanted.min_length};
        if (v->ngram_max > 1)
            return error_set(err, ALF_E_UNSUPPORTED,
                             "token_pattern \"%.*s\" with n-grams of several words cannot be "
                             "written in ONNX exactly; it can with ngram_range (1, 1), or as "
                             "\\b\\w\\w+\\b",
                             span_width(v->token_pattern), v->token_pattern.data);
    }
    if (v->stop_word_count > 0 && v->ngram_max > 1)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "stop words with n-grams of several words cannot be written in ONNX: "
                         "they are dropped before n-grams are formed");
    if (v->ngram_max > 1 && token_pattern_has(&t->found, ' '))
        return error_set(err, ALF_E_UNSUPPORTED,
                         "token_pattern \"%.*s\" lets tokens contain spaces, so n-grams of several "
                         "words are ambiguous",
                         span_width(v->token_pattern), v->token_pattern.data);
    for (uint32_t i = 0; i < v->stop_word_count; i++)
        if (!strmap_put(&t->stop_words, v->stop_words[i], 0, NULL))
            return error_nomem(err, "stop words");
    return ALF_OK;
}

/* The next token of a term; false at its end. */
static bool next_token(const text_vectorizer *v, alf_span *rest, alf_span *token)
{
    if (rest->data == NULL)
        return false;
    const char *space = v->ngram_max > 1 ? memchr(rest->data, ' ', rest->size) : NULL;
    if (space == NULL) {
        *token = *rest;
        *rest = (alf_span){NULL, 0};
        return true;
    }
    *token = (alf_span){rest->data, (size_t)(space - rest->data)};
    *rest = (alf_span){space + 1, rest->size - token->size - 1};
    return true;
}

/* The number of tokens of a term, or 0 when no text has it. */
static uint32_t term_length(const text_vectorizer *v, const tokens *t, alf_span term)
{
    uint32_t n = 0;
    alf_span token, rest = {term.data != NULL ? term.data : "", term.size};
    while (next_token(v, &rest, &token)) {
        if (!token_pattern_matches(&t->wanted, token) ||
            strmap_get(&t->stop_words, token, &(uint32_t){0}))
            return 0;
        n++;
    }
    return n >= v->ngram_min && n <= v->ngram_max ? n : 0;
}

/* A token that the pattern cannot find, different for each column: a lone character that is not in
 * the set would do but for being the same, so it is followed by the column's number. */
static alf_status impossible_token(const tokens *t, arena *memory, uint32_t column, alf_span *out,
                                   alf_error *err)
{
    static const char outside[] = " \t!aA0_.\x7f";
    char text[16];
    for (const char *c = outside; *c != '\0'; c++) {
        if (token_pattern_has(&t->found, (unsigned char)*c))
            continue;
        int n = snprintf(text, sizeof text, "%c%" PRIu32, *c, column);
        char *copy = arena_strndup(memory, text, (size_t)n);
        if (copy == NULL)
            return error_nomem(err, "a vectorizer's n-grams");
        *out = (alf_span){copy, (size_t)n};
        return ALF_OK;
    }
    return error_set(err, ALF_E_UNSUPPORTED, "column %" PRIu32 " of the vectorizer cannot occur",
                     column);
}

static alf_status add_term(const text_vectorizer *v, const tokens *t, arena *memory,
                           uint32_t column, pool *p, alf_error *err)
{
    alf_span token, rest = v->terms[column];
    if (rest.data == NULL)
        rest.data = "";
    if (term_length(v, t, v->terms[column]) == 0) {
        TRY(impossible_token(t, memory, column, &token, err));
        for (uint32_t i = 0; i < v->ngram_min; i++)
            p->tokens[p->token_count++] = token;
    } else {
        while (next_token(v, &rest, &token))
            p->tokens[p->token_count++] = token;
    }
    p->columns[p->column_count++] = column;
    return ALF_OK;
}

static alf_status fill_pool(const text_vectorizer *v, const tokens *t, arena *memory, pool *p,
                            alf_error *err)
{
    uint32_t *lengths = arena_alloc(memory, v->term_count, sizeof *lengths);
    p->columns = arena_alloc(memory, v->term_count, sizeof *p->columns);
    if (lengths == NULL || p->columns == NULL)
        return error_nomem(err, "a vectorizer's n-grams");
    size_t total = 0;
    for (uint32_t i = 0; i < v->term_count; i++) {
        uint32_t n = term_length(v, t, v->terms[i]);
        lengths[i] = n != 0 ? n : v->ngram_min;
        total += lengths[i];
    }
    p->tokens = arena_alloc(memory, total, sizeof *p->tokens);
    if (p->tokens == NULL)
        return error_nomem(err, "a vectorizer's n-grams");
    for (uint32_t n = 1; n <= v->ngram_max; n++) {
        p->starts[n - 1] = (int64_t)p->token_count;
        for (uint32_t i = 0; i < v->term_count; i++)
            if (lengths[i] == n)
                TRY(add_term(v, t, memory, i, p, err));
    }
    return ALF_OK;
}

static alf_status add_tokenizer(onnx_model *m, const text_vectorizer *v, const tokens *t,
                                alf_error *err)
{
    onnx_node *node;
    const char *input = "text";
    if (v->lowercase) {
        TRY(onnx_add_node(m, "", "StringNormalizer", "lower", "text", "lower", &node, err));
        TRY(onnx_set_string(m, node, "case_change_action", SPAN_LITERAL("LOWER"), err));
        TRY(onnx_set_int(m, node, "is_case_sensitive", 1, err));
        TRY(onnx_set_string(m, node, "locale", SPAN_LITERAL("C"), err));
        input = "lower";
    }
    TRY(onnx_add_opset(m, "com.microsoft", EMIT_OPSET_MS, err));
    TRY(onnx_add_node(m, "com.microsoft", "Tokenizer", "tokens", input, "tokens", &node, err));
    TRY(onnx_set_int(m, node, "mark", 0, err));
    TRY(onnx_set_int(m, node, "mincharnum", 1, err));
    TRY(onnx_set_string(m, node, "pad_value", SPAN_LITERAL(""), err)); /* never a token */
    buf pattern;
    buf_init(&pattern);
    token_pattern_write(&t->found, &pattern);
    alf_status status = buf_status(&pattern, err);
    if (status == ALF_OK)
        status = onnx_set_string(m, node, "tokenexp", buf_span(&pattern), err);
    buf_fini(&pattern);
    return status;
}

static alf_status add_counts(onnx_model *m, const text_vectorizer *v, const pool *p, alf_error *err)
{
    onnx_node *node;
    TRY(onnx_add_node(m, "", "TfIdfVectorizer", "counts", "tokens", "counts", &node, err));
    TRY(onnx_set_int(m, node, "min_gram_length", v->ngram_min, err));
    TRY(onnx_set_int(m, node, "max_gram_length", v->ngram_max, err));
    TRY(onnx_set_int(m, node, "max_skip_count", 0, err));
    TRY(onnx_set_string(m, node, "mode", SPAN_LITERAL("TF"), err));
    TRY(onnx_set_ints(m, node, "ngram_counts", p->starts, v->ngram_max, err));
    TRY(onnx_set_ints(m, node, "ngram_indexes", p->columns, p->column_count, err));
    return onnx_set_strings(m, node, "pool_strings", p->tokens, p->token_count, err);
}

/* ---- the arithmetic ---- */

static alf_status add_number(onnx_model *m, const text_vectorizer *v, const char *name,
                             double number, alf_error *err)
{
    return v->float32 ? emit_float(m, name, (float)number, err) : emit_double(m, name, number, err);
}

static alf_status add_idf(onnx_model *m, const text_vectorizer *v, alf_error *err)
{
    if (!v->float32)
        return emit_doubles(m, "idf", v->idf, v->term_count, err);
    float *narrow = mem_alloc(v->term_count * sizeof *narrow);
    if (narrow == NULL)
        return error_nomem(err, "idf");
    for (uint32_t i = 0; i < v->term_count; i++)
        narrow[i] = (float)v->idf[i];
    alf_status status = onnx_add_initializer(m, "idf", ONNX_FLOAT, 1,
                                             (const int64_t[]){v->term_count}, narrow, err);
    mem_free(narrow);
    return status;
}

/* op(last, second) -> name, which becomes the last value. */
static alf_status step(onnx_model *m, const char *op, const char **last, const char *second,
                       const char *name, alf_error *err)
{
    char inputs[64];
    (void)snprintf(inputs, sizeof inputs, "%s%s%s", *last, *second != '\0' ? " " : "", second);
    TRY(emit_node(m, op, inputs, name, err));
    *last = name;
    return ALF_OK;
}

static alf_status add_weights(onnx_model *m, const text_vectorizer *v, const char **last,
                              alf_error *err)
{
    if (v->sublinear_tf)
        TRY(add_number(m, v, "zero", 0, err));
    if (v->sublinear_tf || v->binary)
        TRY(add_number(m, v, "one", 1, err));
    if (v->binary)
        TRY(step(m, "Min", last, "one", "tf", err));
    if (v->sublinear_tf) {
        const char *tf = *last;
        char choice[64];
        TRY(step(m, "Greater", last, "zero", "present", err));
        *last = tf;
        TRY(step(m, "Log", last, "", "log_tf", err));
        TRY(step(m, "Add", last, "one", "one_log_tf", err));
        (void)snprintf(choice, sizeof choice, "present %s zero", *last);
        TRY(emit_node(m, "Where", choice, "sublinear", err));
        *last = "sublinear";
    }
    if (v->use_idf) {
        TRY(add_idf(m, v, err));
        TRY(step(m, "Mul", last, "idf", "tf_idf", err));
    }
    return ALF_OK;
}

/* Norms are float64 sums in either case; a zero row is divided by one. */
static alf_status add_norm(onnx_model *m, const text_vectorizer *v, const char **last,
                           alf_error *err)
{
    const char *row = *last, *norm = *last;
    if (v->norm == TEXT_NORM_L2)
        TRY(step(m, "Mul", &norm, row, "squares", err));
    else
        TRY(step(m, "Abs", &norm, "", "sizes", err));
    if (v->float32) {
        TRY(emit_cast(m, norm, "wide_sizes", ONNX_DOUBLE, err));
        TRY(emit_cast(m, row, "wide_row", ONNX_DOUBLE, err));
        norm = "wide_sizes";
        row = "wide_row";
    }
    TRY(emit_axis(m, "columns", 1, err));
    TRY(emit_double(m, "no_norm", 0, err));
    TRY(emit_double(m, "unit", 1, err));
    TRY(step(m, "ReduceSum", &norm, "columns", "sum", err));
    if (v->norm == TEXT_NORM_L2)
        TRY(step(m, "Sqrt", &norm, "", "root", err));
    const char *safe = norm;
    char choice[64];
    TRY(step(m, "Equal", &safe, "no_norm", "empty", err));
    (void)snprintf(choice, sizeof choice, "empty unit %s", norm);
    TRY(emit_node(m, "Where", choice, "norm", err));
    TRY(step(m, "Div", &row, "norm", "normalized", err));
    *last = row;
    return ALF_OK;
}

static alf_status build_vectorizer(onnx_model *m, const text_vectorizer *v, const tokens *t,
                                   const pool *p, alf_error *err)
{
    const char *last = "counts";
    TRY(emit_input(m, "text", ONNX_STRING, 0, err));
    TRY(add_tokenizer(m, v, t, err));
    TRY(add_counts(m, v, p, err));
    if (!v->float32) {
        TRY(emit_cast(m, "counts", "wide_counts", ONNX_DOUBLE, err));
        last = "wide_counts";
    }
    TRY(add_weights(m, v, &last, err));
    if (v->norm != TEXT_NORM_NONE)
        TRY(add_norm(m, v, &last, err));
    TRY(emit_cast(m, last, "features", ONNX_FLOAT, err));
    return emit_output(m, "features", ONNX_FLOAT, v->term_count, err);
}

alf_status emit_vectorizer(const text_vectorizer *model, onnx_model **out, alf_error *err)
{
    *out = NULL;
    TRY(check_options(model, err));
    arena memory;
    arena_init(&memory, 0);
    tokens t = {0};
    strmap_init(&t.stop_words);
    pool p = {0};
    onnx_model *m = NULL;
    alf_status status = find_tokens(model, &t, err);
    if (status == ALF_OK)
        status = fill_pool(model, &t, &memory, &p, err);
    if (status == ALF_OK)
        status = emit_begin("tfidf_vectorizer", &m, err);
    if (status == ALF_OK)
        status = emit_finish(m, build_vectorizer(m, model, &t, &p, err), out, err);
    strmap_fini(&t.stop_words);
    arena_fini(&memory);
    return status;
}
