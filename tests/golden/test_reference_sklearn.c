/*
 * The joblib engine on the v3 models gives the golden answers: which terms a text has, and how
 * anomalous it is. The extracted isolation forest, summed plainly, gives the same labels.
 */
#include "support/golden.h"

#include "base/mem.h"
#include "codec/joblib.h"
#include "convert/extract.h"
#include "convert/reference.h"

#include <math.h>

enum { WIDTH = 8 };

typedef struct models {
    joblib_file *anomaly, *text;
    const value *scaler;
    reference_isolation *forest;
    reference_text *vectorizer;
    reference_row row;
    arena memory;
    isolation_forest extracted;
    text_vectorizer extracted_text;
    class_labels labels;
} models;

typedef struct tally {
    size_t logs, ties, nonzero, labels, extracted_labels;
    double score, decision, extracted_score;
} tally;

static golden g;

static void need(alf_status status, const alf_error *err)
{
    char line[1024];
    if (status != ALF_OK)
        golden_fail(error_text(err, line, sizeof line));
}

static void open_models(models *m)
{
    alf_error err = {0};
    arena_init(&m->memory, 256 << 20);
    need(joblib_open(GOLDEN_FOLDER "/models/v3/anomaly_detector/model.joblib", NULL, &m->anomaly,
                     &err),
         &err);
    need(joblib_open(GOLDEN_FOLDER "/models/v3/tfidf_xgboost/model.joblib", NULL, &m->text, &err),
         &err);
    const value *anomaly = joblib_root(m->anomaly);
    const value *text = joblib_root(m->text);
    const value *vectorizer = value_get(text, "vectorizer");
    const value *isolation = value_get(anomaly, "model");
    m->scaler = value_get(anomaly, "scaler");
    need(reference_isolation_new(isolation, &m->forest, &err), &err);
    need(reference_text_new(vectorizer, &m->vectorizer, &err), &err);
    need(extract_isolation_forest(isolation, &m->memory, &m->extracted, &err), &err);
    need(extract_vectorizer(vectorizer, &m->memory, &m->extracted_text, &err), &err);
    need(extract_labels(value_get(text, "label_encoder"), &m->memory, &m->labels, &err), &err);
}

static void close_models(models *m)
{
    reference_isolation_free(m->forest);
    reference_text_free(m->vectorizer);
    reference_row_fini(&m->row);
    arena_fini(&m->memory);
    joblib_free(m->anomaly);
    joblib_free(m->text);
}

static double largest(double known, double a, double b)
{
    double difference = fabs(a - b);
    return difference > known || isnan(difference) ? difference : known;
}

static void check_log(models *m, const golden_log *log, tally *t)
{
    alf_error err = {0};
    double scaled[WIDTH];
    double score;
    double decision;
    double depth;
    int label;
    need(reference_text_run(m->vectorizer, log->normalized, &m->row, &err), &err);
    t->nonzero += m->row.count != log->tfidf_nonzero;
    need(reference_scale(m->scaler, log->features, WIDTH, scaled, &err), &err);
    need(reference_isolation_run(m->forest, scaled, WIDTH, &score, &decision, &label, &err), &err);
    t->ties += !(log->anomaly_decision < 0.0) && !(log->anomaly_decision > 0.0);
    t->labels += label != log->anomaly_label;
    t->score = largest(t->score, score, log->anomaly_score);
    t->decision = largest(t->decision, decision, log->anomaly_decision);

    for (int i = 0; i < WIDTH; i++)
        scaled[i] = (double)(float)scaled[i];
    forest_sum(&m->extracted.trees, scaled, &depth);
    double extracted = -pow(2.0, -depth / m->extracted.denominator);
    t->extracted_score = largest(t->extracted_score, extracted, log->anomaly_score);
    t->extracted_labels += (extracted - m->extracted.offset < 0.0 ? -1 : 1) != log->anomaly_label;
    t->logs++;
}

int main(void)
{
    static models m;
    tally t = {0};
    if (!golden_open(&g))
        return GOLDEN_SKIP;
    open_models(&m);
    for (golden_log log; golden_next(&g, &log);)
        check_log(&m, &log, &t);
    golden_close(&g);
    bool parts = m.extracted.trees.tree_count == 200 && m.extracted_text.term_count == 700 &&
                 m.labels.count == 4 && span_is(m.labels.names[3], "suspicious");
    close_models(&m);
    (void)printf("%zu logs, %zu with a decision of exactly 0\n"
                 "joblib engine: %zu differ in terms, %zu in the anomaly label; score within %.3g, "
                 "decision within %.3g\n"
                 "extracted forest: %zu differ in the label; score within %.3g\n",
                 t.logs, t.ties, t.nonzero, t.labels, t.score, t.decision, t.extracted_labels,
                 t.extracted_score);
    bool good = parts && t.logs == GOLDEN_LOGS && t.ties > 0 && t.nonzero == 0 && t.labels == 0 &&
                t.extracted_labels == 0 && t.score <= 1e-12 && t.decision <= 1e-12 &&
                t.extracted_score <= 1e-12;
    return good ? 0 : 1;
}
