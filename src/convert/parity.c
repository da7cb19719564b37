/* The parity proof: joblib engine against ONNX engine. */
#include "convert/parity.h"

#include "base/clock.h"
#include "convert/answers.h"

bool parity_holds(const parity_result *r)
{
    return r->proof.text.mismatches == 0 && r->proof.anomaly.mismatches == 0;
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

/* What a contest says about a component. */
static alf_status conclude(parity_result *r, const contest *c, bool is_text, alf_error *err)
{
    proof_part *part = is_text ? &r->proof.text : &r->proof.anomaly;
    char(*hashes)[65] = r->hashes[is_text];
    *part = (proof_part){.present = true,
                         .mismatches = c->difference.mismatches,
                         .max_difference = c->difference.largest,
                         .labels_sha256 = {hashes[0], 64},
                         .numbers_sha256 = {hashes[1], 64}};
    *(is_text ? &r->text_joblib_ns : &r->anomaly_joblib_ns) = c->joblib_ns;
    *(is_text ? &r->text_onnx_ns : &r->anomaly_onnx_ns) = c->onnx_ns;
    note_examples(r, c, is_text);
    return answers_sha256(&c->found, hashes[0], hashes[1], err);
}

static alf_status run_text(contest *c, const source *s, text_chain *chain, const answer_logs *logs,
                           alf_error *err)
{
    TRY(answerer_joblib_text(s, &c->joblib, err));
    TRY(answerer_text_chain(chain, &c->onnx, err));
    return contest_run(c, logs, err);
}

static alf_status check_text(const source *s, const bundle *b, const answer_logs *logs,
                             parity_result *out, alf_error *err)
{
    engine *pair[2];
    text_chain chain;
    contest c = {0};
    TRY(load_pair(b, BUNDLE_VECTORIZER, BUNDLE_CLASSIFIER, pair, err));
    TRY(text_chain_init(&chain, pair[0], pair[1], !b->zero_is_value, err));
    alf_status status = run_text(&c, s, &chain, logs, err);
    if (status == ALF_OK)
        status = conclude(out, &c, true, err);
    contest_fini(&c);
    text_chain_fini(&chain);
    return status;
}

static alf_status run_anomaly(contest *c, const source *s, anomaly_chain *chain,
                              const answer_logs *logs, alf_error *err)
{
    TRY(answerer_joblib_anomaly(s, chain->feature_count, &c->joblib, err));
    TRY(answerer_anomaly_chain(chain, &c->onnx, err));
    return contest_run(c, logs, err);
}

static alf_status check_anomaly(const source *s, const bundle *b, const answer_logs *logs,
                                parity_result *out, alf_error *err)
{
    engine *pair[2];
    anomaly_chain chain;
    contest c = {0};
    TRY(load_pair(b, BUNDLE_SCALER, BUNDLE_ANOMALY, pair, err));
    TRY(anomaly_chain_init(&chain, pair[0], pair[1], b->feature_count, err));
    alf_status status = run_anomaly(&c, s, &chain, logs, err);
    if (status == ALF_OK)
        status = conclude(out, &c, false, err);
    contest_fini(&c);
    anomaly_chain_fini(&chain);
    return status;
}

alf_status parity_check(const source *s, const bundle *b, const alf_span *texts,
                        const double *features, size_t n, parity_result *out, alf_error *err)
{
    answer_logs logs = {n, texts, features};
    *out = (parity_result){.proof = {.present = true, .logs = n}};
    if (b->files[BUNDLE_CLASSIFIER].size > 0 && !b->adopted[BUNDLE_CLASSIFIER])
        TRY(check_text(s, b, &logs, out, err));
    if (b->files[BUNDLE_ANOMALY].size > 0 && !b->adopted[BUNDLE_ANOMALY])
        TRY(check_anomaly(s, b, &logs, out, err));
    return ALF_OK;
}
