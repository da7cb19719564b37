/*
 * The engine itself on the files that other converters made of the v3 models: xgboost.onnx (one
 * TreeEnsembleClassifier of 10000 declared columns, absent terms given as NaN) and
 * anomaly_detector.onnx (5410 nodes). Labels equal the golden ones, probabilities lie within 1e-6;
 * a row's answer is the same bytes alone and among others; nothing is allocated once warm.
 */
#include "support/golden.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/joblib.h"
#include "convert/reference.h"
#include "engine/engine.h"

#include <math.h>

enum { ROWS = 64, COLUMNS = 10000, WIDTH = 8, MOST_BYTES = 4 << 20 };

typedef struct graph {
    engine *e;
    engine_session *session;
} graph;

typedef struct models {
    joblib_file *anomaly, *text;
    const value *scaler;
    reference_text *vectorizer;
    reference_row row;
    graph xgboost, forest;
} models;

/* Logs that wait to be run together. */
typedef struct batch {
    size_t count;
    golden_log logs[ROWS]; /* their texts are gone */
    float terms[ROWS * COLUMNS];
    float features[ROWS * WIDTH];
} batch;

typedef struct tally {
    size_t logs, text_labels, anomaly_labels, changed;
    double probability, score;
} tally;

static golden g;
static batch waiting;

static void need(alf_status status, const alf_error *err)
{
    char line[1024];
    if (status != ALF_OK)
        golden_fail(error_text(err, line, sizeof line));
}

static graph open_graph(const char *name)
{
    char path[512];
    buf file;
    alf_error err = {0};
    graph opened;
    (void)snprintf(path, sizeof path, "%s/models/v3/onnx/%s", GOLDEN_FOLDER, name);
    buf_init(&file);
    need(file_read(path, MOST_BYTES, &file, &err), &err);
    need(engine_load(buf_span(&file), 0, &opened.e, &err), &err);
    buf_fini(&file);
    opened.session = engine_session_new(opened.e);
    if (opened.session == NULL)
        golden_fail("no memory for a session");
    return opened;
}

static void close_graph(graph *opened)
{
    engine_session_free(opened->session);
    engine_free(opened->e);
}

static void open_models(models *m)
{
    alf_error err = {0};
    need(joblib_open(GOLDEN_FOLDER "/models/v3/anomaly_detector/model.joblib", NULL, &m->anomaly,
                     &err),
         &err);
    need(joblib_open(GOLDEN_FOLDER "/models/v3/tfidf_xgboost/model.joblib", NULL, &m->text, &err),
         &err);
    m->scaler = value_get(joblib_root(m->anomaly), "scaler");
    need(reference_text_new(value_get(joblib_root(m->text), "vectorizer"), &m->vectorizer, &err),
         &err);
    m->xgboost = open_graph("xgboost.onnx");
    m->forest = open_graph("anomaly_detector.onnx");
}

static void close_models(models *m)
{
    close_graph(&m->xgboost);
    close_graph(&m->forest);
    reference_text_free(m->vectorizer);
    reference_row_fini(&m->row);
    joblib_free(m->anomaly);
    joblib_free(m->text);
}

static void add_log(models *m, const golden_log *log)
{
    alf_error err = {0};
    double scaled[WIDTH];
    float *terms = waiting.terms + waiting.count * COLUMNS;
    float *features = waiting.features + waiting.count * WIDTH;
    need(reference_text_run(m->vectorizer, log->normalized, &m->row, &err), &err);
    need(reference_scale(m->scaler, log->features, WIDTH, scaled, &err), &err);
    for (size_t i = 0; i < COLUMNS; i++)
        terms[i] = NAN;
    for (size_t i = 0; i < m->row.count; i++)
        terms[m->row.columns[i]] = (float)m->row.values[i];
    for (size_t i = 0; i < WIDTH; i++)
        features[i] = (float)scaled[i];
    waiting.logs[waiting.count++] = *log;
}

