/*
 * The joblib engine: scikit-learn's CountVectorizer and TfidfVectorizer, straight on the values.
 *
 * One text goes through the library's own steps: lower(), accents, tokens, stop words, n-grams,
 * counts per column, then what reference_weights.c does. Kept apart from the extractor and the
 * plain models.
 */
#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "convert/reference.h"
#include "convert/reference_common.h"
#include "convert/reference_sklearn_pattern.h"
#include "convert/reference_weights.h"
#include "convert/stop_words.h"

#include <utf8proc.h>

enum { LONGEST_NGRAM = 16 };

struct reference_text {
    char analyzer; /* 'w': word, 'c': char, 'b': char_wb */
    char accents;  /* 0, 'a': ascii, 'u': unicode */
    bool lowercase, binary, single;
    python_pattern *pattern;
    strmap stop_words; /* keys borrowed from the values */
    strmap vocabulary;
    arena words; /* stop words of arrays */
    size_t columns;
    size_t shortest, longest; /* n-grams */
    reference_weights *weights;
};

static bool is_string(const value *v, const char *text)
{
    return v != NULL && v->kind == VALUE_STRING && span_is(v->as.text, text);
}

static bool is_none(const value *v)
{
    return v == NULL || v->kind == VALUE_NONE;
}

/* ------------------------------------------------------------------ opening */

static alf_status open_analyzer(reference_text *r, const value *v, alf_error *err)
{
    const value *analyzer = value_attribute(v, "analyzer");
    const value *accents = value_attribute(v, "strip_accents");
    if (is_string(analyzer, "word"))
        r->analyzer = 'w';
    else if (is_string(analyzer, "char"))
        r->analyzer = 'c';
    else if (is_string(analyzer, "char_wb"))
        r->analyzer = 'b';
    else
        return reference_wrong(analyzer, "the analyzer must be 'word', 'char' or 'char_wb'", err);
    if (is_string(accents, "ascii"))
        r->accents = 'a';
    else if (is_string(accents, "unicode"))
        r->accents = 'u';
    else if (!is_none(accents))
        return reference_wrong(accents, "strip_accents must be 'ascii', 'unicode' or None", err);
    if (r->accents == 'u' && reference_version(v) < 22)
        return reference_wrong(accents, "strip_accents='unicode' needs scikit-learn 0.22", err);
    if (!is_none(value_attribute(v, "preprocessor")) || !is_none(value_attribute(v, "tokenizer")))
        return reference_wrong(
            v, "a vectorizer without its own preprocessor and tokenizer was expected", err);
    if (!is_none(value_attribute(v, "input")) && !is_string(value_attribute(v, "input"), "content"))
        return reference_wrong(value_attribute(v, "input"), "input must be 'content'", err);
    const value *range = value_attribute(v, "ngram_range");
    int64_t low;
    int64_t high;
    if (!value_to_int64(value_item(range, 0), &low) ||
        !value_to_int64(value_item(range, 1), &high) || low < 1 || high < low ||
        high > LONGEST_NGRAM)
        return reference_wrong(range, "ngram_range must be a pair from 1 to 16", err);
    r->shortest = (size_t)low;
    r->longest = (size_t)high;
    r->lowercase = true;
    (void)value_to_bool(value_attribute(v, "lowercase"), &r->lowercase);
    (void)value_to_bool(value_attribute(v, "binary"), &r->binary);
    if (r->analyzer != 'w')
        return ALF_OK;
    const value *pattern = value_attribute(v, "token_pattern");
    if (pattern == NULL || pattern->kind != VALUE_STRING)
        return reference_wrong(pattern, "token_pattern must be a string", err);
    return python_pattern_new(pattern->as.text, &r->pattern, err);
}

static alf_status add_stop_word(reference_text *r, alf_span word, alf_error *err)
{
    bool added;
    return strmap_put(&r->stop_words, word, 0, &added) ? ALF_OK : error_nomem(err, "stop words");
}

