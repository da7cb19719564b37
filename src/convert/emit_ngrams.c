/*
 * Texts -> counts of n-grams in ONNX, as CountVectorizer finds them: lower-case, tokens, numbers of
 * tokens (the vocabulary's are numbered, all others share UNKNOWN), n-grams of numbers.
 *
 * Of analyzer char_wb the graph gets words that have a space before and after each (text_steps.h):
 * there its n-grams, which hold spaces at their ends only, are those of the whole text. A word that
 * is shorter than all n-grams is counted whole.
 *
 * scikit-learn drops stop words, and words that the pattern does not want, before it forms n-grams.
 * For n-grams of one token it is enough that they are in no column. For longer ones they get the
 * number DROPPED, and a stable partition moves them behind the tokens that stay: no n-gram holds
 * that number. Unknown tokens stay, and part their neighbours.
 *
 * A column whose term no text can produce (it is no n-gram of tokens) needs a place in the
 * operator's pool to keep its position; it gets one of a number that does not occur.
 */
#include "convert/emit_internal.h"

#include "base/hash.h"
#include "base/span.h"
#include "base/unicode.h"
#include "model/text_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DROPPED, UNKNOWN, FIRST_ID };

static const token_pattern spaces = {.space = true, .min_length = 2};

typedef struct ngrams {
    const text_vectorizer *v;
    token_pattern wanted, found; /* the set of the operator may be wider than the pattern's */
    bool drop;                   /* tokens must go before n-grams are formed */
    arena memory;
    strmap ids; /* of tokens and stop words */
    alf_span *keys;
    int64_t *key_ids;
    size_t key_count;
    int64_t next_id;
    int64_t *pool, *columns; /* grouped by length, as TfIdfVectorizer wants them */
    size_t pool_size, column_count;
    int64_t starts[16]; /* of each length in the pool */
    uint32_t shortest;  /* n-gram of the pool */
} ngrams;

static alf_status find_tokens(ngrams *g, alf_error *err)
{
    const text_vectorizer *v = g->v;
    if (v->analyzer != TEXT_WORD)
        return ALF_OK;
    TRY(token_pattern_parse(v->token_pattern, &g->wanted, err));
    g->found = g->wanted;
    if (g->wanted.bounded)
        g->found = (token_pattern){.word = true, .min_length = g->wanted.min_length};
    g->drop = v->ngram_max > 1 && (g->wanted.bounded || v->stop_word_count > 0);
    if (v->ngram_max > 1 && token_pattern_has(&g->found, ' '))
        return error_set(err, ALF_E_UNSUPPORTED,
                         "token_pattern \"%.*s\" lets tokens contain spaces, so n-grams of several "
                         "words are ambiguous",
                         span_width(v->token_pattern), v->token_pattern.data);
    return ALF_OK;
}

/* ---- numbers of tokens ---- */

/* The next token of a term; false at its end, where *rest is NULL. */
static bool next_token(const text_vectorizer *v, alf_span *rest, alf_span *token)
{
    if (rest->data == NULL)
        return false;
    const char *end = rest->data + rest->size, *cut = end, *next = NULL;
    if (v->analyzer != TEXT_WORD && rest->size > 0) {
        cut = rest->data;
        (void)unicode_next(&cut, end);
        next = cut < end ? cut : NULL;
    } else if (v->ngram_max > 1) {
        const char *space = rest->size > 0 ? memchr(rest->data, ' ', rest->size) : NULL;
        cut = space != NULL ? space : end;
        next = space != NULL ? space + 1 : NULL;
    }
    *token = (alf_span){rest->data, (size_t)(cut - rest->data)};
    *rest = (alf_span){next, next != NULL ? (size_t)(end - next) : 0};
    return true;
}

static alf_span whole_term(const text_vectorizer *v, uint32_t column)
{
    alf_span term = v->terms[column];
    return term.data != NULL ? term : (alf_span){"", 0};
}

/* The same for a term of char_wb, of `length` code points: spaces are at its ends only, and one
 * that is too short for an n-gram is a whole word. */
static uint32_t padded_length(const text_vectorizer *v, alf_span term, uint32_t length)
{
    bool begins = length > 0 && term.data[0] == ' ';
    bool ends = length > 0 && term.data[term.size - 1] == ' ';
    if (length > v->ngram_max || (length == 2 && begins && ends))
        return 0;
    for (size_t i = 1; i + 1 < term.size; i++)
        if (term.data[i] == ' ')
            return 0;
    return length >= v->ngram_min || (length > 2 && begins && ends) ? length : 0;
}