static void run(graph *from, float *rows, size_t count, size_t columns, tensor *out)
{
    alf_error err = {0};
    tensor in = {
        .type = ONNX_FLOAT, .rank = 2, .dims = {(int64_t)count, (int64_t)columns}, .data = rows};
    need(engine_run(from->session, &in, out, &err), &err);
}

/* Runs one row alone, without any allocation, and compares the bytes of its second output. */
static size_t changes_alone(graph *from, float *row, size_t columns, const float *among)
{
    tensor out[2];
    (void)mem_fail_after(1);
    run(from, row, 1, columns, out);
    (void)mem_fail_after(0);
    return memcmp(out[1].data, among, (size_t)out[1].dims[1] * sizeof *among) != 0;
}

/* Column of a category in the model: its labels are sorted. */
static size_t column_of(alf_category category)
{
    static const size_t columns[ALF_CATEGORIES] = {
        [ALF_CRITICAL] = 0, [ALF_NOISE] = 1, [ALF_ROUTINE] = 2, [ALF_SUSPICIOUS] = 3};
    return columns[category];
}

static double largest(double known, double difference)
{
    return difference > known || isnan(difference) ? difference : known;
}

static void check_text(models *m, tally *t)
{
    static float kept[ROWS * ALF_CATEGORIES];
    tensor out[2];
    run(&m->xgboost, waiting.terms, waiting.count, COLUMNS, out);
    memcpy(kept, out[1].data, waiting.count * ALF_CATEGORIES * sizeof(float));
    for (size_t i = 0; i < waiting.count; i++) {
        const golden_log *log = &waiting.logs[i];
        t->text_labels += ((const int64_t *)out[0].data)[i] != (int64_t)column_of(log->label);
        for (int c = 0; c < ALF_CATEGORIES; c++)
            t->probability = largest(
                t->probability, fabs((double)kept[i * ALF_CATEGORIES + column_of((alf_category)c)] -
                                     (double)log->probabilities[c]));
    }
    t->changed += changes_alone(&m->xgboost, waiting.terms, COLUMNS, kept);
}

/* scores of this file are the decision function. */
static void check_anomaly(models *m, tally *t)
{
    static float kept[ROWS];
    tensor out[2];
    run(&m->forest, waiting.features, waiting.count, WIDTH, out);
    memcpy(kept, out[1].data, waiting.count * sizeof(float));
    for (size_t i = 0; i < waiting.count; i++) {
        const golden_log *log = &waiting.logs[i];
        t->anomaly_labels += ((const int64_t *)out[0].data)[i] != log->anomaly_label;
        t->score = largest(t->score, fabs((double)kept[i] - log->anomaly_decision));
    }
    t->changed += changes_alone(&m->forest, waiting.features, WIDTH, kept);
}

static void run_waiting(models *m, tally *t)
{
    if (waiting.count == 0)
        return;
    check_text(m, t);
    check_anomaly(m, t);
    t->logs += waiting.count;
    waiting.count = 0;
}

int main(void)
{
    static models m;
    tally t = {0};
    if (!golden_open(&g))
        return GOLDEN_SKIP;
    open_models(&m);
    for (golden_log log; golden_next(&g, &log);) {
        add_log(&m, &log);
        if (waiting.count == ROWS)
            run_waiting(&m, &t);
    }
    run_waiting(&m, &t);
    golden_close(&g);
    close_models(&m);
    (void)printf("%zu logs: xgboost.onnx %zu labels differ, probabilities within %.3g; "
                 "anomaly_detector.onnx %zu labels differ, decisions within %.3g; %zu rows change "
                 "with their batch\n",
                 t.logs, t.text_labels, t.probability, t.anomaly_labels, t.score, t.changed);
    return t.logs == GOLDEN_LOGS && t.text_labels == 0 && t.anomaly_labels == 0 && t.changed == 0 &&
                   t.probability <= 1e-6 && t.score <= 1e-5
               ? 0
               : 1;
}
