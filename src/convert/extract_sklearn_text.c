/*
 * scikit-learn's CountVectorizer and TfidfVectorizer -> a plain text vectorizer.
 *
 * A TfidfVectorizer keeps the weighting in its attribute _tfidf, a TfidfTransformer; a Pipeline of
 * CountVectorizer and TfidfTransformer is the same thing in two steps. What follows in a Pipeline
 * changes the rows further (extract_sklearn_rows.c).
 */
#include "convert/extract_sklearn_text.h"
#include "base/hash.h"
#include "base/unicode.h"
#include "convert/stop_words.h"

#include <inttypes.h>

enum { MAX_TERMS = 16 << 20, MAX_STOP_WORDS = 1 << 20, MAX_NGRAM = 16 };

static bool is_text_class(const value *v, const char *name)
{
    return value_is_a(v, "sklearn.feature_extraction.text", name);
}

/* ------------------------------------------------------------------ which objects */

static alf_status wrong_class(const value *v, alf_error *err)
{
    char found[96];
    return error_at(err, ALF_E_UNSUPPORTED, v != NULL ? v->offset : ALF_NO_OFFSET,
                    "%s was found; supported are scikit-learn's TfidfVectorizer, CountVectorizer, "
                    "and a Pipeline of one of them and then TfidfTransformer, Normalizer, "
                    "MaxAbsScaler, StandardScaler(with_mean=False) or "
                    "RobustScaler(with_centering=False)",
                    value_describe(v, found, sizeof found));
}

static bool is_no_step(const value *v)
{
    return v != NULL && (v->kind == VALUE_NONE ||
                         (v->kind == VALUE_STRING && span_is(v->as.text, "passthrough")));
}

static bool is_classifier(const value *v)
{
    static const alf_span ending = {"Classifier", 10};
    if (v == NULL || v->kind != VALUE_OBJECT || v->as.object.class_ == NULL ||
        v->as.object.class_->kind != VALUE_GLOBAL)
        return false;
    alf_span name = v->as.object.class_->as.global.name;
    return name.size > ending.size &&
           span_equal(span_of(name.data + name.size - ending.size, ending.size), ending);
}

/* What the text steps of a Pipeline are; classifiers after them are somebody else's business. */
static alf_status take_step(text_reader *r, const value *step)
{
    if (r->counter == NULL) {
        if (!is_text_class(step, "CountVectorizer") && !is_text_class(step, "TfidfVectorizer"))
            return wrong_class(step, r->err);
        r->counter = step;
        return ALF_OK;
    }
    if (is_text_class(r->counter, "CountVectorizer") && r->transformer == NULL &&
        r->more_count == 0 && is_text_class(step, "TfidfTransformer")) {
        r->transformer = step;
        return ALF_OK;
    }
    if (!text_reader_knows_step(step))
        return wrong_class(step, r->err);
    if (r->more_count == TEXT_MAX_STEPS)
        return error_at(r->err, ALF_E_UNSUPPORTED, step->offset,
                        "a Pipeline of more than %d steps after its vectorizer is not supported",
                        TEXT_MAX_STEPS);
    r->more[r->more_count++] = step;
    return ALF_OK;
}

static alf_status find_steps(text_reader *r, const value *pipeline)
{
    const value *steps;
    TRY(sklearn_need(pipeline, "steps", &steps, r->err));
    size_t count = value_length(steps);
    for (size_t i = 0; i < count; i++) {
        const value *step = value_item(value_item(steps, i), 1);
        if (is_no_step(step))
            continue;
        if (r->counter != NULL && i + 1 == count && is_classifier(step))
            break;
        TRY(take_step(r, step));
    }
    return r->counter == NULL ? wrong_class(pipeline, r->err) : ALF_OK;
}

static alf_status find_parts(text_reader *r, const value *object)
{
    if (value_is_a(object, "sklearn.pipeline", "Pipeline"))
        TRY(find_steps(r, object));
    else if (is_text_class(object, "CountVectorizer") || is_text_class(object, "TfidfVectorizer"))
        r->counter = object;
    else
        return wrong_class(object, r->err);
    r->version = sklearn_version(r->counter);
    if (!is_text_class(r->counter, "TfidfVectorizer"))
        return ALF_OK;
    TRY(sklearn_need(r->counter, "_tfidf", &r->transformer, r->err));
    return is_text_class(r->transformer, "TfidfTransformer")
               ? ALF_OK
               : sklearn_bad(r->counter, "_tfidf", r->transformer,
                             "a TfidfTransformer was expected", r->err);
}

/* ------------------------------------------------------------------ options */

/* Python functions cannot be converted; they are named and refused. */
static alf_status refuse_callables(const text_reader *r)
{
    static const char *const options[] = {"preprocessor", "tokenizer"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const value *v = value_attribute(r->counter, options[i]);
        if (v == NULL || v->kind == VALUE_NONE)
            continue;
        char found[96];
        return error_at(r->err, ALF_E_UNSUPPORTED, v->offset,
                        "the vectorizer's %s is %s: Python code cannot be converted; fit it with "
                        "%s=None and a token_pattern",
                        options[i], value_describe(v, found, sizeof found), options[i]);
    }
    return ALF_OK;
}

