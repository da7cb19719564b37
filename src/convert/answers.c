/* Components opened in an engine, what they say about logs, and how that differs. */
#include "convert/answers.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "convert/reference.h"

#include <math.h>
#include <string.h>

enum { ROWS = 64 }; /* of a chain, at a time */

struct answerer {
    size_t width;
    alf_status (*run)(answerer *a, const answer_logs *logs, answers *out, alf_error *err);
    uint32_t feature_count; /* of anomaly detectors */
    /* the joblib engine */
    reference_text *vectorizer;
    reference_classifier *classifier;
    reference_row row;
    float *probabilities; /* of a chain: ROWS rows */
    const value *scaler;
    reference_isolation *forest;
    /* ONNX */
    text_chain_session text;
    anomaly_chain_session anomaly;
};

size_t answerer_width(const answerer *a)
{
    return a->width;
}

void answerer_free(answerer *a)
{
    if (a == NULL)
        return;
    reference_row_fini(&a->row);
    reference_classifier_free(a->classifier);
    reference_text_free(a->vectorizer);
    reference_isolation_free(a->forest);
    text_chain_session_fini(&a->text);
    anomaly_chain_session_fini(&a->anomaly);
    mem_free(a->probabilities);
    mem_free(a);
}

alf_status answerer_run(answerer *a, const answer_logs *logs, answers *out, alf_error *err)
{
    return a->run(a, logs, out, err);
}

static alf_status make(answerer **out, alf_error *err)
{
    *out = mem_calloc(1, sizeof **out);
    return *out != NULL ? ALF_OK : error_nomem(err, "an engine to compare");
}

/* A finished answerer, or none. */
static alf_status hand_over(alf_status status, answerer *a, answerer **out)
{
    if (status != ALF_OK) {
        answerer_free(a);
        a = NULL;
    }
    *out = a;
    return status;
}

/* ---- the joblib engine ---- */

static alf_status run_joblib_text(answerer *a, const answer_logs *logs, answers *out,
                                  alf_error *err)
{
    for (size_t i = 0; i < logs->count; i++) {
        uint32_t label;
        TRY(reference_text_run(a->vectorizer, logs->texts[i], &a->row, err));
        TRY(reference_classifier_run(a->classifier, &a->row, out->numbers + i * a->width, &label,
                                     err));
        out->labels[i] = (int)label;
    }
    return ALF_OK;
}

static alf_status open_joblib_text(answerer *a, const source *s, alf_error *err)
{
    a->run = run_joblib_text;
    TRY(reference_text_new(s->vectorizer, &a->vectorizer, err));
    TRY(reference_classifier_new(s->classifier, &a->classifier, err));
    a->width = reference_classifier_classes(a->classifier);
    return ALF_OK;
}

alf_status answerer_joblib_text(const source *s, answerer **out, alf_error *err)
{
    answerer *a;
    TRY(make(&a, err));
    return hand_over(open_joblib_text(a, s, err), a, out);
}

static alf_status run_joblib_anomaly(answerer *a, const answer_logs *logs, answers *out,
                                     alf_error *err)
{
    double scaled[CHAIN_MAX_FEATURES];
    size_t width = a->feature_count;
    for (size_t i = 0; i < logs->count; i++) {
        TRY(reference_scale(a->scaler, logs->features + i * width, width, scaled, err));
        TRY(reference_isolation_run(a->forest, scaled, width, &out->numbers[i], &out->decisions[i],
                                    &out->labels[i], err));
    }
    return ALF_OK;
}

alf_status answerer_joblib_anomaly(const source *s, uint32_t feature_count, answerer **out,
                                   alf_error *err)
{
    answerer *a;
    if (feature_count > CHAIN_MAX_FEATURES)
        return error_set(err, ALF_E_LIMIT, "%u features", feature_count);
    TRY(make(&a, err));
    a->run = run_joblib_anomaly;
    a->width = 1;
    a->feature_count = feature_count;
    a->scaler = s->scaler;
    return hand_over(reference_isolation_new(s->isolation, &a->forest, err), a, out);
}

/* ---- ONNX ---- */

static alf_status run_text_chain(answerer *a, const answer_logs *logs, answers *out, alf_error *err)
{
    uint32_t labels[ROWS];
    for (size_t done = 0; done < logs->count; done += ROWS) {
        size_t rows = logs->count - done < ROWS ? logs->count - done : ROWS;
        TRY(text_chain_run(&a->text, logs->texts + done, rows, a->probabilities, labels, NULL,
                           err));
        for (size_t i = 0; i < rows; i++)
            out->labels[done + i] = (int)labels[i];
        for (size_t i = 0; i < rows * a->width; i++)
            out->numbers[done * a->width + i] = (double)a->probabilities[i];
    }
    return ALF_OK;
}

