/*
 * com.microsoft Tokenizer: strings -> tokens, in one more dimension, padded to the longest row.
 * Either `separators` (patterns between tokens; a single empty one: every character is a token) or
 * `tokenexp` (a pattern that tokens match).
 *
 * Patterns mean what RE2 makes of them: the leftmost and then longest match, \w \d \b for ASCII
 * only; PCRE2's DFA matcher does that. Runs of one set of characters, which most vectorizers look
 * for, need no matcher (text_set.h). Invalid UTF-8 parts a text in two. Tokens borrow the bytes
 * of their string. Matching is bounded by PCRE2's limits; reaching one is an error.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/operators.h"
#include "engine/text_set.h"

#include "base/mem.h"
#include "base/span.h"
#include "base/unicode.h"

#include <inttypes.h>
#include <pcre2.h>
#include <string.h>

enum { LONGEST_PATTERN = 1 << 14, MATCH_LIMIT = 10000000, WORKSPACE = 4096 };

typedef struct tokenizer {
    bool mark;
    bool characters;
    int64_t min_length; /* code points */
    alf_span pad;
    size_t pattern_count;
    pcre2_code **patterns; /* separators; or the one that tokens match */
    bool match_tokens;
    alf_span expression; /* match_tokens */
    bool is_run;         /* the expression is `run`, and there are no patterns */
    text_set run;
} tokenizer;

/* Per session. */
typedef struct matcher {
    pcre2_match_context *context;
    pcre2_match_data *data;
    int workspace[WORKSPACE];
} matcher;

static void *pcre_alloc(PCRE2_SIZE size, void *unused)
{
    (void)unused;
    return mem_alloc(size);
}

static void pcre_free(void *memory, void *unused)
{
    (void)unused;
    mem_free(memory);
}

static void tokenizer_fini(void *state)
{
    tokenizer *s = state;
    for (size_t i = 0; i < s->pattern_count; i++)
        pcre2_code_free(s->patterns[i]);
    s->pattern_count = 0;
}

static void matcher_free(void *extra)
{
    matcher *m = extra;
    if (m == NULL)
        return;
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    mem_free(m);
}

static void *matcher_new(const void *state)
{
    (void)state;
    matcher *m = mem_calloc(1, sizeof *m);
    pcre2_general_context *general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    if (m != NULL && general != NULL) {
        m->context = pcre2_match_context_create(general);
        m->data = pcre2_match_data_create(1, general);
    }
    pcre2_general_context_free(general);
    if (m == NULL || m->context == NULL || m->data == NULL) {
        matcher_free(m);
        return NULL;
    }
    pcre2_set_match_limit(m->context, MATCH_LIMIT);
    return m;
}

const kernel_life life_tokenizer = {
    .fini = tokenizer_fini, .session_new = matcher_new, .session_free = matcher_free};

static alf_status compile(const prepare *p, alf_span pattern, pcre2_code **out)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    if (pattern.size > LONGEST_PATTERN)
        return prepare_fail(p, ALF_E_LIMIT, "a pattern of %zu bytes", pattern.size);
    pcre2_general_context *general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    pcre2_compile_context *context = general != NULL ? pcre2_compile_context_create(general) : NULL;
    if (context != NULL)
        *out = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.size,
                             PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset, context);
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
    if (context == NULL || (*out == NULL && code == PCRE2_ERROR_HEAP_FAILED))
        return error_nomem(p->err, "a pattern");
    if (*out == NULL) {
        PCRE2_UCHAR text[120];
        (void)pcre2_get_error_message(code, text, sizeof text);
        return prepare_fail(p, ALF_E_UNSUPPORTED, "the pattern '%.*s' at byte %zu: %s",
                            span_width(pattern), pattern.data, (size_t)offset, (const char *)text);
    }
    return ALF_OK;
}

static alf_status compile_all(const prepare *p, tokenizer *s)
{
    alf_span expression = {NULL, 0};
    const alf_span *separators;
    size_t count;
    TRY(prepare_strings(p, "separators", &separators, &count));
    TRY(prepare_string(p, "tokenexp", &expression));
    s->match_tokens = count == 0;
    s->characters = count == 1 && separators[0].size == 0;
    if (s->characters)
        return ALF_OK;
    if (count == 0 && expression.size == 0)
        return prepare_fail(p, ALF_E_FORMAT, "neither separators nor tokenexp");
    if (count == 0)
        TRY(prepare_copy_text(p, expression, &s->expression));
    s->is_run = count == 0 && text_set_parse(expression, &s->run);
    if (s->is_run)
        return ALF_OK;
    const alf_span *patterns = count > 0 ? separators : &expression;
    count = count > 0 ? count : 1;
    TRY(prepare_alloc(p, count, sizeof(pcre2_code *), &s->patterns));
    for (size_t i = 0; i < count; i++) {
        if (patterns[i].size == 0)
            return prepare_fail(p, ALF_E_FORMAT, "an empty separator beside others");
        TRY(compile(p, patterns[i], &s->patterns[i]));
        s->pattern_count = i + 1;
    }
    return ALF_OK;
}

