/* The deep part of validate: models are run, proofs replayed. */
#include "cli/validate_deep.h"

#include "base/embedded.h"
#include "base/file.h"
#include "base/span.h"
#include "classify/replay.h"
#include "convert/answers.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PARITY_FILE = 256 << 20 };

/* ONNX Runtime adds a forest up in another order; a decision closer to 0 may fall either way. */
static const double near_tie = 1e-6;

typedef struct deep_run {
    const deep_check *check;
    corpus logs;
    models native; /* the bundle in our engine, or what AUTO chose */
    models other;  /* in the engine asked for, when that is another one */
    bool has_other;
    source from; /* the joblib models */
    answers native_answers[MODELS_COMPONENTS];
} deep_run;

/* ---- saying what is wrong ---- */

__attribute__((format(printf, 2, 3))) static void complain(const deep_run *r, const char *format,
                                                           ...)
{
    char text[1100];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_printf(r->check->details, "  problem: %s\n", text);
    r->check->complain(r->check->context, text);
}

static void complain_error(const deep_run *r, const alf_error *err)
{
    char text[1024];
    complain(r, "%s", error_text(err, text, sizeof text));
}

/* ---- running ---- */

static alf_status ask_joblib(const deep_run *r, models_component which, answers *out,
                             alf_error *err)
{
    answerer *one;
    TRY(which == MODELS_TEXT ? answerer_joblib_text(&r->from, &one, err)
                             : answerer_joblib_anomaly(&r->from, LOG_FEATURES, &one, err));
    alf_status status = replay_answer(one, &r->logs, out, err);
    answerer_free(one);
    return status;
}

/* ---- whether answers make sense ---- */

/* Probabilities lie within [0, 1] and add up to 1, as far as float32 goes. */
static bool is_distribution(const double *p, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(p[i] >= 0 && p[i] <= 1))
            return false;
        sum += p[i];
    }
    return fabs(sum - 1) < 1e-4;
}

static bool makes_sense(const answers *a, models_component which, size_t row)
{
    if (which == MODELS_TEXT)
        return a->labels[row] >= 0 && (size_t)a->labels[row] < a->width &&
               is_distribution(a->numbers + row * a->width, a->width);
    return isfinite(a->decisions[row]) && (a->labels[row] == 1 || a->labels[row] == -1) &&
           (a->labels[row] == -1) == (a->decisions[row] < 0);
}

static void check_sense(const deep_run *r, models_component which)
{
    const answers *a = &r->native_answers[which];
    for (size_t i = 0; i < a->count; i++)
        if (!makes_sense(a, which, i)) {
            alf_span text = r->logs.texts[i];
            complain(r,
                     "%s answers log %zu (%.*s) with something that is not %s, and such logs fail "
                     "open; convert the original again (XGBoost: objective binary:logistic or "
                     "multi:softprob)",
                     models_component_names[which], i + 1, text.size < 100 ? (int)text.size : 100,
                     text.data,
                     which == MODELS_TEXT ? "a distribution over its classes"
                                          : "a label and a finite decision of that sign");
            return;
        }
    buf_printf(r->check->details, "  %s: %zu logs answered, all within range\n",
               models_component_names[which], a->count);
}

/* ---- the manifest's proof ---- */

static void replay_part(const deep_run *r, models_component which, const proof_part *part)
{
    alf_error err = {0};
    replay_result result;
    const char *name = models_component_names[which];
    if (replay_compare(part, &r->native_answers[which], &result, &err) != ALF_OK) {
        complain_error(r, &err);
        return;
    }
    switch (result) {
    case REPLAY_NOT_NOTED:
        complain(r,
                 "%s: the manifest's proof says nothing of the answers, so that it cannot be "
                 "replayed; convert the models again with this version",
                 name);
        break;
    case REPLAY_OTHER_LABELS:
    case REPLAY_OTHER_NUMBERS:
        complain(r,
                 "%s gives other %s than when it was converted and proved; a file or the "
                 "manifest was changed: convert the models again",
                 name, result == REPLAY_OTHER_LABELS ? "labels" : "numbers");
        break;
    case REPLAY_AS_PROVED:
        buf_printf(r->check->details,
                   "  %s: the parity proof holds, every label and number is as proved\n", name);
    }
}

static bool same_logs(const deep_run *r, const proof_run *proof)
{
    alf_error err = {0};
    bool same;
    if (replay_same_logs(proof, &r->logs, &same, &err) != ALF_OK) {
        complain_error(r, &err);
        return false;
    }
    if (!same)
        complain(r,
                 "the manifest's proof was made on %" PRIu64
                 " logs, these %zu are others; give the file that --parity of convert named, or "
                 "convert again",
                 proof->logs, r->logs.count);
    return same;
}

static void replay_proof(const deep_run *r)
{
    const manifest *m = &r->native.manifest;
    if (!r->native.has_manifest || !m->proof.present) {
        buf_append_string(r->check->details, "  no parity proof to replay\n");
        return;
    }
    if (!same_logs(r, &m->proof.all))
        return;
    if (m->proof.all.text.present && r->native.has_text)
        replay_part(r, MODELS_TEXT, &m->proof.all.text);
    if (m->proof.all.anomaly.present && r->native.has_anomaly)
        replay_part(r, MODELS_DETECTOR, &m->proof.all.anomaly);
}

