/* The parity proof: joblib engine against ONNX engine. */
#include "convert/parity.h"

#include "base/clock.h"
#include "base/mem.h"
#include "convert/reference.h"
#include "engine/chain.h"

#include <math.h>

enum { ROWS = 64 }; /* compared at a time */

bool parity_holds(const parity_result *r)
{
    return r->proof.text_mismatches == 0 && r->proof.anomaly_mismatches == 0;
}

static void note_example(parity_result *r, parity_example example)
{
    if (r->example_count < PARITY_EXAMPLES)
        r->examples[r->example_count++] = example;
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

static alf_status load_engine(const bundle *b, size_t file, engine **out, alf_error *err)
{
    alf_status status = engine_load(buf_span(&b->files[file]), 0, out, err);
    if (status != ALF_OK)
        error_file(err, bundle_file_names[file]);
    return status;
}

/* Loads two engines, or none. */
static alf_status load_pair(const bundle *b, size_t first, size_t second, engine *pair[2],
                            alf_error *err)
{
    TRY(load_engine(b, first, &pair[0], err));
    alf_status status = load_engine(b, second, &pair[1], err);
    if (status != ALF_OK)
        engine_free(pair[0]);
    return status;
}

/* ---- text ---- */

typedef struct text_check {
    reference_text *vectorizer;
    reference_boosted *classifier;
    reference_row row;
    text_chain chain;
    text_chain_session session;
    float expected[CHAIN_MAX_CLASSES];
    float found[ROWS * CHAIN_MAX_CLASSES];
    uint32_t labels[ROWS];
} text_check;

static alf_status compare_text_row(text_check *t, alf_span text, size_t i, size_t row,
                                   parity_result *out, alf_error *err)
{
    uint32_t label;
    TRY(reference_text_run(t->vectorizer, text, &t->row, err));
    TRY(reference_boosted_run(t->classifier, &t->row, t->expected, &label, err));
    uint32_t classes = t->chain.class_count;
    const float *found = t->found + i * classes;
    for (uint32_t c = 0; c < classes; c++)
        out->proof.text_max_difference =
            worst(out->proof.text_max_difference, (double)t->expected[c], (double)found[c]);
    if (label == t->labels[i])
        return ALF_OK;
    out->proof.text_mismatches++;
    note_example(out, (parity_example){row, true, (int)label, (int)t->labels[i],
                                       (double)t->expected[label], (double)found[label]});
    return ALF_OK;
}

static alf_status open_text(text_check *t, const source *s, const bundle *b, alf_error *err)
{
    engine *pair[2];
    TRY(reference_text_new(s->vectorizer, &t->vectorizer, err));
    TRY(reference_boosted_new(s->classifier, &t->classifier, err));
    TRY(load_pair(b, BUNDLE_VECTORIZER, BUNDLE_CLASSIFIER, pair, err));
    TRY(text_chain_init(&t->chain, pair[0], pair[1], true, err));
    TRY(text_chain_session_init(&t->session, &t->chain, err));
    if (reference_boosted_classes(t->classifier) != t->chain.class_count)
        return error_set(err, ALF_E_MISMATCH, "the joblib model has %zu classes, the ONNX file %u",
                         reference_boosted_classes(t->classifier), t->chain.class_count);
    return ALF_OK;
}

static alf_status compare_texts(text_check *t, const alf_span *texts, size_t n, parity_result *out,
                                alf_error *err)
{
    for (size_t done = 0; done < n; done += ROWS) {
        size_t rows = n - done < ROWS ? n - done : ROWS;
        uint64_t start = clock_now();
        TRY(text_chain_run(&t->session, texts + done, rows, t->found, t->labels, NULL, err));
        uint64_t middle = clock_now();
        for (size_t i = 0; i < rows; i++)
            TRY(compare_text_row(t, texts[done + i], i, done + i, out, err));
        out->text_onnx_ns += middle - start;
        out->text_joblib_ns += clock_now() - middle;
    }
    return ALF_OK;
}

static alf_status check_text(const source *s, const bundle *b, const alf_span *texts, size_t n,
                             parity_result *out, alf_error *err)
{
    text_check *t = mem_calloc(1, sizeof *t);
    if (t == NULL)
        return error_nomem(err, "the parity proof");
    out->proof.has_text = true;
    alf_status status = open_text(t, s, b, err);
    if (status == ALF_OK)
        status = compare_texts(t, texts, n, out, err);
    text_chain_session_fini(&t->session);
    text_chain_fini(&t->chain);
    reference_row_fini(&t->row);
    reference_boosted_free(t->classifier);
    reference_text_free(t->vectorizer);
    mem_free(t);
    return status;
}

/* ---- anomaly ---- */

typedef struct anomaly_check {
    const value *scaler;
    reference_isolation *forest;
    anomaly_chain chain;
    anomaly_chain_session session;
    double scores[ROWS], decisions[ROWS];
    int labels[ROWS];
} anomaly_check;

static alf_status compare_anomaly_row(anomaly_check *a, const double *features, size_t i,
                                      size_t row, parity_result *out, alf_error *err)
{
    double scaled[CHAIN_MAX_FEATURES];
    double score;
    double decision;
    int label;
    uint32_t width = a->chain.feature_count;
    TRY(reference_scale(a->scaler, features, width, scaled, err));
    TRY(reference_isolation_run(a->forest, scaled, width, &score, &decision, &label, err));
    out->proof.anomaly_max_difference =
        worst(out->proof.anomaly_max_difference, score, a->scores[i]);
    if (label == a->labels[i])
        return ALF_OK;
    out->proof.anomaly_mismatches++;
    note_example(out, (parity_example){row, false, label, a->labels[i], score, a->scores[i]});
    return ALF_OK;
}

static alf_status open_anomaly(anomaly_check *a, const source *s, const bundle *b, alf_error *err)
{
    engine *pair[2];
    a->scaler = s->scaler;
    TRY(reference_isolation_new(s->isolation, &a->forest, err));
    TRY(load_pair(b, BUNDLE_SCALER, BUNDLE_ANOMALY, pair, err));
    TRY(anomaly_chain_init(&a->chain, pair[0], pair[1], b->feature_count, err));
    return anomaly_chain_session_init(&a->session, &a->chain, err);
}

static alf_status compare_anomalies(anomaly_check *a, const double *features, size_t n,
                                    parity_result *out, alf_error *err)
{
    uint32_t width = a->chain.feature_count;
    for (size_t done = 0; done < n; done += ROWS) {
        size_t rows = n - done < ROWS ? n - done : ROWS;
        uint64_t start = clock_now();
        TRY(anomaly_chain_run(&a->session, features + done * width, rows, a->scores, a->decisions,
                              a->labels, err));
        uint64_t middle = clock_now();
        for (size_t i = 0; i < rows; i++)
            TRY(compare_anomaly_row(a, features + (done + i) * width, i, done + i, out, err));
        out->anomaly_onnx_ns += middle - start;
        out->anomaly_joblib_ns += clock_now() - middle;
    }
    return ALF_OK;
}

static alf_status check_anomaly(const source *s, const bundle *b, const double *features, size_t n,
                                parity_result *out, alf_error *err)
{
    anomaly_check *a = mem_calloc(1, sizeof *a);
    if (a == NULL)
        return error_nomem(err, "the parity proof");
    out->proof.has_anomaly = true;
    alf_status status = open_anomaly(a, s, b, err);
    if (status == ALF_OK)
        status = compare_anomalies(a, features, n, out, err);
    anomaly_chain_session_fini(&a->session);
    anomaly_chain_fini(&a->chain);
    reference_isolation_free(a->forest);
    mem_free(a);
    return status;
}

alf_status parity_check(const source *s, const bundle *b, const alf_span *texts,
                        const double *features, size_t n, parity_result *out, alf_error *err)
{
    *out = (parity_result){.proof = {.present = true, .logs = n}};
    if (b->files[BUNDLE_CLASSIFIER].size > 0 && !b->adopted[BUNDLE_CLASSIFIER])
        TRY(check_text(s, b, texts, n, out, err));
    if (b->files[BUNDLE_ANOMALY].size > 0 && !b->adopted[BUNDLE_ANOMALY])
        TRY(check_anomaly(s, b, features, n, out, err));
    return ALF_OK;
}