alf_status prepare_tokenizer(prepare *p)
{
    tokenizer *s;
    alf_span pad = {NULL, 0};
    TRY(prepare_type(p, 0, TYPE_BIT(ONNX_STRING)));
    TRY(prepare_rank(p, 0, 1, 2));
    TRY(prepare_state(p, sizeof *s, &s));
    TRY(prepare_bool(p, "mark", &s->mark));
    TRY(prepare_int(p, "mincharnum", &s->min_length));
    TRY(prepare_string(p, "pad_value", &pad));
    if (pad.data == NULL || s->min_length < 1)
        return prepare_fail(p, ALF_E_FORMAT, "pad_value is missing or mincharnum is not positive");
    TRY(prepare_copy_text(p, pad, &s->pad));
    TRY(compile_all(p, s));
    int32_t rank = p->inputs[0]->rank;
    prepare_output_rank(p, 0, ONNX_STRING, rank == RANK_UNKNOWN ? rank : rank + 1);
    if (rank > 0 && p->outputs[0] != NULL)
        memcpy(p->outputs[0]->dims, p->inputs[0]->dims, (size_t)rank * sizeof(int64_t));
    return ALF_OK;
}

/* ---- run ---- */

/* The tokens of all strings so far, in scratch memory. */
typedef struct token_list {
    const kernel_call *c;
    alf_span *tokens;
    size_t count, capacity;
} token_list;

static alf_status grow(token_list *l)
{
    if (l->count < l->capacity)
        return ALF_OK;
    size_t wanted = l->capacity < 64 ? 64 : l->capacity * 2;
    TRY(call_scratch(l->c, wanted, sizeof *l->tokens, &l->tokens));
    l->capacity = wanted;
    return ALF_OK;
}

static alf_status add_token(token_list *l, alf_span token)
{
    const tokenizer *s = l->c->state;
    if (token.size == 0 || (s->min_length > 1 && unicode_length(token) < (size_t)s->min_length))
        return ALF_OK;
    TRY(grow(l));
    l->tokens[l->count++] = token;
    return ALF_OK;
}

/* The length of the character at `at` of valid UTF-8. */
static size_t character_size(alf_span text, size_t at)
{
    size_t size = 1;
    while (at + size < text.size && ((unsigned char)text.data[at + size] & 0xC0) == 0x80)
        size++;
    return size;
}

/* Finds the next match that is not empty, from *at on; *begin == text.size: none. */
static alf_status next_match(const kernel_call *c, const pcre2_code *pattern, alf_span text,
                             size_t *begin, size_t *end)
{
    matcher *m = c->own->extra;
    size_t at = *end;
    for (;;) {
        int found =
            pcre2_dfa_match(pattern, (PCRE2_SPTR)text.data, text.size, at, PCRE2_NO_UTF_CHECK,
                            m->data, m->context, m->workspace, WORKSPACE);
        if (found == PCRE2_ERROR_NOMATCH) {
            *begin = *end = text.size;
            return ALF_OK;
        }
        if (found < 0)
            return call_fail(c, ALF_E_LIMIT,
                             "the pattern could not be matched (PCRE2 error %d); use a simpler "
                             "pattern",
                             found);
        const PCRE2_SIZE *match = pcre2_get_ovector_pointer(m->data);
        *begin = match[0];
        *end = match[1];
        if (*end > *begin)
            return ALF_OK;
        if (*begin >= text.size) {
            *begin = *end = text.size;
            return ALF_OK;
        }
        at = *begin + character_size(text, *begin);
    }
}

static alf_status match_tokens(token_list *l, const pcre2_code *pattern, alf_span text)
{
    size_t begin = 0, end = 0;
    while (end < text.size) {
        TRY(next_match(l->c, pattern, text, &begin, &end));
        if (begin < end)
            TRY(add_token(l, span_of(text.data + begin, end - begin)));
    }
    return ALF_OK;
}