/* The number of tokens of a term, or 0 when no text has it. */
static uint32_t term_length(const ngrams *g, uint32_t column)
{
    uint32_t n = 0, id;
    alf_span token, rest = whole_term(g->v, column);
    while (next_token(g->v, &rest, &token)) {
        if (strmap_get(&g->ids, token, &id) && id == DROPPED)
            return 0;
        if (g->v->analyzer != TEXT_WORD ? token.size == 0
                                        : !token_pattern_matches(&g->wanted, token))
            return 0;
        n++;
    }
    if (g->v->analyzer == TEXT_CHAR_WB)
        return padded_length(g->v, whole_term(g->v, column), n);
    return n >= g->v->ngram_min && n <= g->v->ngram_max ? n : 0;
}

static void add_key(ngrams *g, alf_span token, int64_t id)
{
    g->keys[g->key_count] = token;
    g->key_ids[g->key_count++] = id;
}

static alf_status number_token(ngrams *g, alf_span token, int64_t *id, alf_error *err)
{
    uint32_t known = (uint32_t)g->next_id;
    bool added;
    if (!strmap_put(&g->ids, token, known, &added))
        return error_nomem(err, "a vectorizer's tokens");
    if (added)
        add_key(g, token, g->next_id++);
    else
        (void)strmap_get(&g->ids, token, &known);
    *id = known;
    return ALF_OK;
}

static alf_status drop_token(ngrams *g, alf_span token, alf_error *err)
{
    bool added;
    if (token.data == NULL)
        token.data = "";
    if (!strmap_put(&g->ids, token, DROPPED, &added))
        return error_nomem(err, "stop words");
    if (added && g->drop && (token.size == 0 || token_pattern_matches(&g->found, token)))
        add_key(g, token, DROPPED);
    return ALF_OK;
}

/* Room for `more` keys after those that are there. */
static alf_status more_keys(ngrams *g, size_t more, alf_error *err)
{
    alf_span *keys = arena_alloc(&g->memory, g->key_count + more, sizeof *keys);
    int64_t *ids = arena_alloc(&g->memory, g->key_count + more, sizeof *ids);
    if (keys == NULL || ids == NULL)
        return error_nomem(err, "a vectorizer's tokens");
    if (g->key_count > 0) {
        memcpy(keys, g->keys, g->key_count * sizeof *keys);
        memcpy(ids, g->key_ids, g->key_count * sizeof *ids);
    }
    g->keys = keys;
    g->key_ids = ids;
    return ALF_OK;
}

/* The empty string, which fills up rows of tokens, and the stop words. */
static alf_status drop_tokens(ngrams *g, alf_error *err)
{
    size_t count = g->v->analyzer == TEXT_WORD ? g->v->stop_word_count : 0;
    TRY(more_keys(g, count + 1, err));
    if (g->drop)
        TRY(drop_token(g, SPAN_LITERAL(""), err));
    for (size_t i = 0; i < count; i++)
        TRY(drop_token(g, g->v->stop_words[i], err));
    return ALF_OK;
}

static alf_status add_term(ngrams *g, uint32_t column, bool possible, alf_error *err)
{
    alf_span token, rest = whole_term(g->v, column);
    if (!possible) {
        for (uint32_t i = 0; i < g->v->ngram_min; i++)
            g->pool[g->pool_size++] = g->next_id;
        g->next_id++;
    }
    while (possible && next_token(g->v, &rest, &token))
        TRY(number_token(g, token, &g->pool[g->pool_size++], err));
    g->columns[g->column_count++] = column;
    return ALF_OK;
}

static alf_status add_terms(ngrams *g, const uint32_t *lengths, alf_error *err)
{
    const text_vectorizer *v = g->v;
    for (uint32_t n = 1; n <= v->ngram_max; n++) {
        g->starts[n - 1] = (int64_t)g->pool_size;
        for (uint32_t i = 0; i < v->term_count; i++)
            if (lengths[i] == n || (lengths[i] == 0 && n == v->ngram_min))
                TRY(add_term(g, i, lengths[i] != 0, err));
    }
    return ALF_OK;
}

static alf_status fill_pool(ngrams *g, alf_error *err)
{
    const text_vectorizer *v = g->v;
    size_t total = 0;
    g->shortest = v->ngram_min;
    uint32_t *lengths = arena_alloc(&g->memory, v->term_count, sizeof *lengths);
    g->columns = arena_alloc(&g->memory, v->term_count, sizeof *g->columns);
    if (lengths == NULL || g->columns == NULL)
        return error_nomem(err, "a vectorizer's n-grams");
    for (uint32_t i = 0; i < v->term_count; i++) {
        lengths[i] = term_length(g, i);
        total += lengths[i] != 0 ? lengths[i] : v->ngram_min;
        if (lengths[i] != 0 && lengths[i] < g->shortest)
            g->shortest = lengths[i];
    }
    if (total > UINT32_MAX - FIRST_ID)
        return error_set(err, ALF_E_LIMIT, "n-grams of %zu tokens in all", total);
    g->pool = arena_alloc(&g->memory, total, sizeof *g->pool);
    if (g->pool == NULL)
        return error_nomem(err, "a vectorizer's n-grams");
    TRY(more_keys(g, total, err));
    g->next_id = FIRST_ID;
    return add_terms(g, lengths, err);
}