/* What the vectorizer is given: texts, and not the names of files or open files. */
static alf_status read_input(const text_reader *r)
{
    static const char *const names[] = {"content", NULL};
    int choice;
    return text_reader_choice(r, r->counter, "input", names, 0, &choice);
}

static alf_status read_strip_accents(const text_reader *r)
{
    static const char *const names[] = {"", "ascii", "unicode", NULL};
    int choice;
    TRY(text_reader_choice(r, r->counter, "strip_accents", names, 0, &choice));
    r->out->strip_accents = choice == 1   ? TEXT_STRIP_ASCII
                            : choice == 2 ? TEXT_STRIP_UNICODE
                                          : TEXT_STRIP_NONE;
    if (choice == 2 && r->version < 22)
        return error_at(r->err, ALF_E_UNSUPPORTED, r->counter->offset,
                        "strip_accents='unicode' of scikit-learn before 0.22 keeps accents of text "
                        "that is decomposed already; load and save the model with 0.22 or later");
    return ALF_OK;
}

static alf_status read_ngram_range(const text_reader *r)
{
    const value *v = value_attribute(r->counter, "ngram_range");
    int64_t low;
    int64_t high;
    if (value_length(v) != 2 || !value_to_int64(value_item(v, 0), &low) ||
        !value_to_int64(value_item(v, 1), &high))
        return sklearn_bad(r->counter, "ngram_range", v, "a pair of numbers was expected", r->err);
    if (low < 1 || high < low || high > MAX_NGRAM)
        return error_at(r->err, ALF_E_UNSUPPORTED, v->offset,
                        "ngram_range=(%" PRId64 ", %" PRId64
                        ") is not supported; 1 <= first <= second <= %d was expected",
                        low, high, MAX_NGRAM);
    r->out->ngram_min = (uint32_t)low;
    r->out->ngram_max = (uint32_t)high;
    return ALF_OK;
}

static alf_status copy_string(const text_reader *r, const value *v, const char *what, alf_span *out)
{
    char found[96];
    if (v == NULL || v->kind != VALUE_STRING)
        return error_at(r->err, ALF_E_FORMAT, v != NULL ? v->offset : ALF_NO_OFFSET,
                        "%s is %s; a string was expected", what,
                        value_describe(v, found, sizeof found));
    if (!unicode_is_valid(v->as.text))
        return error_at(r->err, ALF_E_FORMAT, v->offset, "%s is not valid UTF-8", what);
    void *copy;
    TRY(sklearn_allocate(r->a, v->as.text.size + 1, 1, what, &copy, r->err));
    if (v->as.text.size > 0)
        memcpy(copy, v->as.text.data, v->as.text.size);
    *out = span_of(copy, v->as.text.size);
    return ALF_OK;
}

/* stop_words="english". The list is not needed where it changes nothing: single words that the
 * fitted vocabulary cannot contain. */
static alf_status read_named_list(const text_reader *r, const value *v)
{
    bool fixed;
    if (!span_is(v->as.text, "english"))
        return error_at(r->err, ALF_E_UNSUPPORTED, v->offset,
                        "stop_words='%.*s' names a list that is not known; 'english', lists of "
                        "words and None are supported",
                        span_width(v->as.text), v->as.text.data);
    TRY(sklearn_flag(r->counter, "fixed_vocabulary_", false, &fixed, r->err));
    if (r->out->ngram_max == 1 && !fixed)
        return ALF_OK;
    void *words;
    TRY(sklearn_allocate(r->a, ENGLISH_STOP_WORDS, sizeof(alf_span), "stop words", &words, r->err));
    r->out->stop_words = words;
    for (size_t i = 0; i < ENGLISH_STOP_WORDS; i++)
        r->out->stop_words[i] = span_from_string(english_stop_words[i]);
    r->out->stop_word_count = ENGLISH_STOP_WORDS;
    return ALF_OK;
}

/* Words to drop. */
static alf_status read_stop_words(const text_reader *r)
{
    const value *v = value_attribute(r->counter, "stop_words");
    if (v == NULL || v->kind == VALUE_NONE || r->out->analyzer != TEXT_WORD)
        return ALF_OK;
    if (v->kind == VALUE_STRING)
        return read_named_list(r, v);
    bool list = v->kind == VALUE_LIST || v->kind == VALUE_TUPLE || v->kind == VALUE_SET;
    size_t count = value_length(v);
    if ((!list && v->kind != VALUE_ARRAY) || count > MAX_STOP_WORDS)
        return sklearn_bad(r->counter, "stop_words", v, "a list of words was expected", r->err);
    void *words;
    TRY(sklearn_allocate(r->a, count, sizeof(alf_span), "stop words", &words, r->err));
    r->out->stop_words = words;
    for (size_t i = 0; i < count; i++)
        if (list)
            TRY(copy_string(r, v->as.list.items[i], "a stop word", &r->out->stop_words[i]));
        else
            TRY(value_array_string(&v->as.array, i, r->a, &r->out->stop_words[i], r->err));
    r->out->stop_word_count = (uint32_t)count;
    return ALF_OK;
}