static alf_status open_text_chain(answerer *a, const text_chain *chain, alf_error *err)
{
    a->run = run_text_chain;
    a->width = chain->class_count;
    TRY(text_chain_session_init(&a->text, chain, err));
    a->probabilities = mem_calloc(ROWS, a->width * sizeof *a->probabilities);
    return a->probabilities != NULL ? ALF_OK : error_nomem(err, "probabilities");
}

alf_status answerer_text_chain(const text_chain *chain, answerer **out, alf_error *err)
{
    answerer *a;
    TRY(make(&a, err));
    return hand_over(open_text_chain(a, chain, err), a, out);
}

static alf_status run_anomaly_chain(answerer *a, const answer_logs *logs, answers *out,
                                    alf_error *err)
{
    return anomaly_chain_run(&a->anomaly, logs->features, logs->count, out->numbers, out->decisions,
                             out->labels, err);
}

alf_status answerer_anomaly_chain(const anomaly_chain *chain, answerer **out, alf_error *err)
{
    answerer *a;
    TRY(make(&a, err));
    a->run = run_anomaly_chain;
    a->width = 1;
    a->feature_count = chain->feature_count;
    return hand_over(anomaly_chain_session_init(&a->anomaly, chain, err), a, out);
}

/* ---- answers ---- */

alf_status answers_init(answers *a, size_t count, size_t width, alf_error *err)
{
    size_t numbers;
    *a = (answers){.count = count, .width = width};
    if (__builtin_mul_overflow(count, width, &numbers))
        return error_set(err, ALF_E_LIMIT, "%zu logs with %zu classes", count, width);
    a->labels = mem_calloc(count, sizeof *a->labels);
    a->numbers = mem_calloc(numbers, sizeof *a->numbers);
    a->decisions = mem_calloc(count, sizeof *a->decisions);
    if (a->labels != NULL && a->numbers != NULL && a->decisions != NULL)
        return ALF_OK;
    answers_fini(a);
    return error_nomem(err, "the answers of an engine");
}

void answers_fini(answers *a)
{
    mem_free(a->labels);
    mem_free(a->numbers);
    mem_free(a->decisions);
    *a = (answers){0};
}

static void put_number(buf *out, double number)
{
    unsigned char bytes[8];
    uint64_t bits;
    number = isnan(number) ? (double)NAN : number;
    memcpy(&bits, &number, sizeof bits);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(bits >> (8 * i));
    buf_append(out, bytes, sizeof bytes);
}

static void put_label(buf *out, int label)
{
    uint32_t bits = (uint32_t)label;
    for (size_t i = 0; i < sizeof bits; i++)
        buf_append_char(out, (char)(unsigned char)(bits >> (8 * i)));
}

alf_status answers_sha256(const answers *a, char labels[65], char numbers[65], alf_error *err)
{
    buf bytes;
    buf_init(&bytes);
    for (size_t i = 0; i < a->count; i++)
        put_label(&bytes, a->labels[i]);
    alf_status status = buf_status(&bytes, err);
    if (status == ALF_OK)
        status = crypto_sha256_hex(buf_span(&bytes), labels, err);
    buf_clear(&bytes);
    for (size_t i = 0; i < a->count * a->width; i++)
        put_number(&bytes, a->numbers[i]);
    for (size_t i = 0; i < a->count; i++)
        put_number(&bytes, a->decisions[i]);
    if (status == ALF_OK)
        status = buf_status(&bytes, err);
    if (status == ALF_OK)
        status = crypto_sha256_hex(buf_span(&bytes), numbers, err);
    buf_fini(&bytes);
    return status;
}

/* The larger of a known difference and |a - b|; a NaN on one side only counts as infinite. */
static double worst(double known, double a, double b)
{
    if (isnan(a) && isnan(b))
        return known;
    double difference = fabs(a - b);
    return difference > known || isnan(difference) ? (isnan(difference) ? INFINITY : difference)
                                                   : known;
}

/* Bundles of other converters give no score: NaN for every log. */
static bool has_numbers(const answers *a)
{
    return a->count == 0 || !isnan(a->numbers[0]);
}

void answers_compare(const answers *expected, const answers *found, double tie,
                     answers_difference *out)
{
    bool numbers = has_numbers(expected) && has_numbers(found);
    const double *one = numbers ? expected->numbers : expected->decisions;
    const double *two = numbers ? found->numbers : found->decisions;
    size_t width = numbers ? expected->width : 1;
    *out = (answers_difference){0};
    for (size_t i = 0; i < expected->count * width; i++)
        out->largest = worst(out->largest, one[i], two[i]);
    for (size_t i = 0; i < expected->count; i++) {
        if (expected->labels[i] == found->labels[i])
            continue;
        if (fabs(expected->decisions[i]) < tie) {
            out->near_ties++;
            continue;
        }
        out->mismatches++;
        if (out->example_count < ANSWERS_EXAMPLES)
            out->examples[out->example_count++] = i;
    }
}