/* ---- against another engine, and against joblib ---- */

static void put_difference(const deep_run *r, models_component which, const char *against,
                           const answers *expected, double tie)
{
    answers_difference d;
    const answers *found = &r->native_answers[which];
    if (expected->width != found->width) {
        complain(r, "%s: %s has %zu classes, the ONNX file %zu; they do not belong together",
                 models_component_names[which], against, expected->width, found->width);
        return;
    }
    answers_compare(expected, found, tie, &d);
    if (d.mismatches > 0)
        complain(r,
                 "%s: %" PRIu64 " of %zu labels differ from %s, the first at log %zu; convert the "
                 "models again",
                 models_component_names[which], d.mismatches, found->count, against,
                 d.examples[0] + 1);
    else
        buf_printf(r->check->details,
                   "  %s against %s: 0 of %zu labels differ, largest difference %.3g%s\n",
                   models_component_names[which], against, found->count, d.largest,
                   d.near_ties > 0 ? " (labels of decisions near 0 not counted)" : "");
}

static void check_other(const deep_run *r)
{
    for (models_component i = MODELS_TEXT; r->has_other && i < MODELS_COMPONENTS; i++) {
        alf_error err = {0};
        answers other = {0};
        if (!models_has(&r->other, i) || !models_has(&r->native, i))
            continue;
        if (replay_ask(&r->other, i, &r->logs, &other, &err) != ALF_OK)
            complain_error(r, &err);
        else
            put_difference(r, i, models_run_on(&r->other), &other,
                           i == MODELS_DETECTOR ? near_tie : 0);
        answers_fini(&other);
    }
}

/* Whether the joblib files are those that the manifest names. */
static void check_sources(const deep_run *r)
{
    const manifest *m = &r->native.manifest;
    for (size_t i = 0; r->native.has_manifest && i < m->source_count; i++)
        for (size_t k = 0; k < r->from.file_count; k++)
            if (span_equal(r->from.entries[k].path, m->sources[i].path) &&
                !span_equal(r->from.entries[k].sha256, m->sources[i].sha256))
                complain(r,
                         "%s is not the file that the bundle was made of (SHA-256 differs from "
                         "the manifest); convert it, or give the folder of the original",
                         r->from.paths[k]);
}

static void check_joblib(deep_run *r)
{
    alf_error err = {0};
    if (r->check->joblib == NULL)
        return;
    if (source_open(&r->from, r->check->joblib, NULL, &err) != ALF_OK) {
        complain_error(r, &err);
        return;
    }
    check_sources(r);
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++) {
        answers joblib = {0};
        bool there = i == MODELS_TEXT ? r->from.vectorizer != NULL && r->from.classifier != NULL
                                      : r->from.scaler != NULL && r->from.isolation != NULL;
        if (!there || !models_has(&r->native, i))
            continue;
        if (ask_joblib(r, i, &joblib, &err) != ALF_OK)
            complain_error(r, &err);
        else
            put_difference(r, i, "the joblib model", &joblib, 0);
        answers_fini(&joblib);
    }
}

/* ---- all of it ---- */

static alf_status read_logs(deep_run *r, alf_error *err)
{
    log_profile profile = r->native.profile;
    TRY(corpus_add(&r->logs, embedded_parity, LOG_INPUT_TEXT, profile, 0, err));
    if (r->check->parity == NULL)
        return ALF_OK;
    buf text;
    buf_init(&text);
    alf_status status = file_read(r->check->parity, MAX_PARITY_FILE, &text, err);
    if (status == ALF_OK)
        status = corpus_add(&r->logs, buf_span(&text), LOG_INPUT_AUTO, profile, 0, err);
    buf_fini(&text);
    return status;
}

static alf_status open_all(deep_run *r, alf_error *err)
{
    models_options settings = *r->check->options;
    r->has_other = settings.engine.kind == ENGINE_ONNX_RUNTIME;
    if (r->has_other)
        settings.engine = (engine_options){.kind = ENGINE_NATIVE};
    TRY(models_open(&r->native, r->check->folder, &settings, err));
    if (r->has_other)
        TRY(models_open(&r->other, r->check->folder, r->check->options, err));
    TRY(read_logs(r, err));
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        if (models_has(&r->native, i))
            TRY(replay_ask(&r->native, i, &r->logs, &r->native_answers[i], err));
    return ALF_OK;
}

void validate_deep(const deep_check *d)
{
    alf_error err = {0};
    deep_run r = {.check = d};
    corpus_init(&r.logs);
    buf_append_string(d->details, "deep check\n");
    if (open_all(&r, &err) != ALF_OK)
        complain_error(&r, &err);
    else {
        for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
            if (models_has(&r.native, i))
                check_sense(&r, i);
        replay_proof(&r);
        check_other(&r);
        check_joblib(&r);
    }
    buf_append_char(d->details, '\n');
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        answers_fini(&r.native_answers[i]);
    models_close(&r.native);
    models_close(&r.other);
    source_close(&r.from);
    corpus_fini(&r.logs);
}