/* Cuts the tokens from `first` on at each match of the pattern; the pieces take their place. */
static alf_status split_tokens(token_list *l, const pcre2_code *pattern, size_t first)
{
    size_t last = l->count;
    for (size_t i = first; i < last; i++) {
        alf_span text = l->tokens[i];
        size_t from = 0, begin = 0, end = 0;
        while (end < text.size) {
            TRY(next_match(l->c, pattern, text, &begin, &end));
            TRY(add_token(l, span_of(text.data + from, begin - from)));
            from = end;
        }
        TRY(add_token(l, span_of(text.data + from, text.size - from)));
    }
    memmove(l->tokens + first, l->tokens + last, (l->count - last) * sizeof *l->tokens);
    l->count -= last - first;
    return ALF_OK;
}

static alf_status split_characters(token_list *l, alf_span text)
{
    for (size_t at = 0; at < text.size;) {
        size_t size = character_size(text, at);
        TRY(add_token(l, span_of(text.data + at, size)));
        at += size;
    }
    return ALF_OK;
}

/* A part of valid UTF-8. */
static alf_status add_part(token_list *l, alf_span text)
{
    const tokenizer *s = l->c->state;
    if (text.size == 0)
        return ALF_OK;
    if (s->characters)
        return split_characters(l, text);
    if (s->match_tokens)
        return match_tokens(l, s->patterns[0], text);
    size_t first = l->count;
    TRY(add_token(l, text));
    for (size_t i = 0; i < s->pattern_count && l->count > first; i++)
        TRY(split_tokens(l, s->patterns[i], first));
    return ALF_OK;
}

static alf_status add_runs(token_list *l, alf_span text)
{
    const tokenizer *s = l->c->state;
    const char *at = text.data, *end = text.size > 0 ? at + text.size : at;
    alf_span run;
    while (text_set_next(&s->run, &at, end, &run))
        TRY(add_token(l, run));
    return ALF_OK;
}

static alf_status add_string(token_list *l, alf_span text)
{
    if (((const tokenizer *)l->c->state)->is_run)
        return add_runs(l, text);
    if (text.size == 0 || unicode_is_valid(text))
        return add_part(l, text);
    const char *at = text.data, *end = text.data + text.size, *part = at;
    while (at < end) {
        const char *before = at;
        if (unicode_next(&at, end) != UNICODE_REPLACEMENT ||
            span_is(span_of(before, (size_t)(at - before)), "\xEF\xBF\xBD"))
            continue;
        TRY(add_part(l, span_of(part, (size_t)(before - part))));
        part = at;
    }
    return add_part(l, span_of(part, (size_t)(end - part)));
}

/* The list holds, per string, its tokens and then one span whose data is NULL. */
static alf_status collect(token_list *l, const tensor *in, uint64_t *longest)
{
    uint64_t strings = tensor_count(in);
    *longest = 0;
    for (uint64_t i = 0; i < strings; i++) {
        size_t before = l->count;
        TRY(add_string(l, ((const alf_span *)in->data)[i]));
        if (l->count - before > *longest)
            *longest = l->count - before;
        TRY(grow(l));
        l->tokens[l->count++] = (alf_span){NULL, 0};
    }
    return ALF_OK;
}

alf_status run_tokenizer(const kernel_call *c)
{
    const tokenizer *s = c->state;
    const tensor *in = c->inputs[0];
    token_list list = {.c = c};
    uint64_t longest;
    int64_t dims[3];
    if (in->rank < 1 || in->rank > 2)
        return call_fail(c, ALF_E_FORMAT, "an input of rank %" PRIu32 ", expected 1 or 2",
                         in->rank);
    TRY(collect(&list, in, &longest));
    uint64_t width = longest > 0 && s->mark ? longest + 2 : longest;
    for (uint32_t k = 0; k < in->rank; k++)
        dims[k] = in->dims[k];
    dims[in->rank] = (int64_t)width;
    TRY(call_output(c, 0, in->rank + 1, dims));
    if (width == 0)
        return ALF_OK;
    alf_span *to = c->outputs[0]->data;
    for (size_t i = 0; i < list.count; i++) {
        alf_span *end = to + width;
        if (s->mark)
            *to++ = SPAN_LITERAL("\x02");
        for (; list.tokens[i].data != NULL; i++)
            *to++ = list.tokens[i];
        if (s->mark)
            *to++ = SPAN_LITERAL("\x03");
        while (to < end)
            *to++ = s->pad;
    }
    return ALF_OK;
}

bool tokenizer_describe(const void *state, alf_span *expression)
{
    const tokenizer *s = state;
    *expression = s->expression;
    return s->match_tokens && !s->mark && s->min_length == 1 && s->pad.size == 0;
}