static alf_status open_stop_words(reference_text *r, const value *v, alf_error *err)
{
    const value *words = value_attribute(v, "stop_words");
    if (is_none(words) || r->analyzer != 'w')
        return ALF_OK;
    if (words->kind == VALUE_STRING) {
        /* The built-in list matters only where a dropped word would have been counted. */
        bool fixed = false;
        (void)value_to_bool(value_attribute(v, "fixed_vocabulary_"), &fixed);
        if (!is_string(words, "english"))
            return reference_wrong(words, "stop_words must be a list or 'english'", err);
        for (size_t i = 0; (r->longest > 1 || fixed) && i < ENGLISH_STOP_WORDS; i++)
            TRY(add_stop_word(r, span_from_string(english_stop_words[i]), err));
        return ALF_OK;
    }
    if (words->kind == VALUE_ARRAY) {
        for (uint64_t i = 0; i < words->as.array.count; i++) {
            alf_span word;
            TRY(value_array_string(&words->as.array, i, &r->words, &word, err));
            TRY(add_stop_word(r, word, err));
        }
        return ALF_OK;
    }
    if (words->kind != VALUE_LIST && words->kind != VALUE_TUPLE && words->kind != VALUE_SET)
        return reference_wrong(words, "stop_words must be a list", err);
    for (size_t i = 0; i < words->as.list.count; i++) {
        const value *word = words->as.list.items[i];
        if (word->kind != VALUE_STRING)
            return reference_wrong(word, "stop words must be strings", err);
        TRY(add_stop_word(r, word->as.text, err));
    }
    return ALF_OK;
}

/* Puts a term at its column; taken: which columns have one. */
static alf_status place_term(reference_text *r, const value_pair *pair, char *taken, alf_error *err)
{
    int64_t column;
    bool added;
    if (pair->key->kind != VALUE_STRING || !value_to_int64(pair->item, &column) || column < 0 ||
        (uint64_t)column >= r->columns || taken[column] != 0)
        return reference_wrong(pair->item, "the vocabulary must give each term a column of its own",
                               err);
    taken[column] = 1;
    if (!strmap_put(&r->vocabulary, pair->key->as.text, (uint32_t)column, &added))
        return error_nomem(err, "the joblib engine's vocabulary");
    return added ? ALF_OK
                 : reference_wrong(pair->key, "terms of the vocabulary must be distinct", err);
}

static alf_status open_vocabulary(reference_text *r, const value *v, alf_error *err)
{
    const value *vocabulary = value_attribute(v, "vocabulary_");
    if (vocabulary == NULL || vocabulary->kind != VALUE_DICT || vocabulary->as.dict.count == 0 ||
        vocabulary->as.dict.count > UINT32_MAX)
        return reference_wrong(vocabulary, "a fitted vectorizer must have a vocabulary_", err);
    r->columns = vocabulary->as.dict.count;
    char *taken = mem_calloc(r->columns, 1);
    if (taken == NULL)
        return error_nomem(err, "the joblib engine's vocabulary");
    alf_status status = ALF_OK;
    for (size_t i = 0; i < r->columns && status == ALF_OK; i++)
        status = place_term(r, &vocabulary->as.dict.pairs[i], taken, err);
    mem_free(taken);
    return status;
}

/* Whether dtype=numpy.float32, in any of the ways that is pickled. */
static bool is_single(const value *vectorizer)
{
    const value *v = value_attribute(vectorizer, "dtype");
    if (v != NULL && v->kind == VALUE_GLOBAL)
        return span_is(v->as.global.name, "float32");
    if (v != NULL && v->kind == VALUE_OBJECT)
        v = value_item(v->as.object.arguments, 0);
    return is_string(v, "f4") || is_string(v, "<f4") || is_string(v, "float32");
}

static alf_status open_vectorizer(reference_text *r, const value *v, const value *later,
                                  alf_error *err)
{
    static const char module[] = "sklearn.feature_extraction.text";
    const value *own = NULL;
    if (value_is_a(v, module, "TfidfVectorizer"))
        own = value_attribute(v, "_tfidf");
    else if (!value_is_a(v, module, "CountVectorizer"))
        return reference_wrong(v, "a TfidfVectorizer or CountVectorizer was expected", err);
    r->single = is_single(v);
    TRY(open_analyzer(r, v, err));
    TRY(open_stop_words(r, v, err));
    TRY(open_vocabulary(r, v, err));
    return reference_weights_new(own, later, r->columns, r->single, &r->weights, err);
}

static alf_status open_any(reference_text *r, const value *v, alf_error *err)
{
    if (!value_is_a(v, "sklearn.pipeline", "Pipeline"))
        return open_vectorizer(r, v, NULL, err);
    const value *steps = value_attribute(v, "steps");
    return open_vectorizer(r, value_item(value_item(steps, 0), 1), steps, err);
}

alf_status reference_text_new(const value *vectorizer, reference_text **out, alf_error *err)
{
    *out = NULL;
    reference_text *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "the joblib engine's vectorizer");
    strmap_init(&r->stop_words);
    strmap_init(&r->vocabulary);
    arena_init(&r->words, 64 << 20);
    alf_status status = open_any(r, vectorizer, err);
    if (status == ALF_OK)
        *out = r;
    else
        reference_text_free(r);
    return status;
}