/* The name of a numpy type given as the type, a dtype object or a string. */
static alf_span type_name(const value *v)
{
    if (v == NULL)
        return SPAN_LITERAL("float64");
    if (v->kind == VALUE_GLOBAL)
        return v->as.global.name;
    if (v->kind == VALUE_OBJECT)
        v = value_item(v->as.object.arguments, 0);
    if (v != NULL && v->kind == VALUE_STRING) {
        alf_span name = v->as.text;
        if (name.size > 0 && (name.data[0] == '<' || name.data[0] == '='))
            name = span_of(name.data + 1, name.size - 1);
        return name;
    }
    return SPAN_LITERAL("an unknown type");
}

static alf_status read_dtype(const text_reader *r)
{
    static const char *const wide[] = {"float64", "f8",    "float", "double", "int64", "i8",
                                       "int32",   "i4",    "int",   "long",   "uint8", "uint16",
                                       "uint32",  "bool_", "bool",  "intc",   "int_"};
    const value *v = value_attribute(r->counter, "dtype");
    alf_span name = type_name(v);
    if (span_is(name, "float32") || span_is(name, "f4") || span_is(name, "single")) {
        r->out->float32 = true;
        return ALF_OK;
    }
    /* Counts of whole numbers become float64 before they are weighted. */
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (span_is(name, wide[i]))
            return ALF_OK;
    return error_at(r->err, ALF_E_UNSUPPORTED, v->offset,
                    "the vectorizer's dtype is %.*s; float64 and float32 are supported",
                    span_width(name), name.data);
}

static alf_status read_options(const text_reader *r)
{
    static const char *const analyzers[] = {"word", "char", "char_wb", NULL};
    static const text_analyzer kinds[] = {TEXT_WORD, TEXT_CHAR, TEXT_CHAR_WB};
    text_vectorizer *out = r->out;
    int choice;
    TRY(refuse_callables(r));
    TRY(read_input(r));
    TRY(text_reader_choice(r, r->counter, "analyzer", analyzers, 0, &choice));
    out->analyzer = kinds[choice];
    TRY(sklearn_flag(r->counter, "lowercase", true, &out->lowercase, r->err));
    TRY(sklearn_flag(r->counter, "binary", false, &out->binary, r->err));
    TRY(read_strip_accents(r));
    TRY(read_ngram_range(r));
    TRY(read_stop_words(r));
    TRY(read_dtype(r));
    if (out->analyzer != TEXT_WORD)
        return ALF_OK;
    const value *pattern = value_attribute(r->counter, "token_pattern");
    return copy_string(r, pattern, "the vectorizer's token_pattern", &out->token_pattern);
}

/* ------------------------------------------------------------------ vocabulary */

static alf_status place_term(const text_reader *r, const value_pair *pair, strmap *seen)
{
    int64_t column;
    text_vectorizer *out = r->out;
    if (!value_to_int64(pair->item, &column) || column < 0 || column >= out->term_count)
        return sklearn_bad(r->counter, "vocabulary_", pair->item,
                           "a column number below the size of the vocabulary was expected", r->err);
    if (out->terms[column].data != NULL)
        return error_at(r->err, ALF_E_FORMAT, pair->item->offset,
                        "vocabulary_ gives column %" PRId64
                        " to two terms; every column must have one",
                        column);
    TRY(copy_string(r, pair->key, "a term of vocabulary_", &out->terms[column]));
    bool added;
    if (!strmap_put(seen, out->terms[column], (uint32_t)column, &added))
        return error_nomem(r->err, "the vocabulary");
    if (!added)
        return error_at(r->err, ALF_E_FORMAT, pair->key->offset,
                        "vocabulary_ holds '%.*s' twice; terms must be distinct",
                        span_width(out->terms[column]), out->terms[column].data);
    return ALF_OK;
}

static alf_status read_vocabulary(const text_reader *r)
{
    const value *v;
    TRY(sklearn_need(r->counter, "vocabulary_", &v, r->err));
    if (v->kind != VALUE_DICT || v->as.dict.count == 0 || v->as.dict.count > MAX_TERMS)
        return sklearn_bad(r->counter, "vocabulary_", v,
                           "a dict of 1 to 16 million terms was expected", r->err);
    void *terms;
    TRY(sklearn_allocate(r->a, v->as.dict.count, sizeof(alf_span), "terms", &terms, r->err));
    r->out->terms = terms;
    r->out->term_count = (uint32_t)v->as.dict.count;
    strmap seen;
    strmap_init(&seen);
    alf_status status = ALF_OK;
    for (size_t i = 0; i < v->as.dict.count && status == ALF_OK; i++)
        status = place_term(r, &v->as.dict.pairs[i], &seen);
    strmap_fini(&seen);
    return status;
}

alf_status extract_vectorizer(const value *object, arena *a, text_vectorizer *out, alf_error *err)
{
    *out = (text_vectorizer){0};
    text_reader r = {.a = a, .err = err, .out = out};
    TRY(find_parts(&r, object));
    TRY(read_options(&r));
    TRY(read_vocabulary(&r));
    return text_reader_weights(&r);
}