/* ---- the graph ---- */

/* string[N,...] -> string of `rank` dimensions. */
static alf_status add_tokenizer(onnx_model *m, const char *input, const buf *expression,
                                const char *output, uint32_t rank, alf_error *err)
{
    onnx_node *node;
    TRY(buf_status(expression, err));
    TRY(onnx_add_value(m, output, ONNX_STRING, rank, (const int64_t[]){-1, -1, -1}, err));
    TRY(onnx_add_opset(m, "com.microsoft", EMIT_OPSET_MS, err));
    TRY(onnx_add_node(m, "com.microsoft", "Tokenizer", output, input, output, &node, err));
    TRY(onnx_set_int(m, node, "mark", 0, err));
    TRY(onnx_set_int(m, node, "mincharnum", 1, err));
    TRY(onnx_set_string(m, node, "pad_value", SPAN_LITERAL(""), err)); /* never a token */
    return onnx_set_string(m, node, "tokenexp", buf_span(expression), err);
}

/* Whether the graph does it, and not the steps before it. */
static bool lowers(const text_vectorizer *v)
{
    text_steps steps = text_steps_of(v);
    return v->lowercase && !steps.lower;
}

/* Words, or characters: with analyzer char, more than one space in a row is a token of its own. */
static alf_status add_tokens(onnx_model *m, const ngrams *g, alf_error *err)
{
    buf expression;
    buf_init(&expression);
    if (g->v->analyzer != TEXT_CHAR_WB)
        token_pattern_write(g->v->analyzer == TEXT_WORD ? &g->found : &spaces, &expression);
    if (g->v->analyzer == TEXT_CHAR)
        buf_append_char(&expression, '|');
    if (g->v->analyzer != TEXT_WORD)
        buf_append_string(&expression, "(?s:.)");
    alf_status status =
        add_tokenizer(m, lowers(g->v) ? "lower" : "text", &expression, "tokens", 2, err);
    buf_fini(&expression);
    return status;
}

static alf_status add_lower(onnx_model *m, alf_error *err)
{
    onnx_node *node;
    TRY(onnx_add_node(m, "", "StringNormalizer", "lower", "text", "lower", &node, err));
    TRY(onnx_set_string(m, node, "case_change_action", SPAN_LITERAL("LOWER"), err));
    TRY(onnx_set_int(m, node, "is_case_sensitive", 1, err));
    return onnx_set_string(m, node, "locale", SPAN_LITERAL("C"), err);
}

static alf_status add_encoder(onnx_model *m, const char *input, const char *output, int64_t other,
                              onnx_node **node, alf_error *err)
{
    TRY(onnx_add_opset(m, "ai.onnx.ml", EMIT_OPSET_ML_LABELS, err));
    TRY(onnx_add_node(m, "ai.onnx.ml", "LabelEncoder", output, input, output, node, err));
    return onnx_set_int(m, *node, "default_int64", other, err);
}

/* Which tokens have a match of the pattern: "matched". */
static alf_status find_matches(onnx_model *m, const token_pattern *pattern, alf_error *err)
{
    const alf_span none = SPAN_LITERAL("");
    onnx_node *node;
    buf expression;
    buf_init(&expression);
    token_pattern_write(pattern, &expression);
    alf_status status = add_tokenizer(m, "tokens", &expression, "matches", 3, err);
    buf_fini(&expression);
    TRY(status);
    TRY(add_encoder(m, "matches", "is_match", 1, &node, err));
    TRY(onnx_set_strings(m, node, "keys_strings", &none, 1, err));
    TRY(onnx_set_ints(m, node, "values_int64s", (const int64_t[]){0}, 1, err));
    /* One row per token, summed, and back to the tokens' shape: where no text has a token,
     * Tokenizer gives no third axis to sum over. */
    TRY(onnx_add_node(m, "", "Flatten", "token_rows", "is_match", "token_rows", &node, err));
    TRY(onnx_set_int(m, node, "axis", 2, err));
    TRY(emit_axis(m, "in_token", 1, err));
    TRY(onnx_add_node(m, "", "ReduceSum", "row_count", "token_rows in_token", "row_count", &node,
                      err));
    TRY(onnx_set_int(m, node, "keepdims", 0, err));
    TRY(emit_node(m, "Shape", "tokens", "token_shape", err));
    TRY(onnx_add_node(m, "", "Reshape", "match_count", "row_count token_shape", "match_count",
                      &node, err));
    TRY(onnx_set_int(m, node, "allowzero", 1, err));
    return emit_cast(m, "match_count", "matched", ONNX_BOOL, err);
}