void reference_text_free(reference_text *r)
{
    if (r == NULL)
        return;
    python_pattern_free(r->pattern);
    strmap_fini(&r->stop_words);
    strmap_fini(&r->vocabulary);
    arena_fini(&r->words);
    reference_weights_free(r->weights);
    mem_free(r);
}

void reference_row_fini(reference_row *row)
{
    mem_free(row->columns);
    mem_free(row->values);
    *row = (reference_row){0};
}

/* ------------------------------------------------------------------ text -> counts */

/* One text under way. */
typedef struct counting {
    const reference_text *r;
    buf text;       /* lowered, without accents */
    buf starts;     /* size_t: where each token, or code point, begins in text */
    buf ends;       /* size_t: and where it ends */
    buf ngram;      /* the n-gram being looked up */
    double *counts; /* per column */
} counting;

static void append_code_point(buf *out, uint32_t c)
{
    char bytes[4];
    buf_append(out, bytes, unicode_put(c, bytes));
}

static void copy_text(alf_span text, buf *out)
{
    const char *p = text.data;
    for (size_t i = 0; i < text.size; i = (size_t)(p - text.data))
        append_code_point(out, unicode_next(&p, text.data + text.size));
}

/* NFKD, then either everything but ASCII or every combining mark goes. Marks need no reordering,
 * as none of them stays. */
static alf_status strip_accents(const reference_text *r, buf *text, alf_error *err)
{
    buf out;
    buf_init(&out);
    const char *end = text->data + text->size;
    const utf8proc_option_t nfkd = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
    for (const char *p = text->data; p < end;) {
        utf8proc_int32_t parts[64];
        int class_ = 0;
        utf8proc_int32_t c = (utf8proc_int32_t)unicode_next(&p, end);
        utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 64, nfkd, &class_);
        for (utf8proc_ssize_t i = 0; i < n && i < 64; i++) {
            bool keep = r->accents == 'a' ? parts[i] < 128
                                          : utf8proc_get_property(parts[i])->combining_class == 0;
            if (keep)
                append_code_point(&out, (uint32_t)parts[i]);
        }
    }
    alf_status status = buf_status(&out, err);
    buf_fini(text);
    *text = out;
    return status;
}

static void look_up(counting *c, alf_span ngram)
{
    uint32_t column;
    if (strmap_get(&c->r->vocabulary, ngram, &column))
        c->counts[column] += 1.0;
}

static void note_piece(counting *c, size_t start, size_t end)
{
    buf_append(&c->starts, &start, sizeof start);
    buf_append(&c->ends, &end, sizeof end);
}

static size_t piece_count(const counting *c)
{
    return c->ends.size / sizeof(size_t);
}

static alf_span piece(const counting *c, size_t i)
{
    size_t start;
    size_t end;
    memcpy(&start, c->starts.data + i * sizeof start, sizeof start);
    memcpy(&end, c->ends.data + i * sizeof end, sizeof end);
    return span_of(c->text.data + start, end - start);
}

static alf_status found_token(void *context, alf_span match, alf_error *err)
{
    counting *c = context;
    uint32_t unused;
    if (strmap_get(&c->r->stop_words, match, &unused))
        return ALF_OK;
    size_t start = match.size > 0 ? (size_t)(match.data - c->text.data) : 0;
    note_piece(c, start, start + match.size);
    TRY(buf_status(&c->starts, err));
    return buf_status(&c->ends, err);
}

/* _word_ngrams; with an empty separator and code points as tokens also _char_ngrams. */
static void count_ngrams(counting *c, const char *separator)
{
    size_t count = piece_count(c);
    for (size_t n = c->r->shortest; n <= c->r->longest; n++)
        for (size_t i = 0; i + n <= count; i++) {
            buf_clear(&c->ngram);
            for (size_t k = 0; k < n; k++) {
                if (k > 0)
                    buf_append_string(&c->ngram, separator);
                buf_append_span(&c->ngram, piece(c, i + k));
            }
            if (c->ngram.failed)
                return;
            look_up(c, buf_span(&c->ngram));
        }
}

/* re.sub(r"\s\s+", " ", text) */
static alf_status squeeze_spaces(counting *c, alf_error *err)
{
    buf out;
    buf_init(&out);
    const char *end = c->text.data + c->text.size;
    for (const char *p = c->text.data; p < end;) {
        const char *begin = p;
        uint32_t first = unicode_next(&p, end);
        size_t spaces = unicode_is_space(first) ? 1 : 0;
        for (const char *q = p; spaces > 0 && q < end; p = q, spaces++)
            if (!unicode_is_space(unicode_next(&q, end)))
                break;
        if (spaces > 1)
            buf_append_char(&out, ' ');
        else
            buf_append(&out, begin, (size_t)(p - begin));
    }
    alf_status status = buf_status(&out, err);
    buf_fini(&c->text);
    c->text = out;
    return status;
}

