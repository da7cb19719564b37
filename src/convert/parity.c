/* The parity proof: joblib engine against ONNX engine. */
#include "convert/parity.h"

#include "base/clock.h"

bool parity_holds(const parity_result *r)
{
    return r->proof.all.text.mismatches == 0 && r->proof.all.anomaly.mismatches == 0;
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

/* ---- a component ---- */

typedef struct contest {
    answerer *joblib, *onnx;
    answers expected, found;
    answers_difference difference;
    uint64_t joblib_ns, onnx_ns;
} contest;

static void contest_fini(contest *c)
{
    answers_fini(&c->expected);
    answers_fini(&c->found);
    answerer_free(c->joblib);
    answerer_free(c->onnx);
}

static alf_status contest_run(contest *c, const answer_logs *logs, alf_error *err)
{
    size_t width = answerer_width(c->joblib);
    if (width != answerer_width(c->onnx))
        return error_set(err, ALF_E_MISMATCH, "the joblib model has %zu classes, the ONNX file %zu",
                         width, answerer_width(c->onnx));
    TRY(answers_init(&c->expected, logs->count, width, err));
    TRY(answers_init(&c->found, logs->count, width, err));
    uint64_t start = clock_now();
    TRY(answerer_run(c->onnx, logs, &c->found, err));
    uint64_t middle = clock_now();
    TRY(answerer_run(c->joblib, logs, &c->expected, err));
    c->onnx_ns = middle - start;
    c->joblib_ns = clock_now() - middle;
    answers_compare(&c->expected, &c->found, 0, &c->difference);
    return ALF_OK;
}

static void note_examples(parity_result *r, const contest *c, bool is_text)
{
    for (size_t i = 0; i < c->difference.example_count && r->example_count < PARITY_EXAMPLES; i++) {
        size_t row = c->difference.examples[i];
        int label = c->expected.labels[row];
        size_t number = row * c->expected.width + (is_text ? (size_t)label : 0);
        r->examples[r->example_count++] = (parity_example){row,
                                                           is_text,
                                                           label,
                                                           c->found.labels[row],
                                                           c->expected.numbers[number],
                                                           c->found.numbers[number]};
    }
}

/* What a contest says about a component on the first `rows` logs. */
static alf_status note_part(proof_part *part, const contest *c, size_t rows, char hashes[2][65],
                            alf_error *err)
{
    answers expected = c->expected;
    answers found = c->found;
    answers_difference difference;
    expected.count = found.count = rows;
    answers_compare(&expected, &found, 0, &difference);
    *part = (proof_part){.present = true,
                         .mismatches = difference.mismatches,
                         .max_difference = difference.largest,
                         .labels_sha256 = {hashes[0], 64},
                         .numbers_sha256 = {hashes[1], 64}};
    return answers_sha256(&found, hashes[0], hashes[1], err);
}

static alf_status conclude(parity_result *r, const contest *c, bool is_text, alf_error *err)
{
    proof_run *all = &r->proof.all;
    proof_run *built_in = &r->proof.built_in;
    note_examples(r, c, is_text);
    if (built_in->logs > 0)
        TRY(note_part(is_text ? &built_in->text : &built_in->anomaly, c, built_in->logs,
                      r->hashes[1][is_text], err));
    return note_part(is_text ? &all->text : &all->anomaly, c, all->logs, r->hashes[0][is_text],
                     err);
}

/* One component: what is compared, and how often it is timed. */
typedef struct match {
    const source *from;
    const text_chain *text; /* or: */
    const anomaly_chain *anomaly;
    const answer_logs *logs;
    unsigned rounds;
} match;

static alf_status open_contest(const match *m, contest *c, alf_error *err)
{
    if (m->text != NULL) {
        TRY(answerer_joblib_text(m->from, &c->joblib, err));
        return answerer_text_chain(m->text, &c->onnx, err);
    }
    TRY(answerer_joblib_anomaly(m->from, m->anomaly->feature_count, &c->joblib, err));
    return answerer_anomaly_chain(m->anomaly, &c->onnx, err);
}

static uint64_t median(uint64_t *times, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && times[k - 1] > times[k]; k--) {
            uint64_t larger = times[k - 1];
            times[k - 1] = times[k];
            times[k] = larger;
        }
    return times[n / 2];
}

/* The first round is the proof. Each has fresh sessions, which remember nothing of the logs. */
static alf_status run_match(const match *m, parity_result *out, alf_error *err)
{
    uint64_t joblib[PARITY_ROUNDS] = {0};
    uint64_t onnx[PARITY_ROUNDS] = {0};
    bool is_text = m->text != NULL;
    for (unsigned r = 0; r < m->rounds; r++) {
        contest c = {0};
        alf_status status = open_contest(m, &c, err);
        if (status == ALF_OK)
            status = contest_run(&c, m->logs, err);
        if (status == ALF_OK && r == 0)
            status = conclude(out, &c, is_text, err);
        joblib[r] = c.joblib_ns;
        onnx[r] = c.onnx_ns;
        contest_fini(&c);
        TRY(status);
    }
    *(is_text ? &out->text_joblib_ns : &out->anomaly_joblib_ns) = median(joblib, m->rounds);
    *(is_text ? &out->text_onnx_ns : &out->anomaly_onnx_ns) = median(onnx, m->rounds);
    return ALF_OK;
}

static alf_status check_text(match *m, const bundle *b, parity_result *out, alf_error *err)
{
    engine *pair[2];
    text_chain chain;
    TRY(load_pair(b, BUNDLE_VECTORIZER, BUNDLE_CLASSIFIER, pair, err));
    TRY(text_chain_init(&chain, pair[0], pair[1], !b->zero_is_value, err));
    m->text = &chain;
    alf_status status = run_match(m, out, err);
    m->text = NULL;
    text_chain_fini(&chain);
    return status;
}

static alf_status check_anomaly(match *m, const bundle *b, parity_result *out, alf_error *err)
{
    engine *pair[2];
    anomaly_chain chain;
    TRY(load_pair(b, BUNDLE_SCALER, BUNDLE_ANOMALY, pair, err));
    TRY(anomaly_chain_init(&chain, pair[0], pair[1], b->feature_count, err));
    m->anomaly = &chain;
    alf_status status = run_match(m, out, err);
    m->anomaly = NULL;
    anomaly_chain_fini(&chain);
    return status;
}

alf_status parity_check(const source *s, const bundle *b, const answer_logs *logs, unsigned rounds,
                        parity_result *out, alf_error *err)
{
    unsigned most = PARITY_ROUNDS;
    match m = {.from = s, .logs = logs, .rounds = rounds < 1 ? 1 : rounds < most ? rounds : most};
    *out = (parity_result){.proof = {.present = true, .all.logs = logs->count}};
    if (logs->built_in < logs->count)
        out->proof.built_in.logs = logs->built_in;
    if (b->files[BUNDLE_CLASSIFIER].size > 0 && !b->adopted[BUNDLE_CLASSIFIER])
        TRY(check_text(&m, b, out, err));
    if (b->files[BUNDLE_ANOMALY].size > 0 && !b->adopted[BUNDLE_ANOMALY])
        TRY(check_anomaly(&m, b, out, err));
    return ALF_OK;
}