/* Tokens with a match of the pattern get another number. */
static alf_status replace_matches(onnx_model *m, const token_pattern *pattern, int64_t number,
                                  const char **ids, alf_error *err)
{
    char choice[64];
    TRY(find_matches(m, pattern, err));
    TRY(emit_int64(m, "replacement", number, err));
    (void)snprintf(choice, sizeof choice, "matched replacement %s", *ids);
    TRY(emit_node(m, "Where", choice, "replaced_ids", err));
    *ids = "replaced_ids";
    return ALF_OK;
}

/*
 * Moves the dropped tokens behind the others: the k-th that stays goes to place k from the front,
 * the k-th that is dropped to place -k, which counts from the end. So every place is taken once.
 */
static alf_status move_dropped(onnx_model *m, const char **ids, alf_error *err)
{
    onnx_node *node;
    char inputs[64];
    TRY(emit_int64(m, "along_row", -1, err));
    TRY(emit_int64(m, "next", 1, err));
    TRY(emit_node(m, "Sign", *ids, "kept", err));
    TRY(emit_cast(m, "kept", "is_kept", ONNX_BOOL, err));
    TRY(emit_node(m, "CumSum", "kept along_row", "kept_so_far", err));
    TRY(emit_node(m, "Sub", "kept_so_far next", "from_front", err));
    TRY(emit_node(m, "Sub", "kept next", "dropped", err));
    TRY(emit_node(m, "CumSum", "dropped along_row", "from_end", err));
    TRY(emit_node(m, "Where", "is_kept from_front from_end", "places", err));
    (void)snprintf(inputs, sizeof inputs, "%s places %s", *ids, *ids);
    TRY(onnx_add_node(m, "", "ScatterElements", "left_ids", inputs, "left_ids", &node, err));
    TRY(onnx_set_int(m, node, "axis", -1, err));
    *ids = "left_ids";
    return ALF_OK;
}

static alf_status add_ids(onnx_model *m, ngrams *g, const char **ids, alf_error *err)
{
    onnx_node *node;
    uint32_t space;
    if (lowers(g->v))
        TRY(add_lower(m, err));
    TRY(add_tokens(m, g, err));
    TRY(add_encoder(m, "tokens", "ids", UNKNOWN, &node, err));
    TRY(onnx_set_strings(m, node, "keys_strings", g->keys, g->key_count, err));
    TRY(onnx_set_ints(m, node, "values_int64s", g->key_ids, g->key_count, err));
    *ids = "ids";
    if (g->v->analyzer == TEXT_CHAR_WB)
        return ALF_OK;
    if (g->v->analyzer == TEXT_CHAR)
        return strmap_get(&g->ids, SPAN_LITERAL(" "), &space)
                   ? replace_matches(m, &spaces, space, ids, err)
                   : ALF_OK;
    if (g->drop && g->wanted.bounded) {
        token_pattern outside = g->wanted;
        outside.negated = !outside.negated;
        outside.min_length = 1;
        TRY(replace_matches(m, &outside, DROPPED, ids, err));
    }
    return g->drop ? move_dropped(m, ids, err) : ALF_OK;
}

static alf_status add_counts(onnx_model *m, const ngrams *g, const char *ids, alf_error *err)
{
    onnx_node *node;
    const text_vectorizer *v = g->v;
    TRY(onnx_add_node(m, "", "TfIdfVectorizer", "counts", ids, "counts", &node, err));
    TRY(onnx_set_int(m, node, "min_gram_length", g->shortest, err));
    TRY(onnx_set_int(m, node, "max_gram_length", v->ngram_max, err));
    TRY(onnx_set_int(m, node, "max_skip_count", 0, err));
    TRY(onnx_set_string(m, node, "mode", SPAN_LITERAL("TF"), err));
    TRY(onnx_set_ints(m, node, "ngram_counts", g->starts, v->ngram_max, err));
    TRY(onnx_set_ints(m, node, "ngram_indexes", g->columns, g->column_count, err));
    return onnx_set_ints(m, node, "pool_int64s", g->pool, g->pool_size, err);
}

alf_status emit_counts(onnx_model *m, const text_vectorizer *v, alf_error *err)
{
    ngrams g = {.v = v};
    const char *ids;
    arena_init(&g.memory, 0);
    strmap_init(&g.ids);
    alf_status status = find_tokens(&g, err);
    if (status == ALF_OK)
        status = drop_tokens(&g, err);
    if (status == ALF_OK)
        status = fill_pool(&g, err);
    if (status == ALF_OK)
        status = add_ids(m, &g, &ids, err);
    if (status == ALF_OK)
        status = add_counts(m, &g, ids, err);
    strmap_fini(&g.ids);
    arena_fini(&g.memory);
    return status;
}