static void note_code_points(counting *c)
{
    const char *end = c->text.data + c->text.size;
    for (const char *p = c->text.data; p < end;) {
        size_t start = (size_t)(p - c->text.data);
        (void)unicode_next(&p, end);
        note_piece(c, start, (size_t)(p - c->text.data));
    }
}

/* One word of _char_wb_ngrams: code points first..last-1 with a space before and after. */
static void count_padded_word(counting *c, size_t first, size_t last)
{
    size_t length = last - first + 2;
    for (size_t n = c->r->shortest; n <= c->r->longest; n++) {
        size_t size = n < length ? n : length;
        for (size_t i = 0; i + size <= length; i++) {
            buf_clear(&c->ngram);
            for (size_t k = i; k < i + size; k++)
                buf_append_span(&c->ngram, k == 0 || k + 1 == length ? SPAN_LITERAL(" ")
                                                                     : piece(c, first + k - 1));
            if (c->ngram.failed)
                return;
            look_up(c, buf_span(&c->ngram));
        }
        if (n >= length)
            return; /* a short word is counted once only */
    }
}

/* text.split(), each word on its own. The code points of the text are the pieces. */
static void count_padded_words(counting *c)
{
    size_t count = piece_count(c);
    size_t first = 0;
    for (size_t i = 0; i <= count; i++) {
        const char *p = i < count ? piece(c, i).data : NULL;
        if (i < count && !unicode_is_space(unicode_next(&p, c->text.data + c->text.size)))
            continue;
        if (i > first)
            count_padded_word(c, first, i);
        first = i + 1;
    }
}

static alf_status analyze(counting *c, alf_span text, alf_error *err)
{
    const reference_text *r = c->r;
    if (r->lowercase)
        unicode_lower(text, &c->text);
    else
        copy_text(text, &c->text);
    TRY(buf_status(&c->text, err));
    if (r->accents != 0)
        TRY(strip_accents(r, &c->text, err));
    if (r->analyzer == 'w') {
        TRY(python_pattern_findall(r->pattern, buf_span(&c->text), found_token, c, err));
        count_ngrams(c, " ");
        return buf_status(&c->ngram, err);
    }
    if (r->analyzer == 'c')
        TRY(squeeze_spaces(c, err));
    note_code_points(c);
    TRY(buf_status(&c->starts, err));
    TRY(buf_status(&c->ends, err));
    if (r->analyzer == 'c')
        count_ngrams(c, "");
    else
        count_padded_words(c);
    return buf_status(&c->ngram, err);
}

/* ------------------------------------------------------------------ counts */

static alf_status store_counts(const counting *c, reference_row *row, alf_error *err)
{
    size_t stored = 0;
    for (size_t i = 0; i < c->r->columns; i++)
        stored += c->counts[i] > 0.0;
    row->count = 0;
    if (stored > row->capacity) {
        reference_row_fini(row);
        row->columns = mem_calloc(stored, sizeof *row->columns);
        row->values = mem_calloc(stored, sizeof *row->values);
        if (row->columns == NULL || row->values == NULL)
            return error_nomem(err, "the joblib engine's row");
        row->capacity = stored;
    }
    for (size_t i = 0; i < c->r->columns; i++)
        if (c->counts[i] > 0.0) {
            row->columns[row->count] = (uint32_t)i;
            row->values[row->count++] = c->r->binary ? 1.0 : c->counts[i];
        }
    return ALF_OK;
}

alf_status reference_text_run(const reference_text *r, alf_span text, reference_row *row,
                              alf_error *err)
{
    counting c = {.r = r};
    buf_init(&c.text);
    buf_init(&c.starts);
    buf_init(&c.ends);
    buf_init(&c.ngram);
    c.counts = mem_calloc(r->columns, sizeof *c.counts);
    alf_status status = c.counts == NULL ? error_nomem(err, "the joblib engine's counts") : ALF_OK;
    if (status == ALF_OK)
        status = analyze(&c, text, err);
    if (status == ALF_OK)
        status = store_counts(&c, row, err);
    if (status == ALF_OK)
        reference_weights_apply(r->weights, row);
    mem_free(c.counts);
    buf_fini(&c.text);
    buf_fini(&c.starts);
    buf_fini(&c.ends);
    buf_fini(&c.ngram);
    return status;
}
