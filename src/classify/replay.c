/* Replaying the parity proof of a bundle. */
#include "classify/replay.h"

#include "base/crypto.h"
#include "base/embedded.h"
#include "base/file.h"
#include "base/span.h"
#include "convert/answers.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FILE = 512 << 20 };

/* ---- the steps ---- */

alf_status replay_answer(answerer *one, const corpus *logs, answers *out, alf_error *err)
{
    answer_logs seen = {logs->count, logs->texts, logs->features, 0};
    TRY(answers_init(out, seen.count, answerer_width(one), err));
    return answerer_run(one, &seen, out, err);
}

alf_status replay_ask(const models *m, models_component which, const corpus *logs, answers *out,
                      alf_error *err)
{
    answerer *one;
    TRY(which == MODELS_TEXT ? answerer_text_chain(&m->text, &one, err)
                             : answerer_anomaly_chain(&m->anomaly, &one, err));
    alf_status status = replay_answer(one, logs, out, err);
    answerer_free(one);
    return status;
}

alf_status replay_same_logs(const proof_run *proof, const corpus *logs, bool *same, alf_error *err)
{
    char hex[65];
    TRY(corpus_sha256(logs, hex, err));
    *same = span_is(proof->texts_sha256, hex);
    return ALF_OK;
}

alf_status replay_compare(const proof_part *part, const answers *found, replay_result *out,
                          alf_error *err)
{
    char labels[65];
    char numbers[65];
    *out = REPLAY_NOT_NOTED;
    if (part->labels_sha256.size == 0 || part->numbers_sha256.size == 0)
        return ALF_OK;
    TRY(answers_sha256(found, labels, numbers, err));
    *out = !span_is(part->labels_sha256, labels)     ? REPLAY_OTHER_LABELS
           : !span_is(part->numbers_sha256, numbers) ? REPLAY_OTHER_NUMBERS
                                                     : REPLAY_AS_PROVED;
    return ALF_OK;
}

static alf_status check_hash(const char *path, const manifest_entry *entry, alf_error *err)
{
    char hex[65];
    buf bytes;
    buf_init(&bytes);
    alf_status status = file_read(path, MAX_FILE, &bytes, err);
    if (status == ALF_OK)
        status = crypto_sha256_hex(buf_span(&bytes), hex, err);
    if (status == ALF_OK && !span_is(entry->sha256, hex))
        status = error_set(err, ALF_E_MISMATCH,
                           "not the file that convert wrote (SHA-256 differs from the manifest); "
                           "convert the models again");
    buf_fini(&bytes);
    return status;
}

alf_status replay_check_file(const char *folder, const manifest_entry *entry, alf_error *err)
{
    char name[96];
    char path[PATH_MAX];
    (void)snprintf(name, sizeof name, "%.*s", (int)(entry->path.size < 90 ? entry->path.size : 90),
                   entry->path.data);
    TRY(file_join(path, sizeof path, folder, name, err));
    alf_status status = check_hash(path, entry, err);
    if (status != ALF_OK)
        error_file(err, path);
    return status;
}

/* ---- the whole ---- */

typedef struct run {
    const models *m;
    const char *folder;
    replay *out;
    bool wanted[MODELS_COMPONENTS]; /* can be replayed, as far as is known */
} run;

__attribute__((format(printf, 2, 3))) static void leave_out(const run *r, const char *format, ...)
{
    char *gap = r->out->gap;
    size_t room = sizeof r->out->gap;
    size_t used = strlen(gap);
    va_list args;
    if (used > 0 && used + 2 < room) {
        memcpy(gap + used, "; ", 3);
        used += 2;
    }
    va_start(args, format);
    (void)vsnprintf(gap + used, room - used, format, args);
    va_end(args);
}

static const manifest_entry *find_entry(const models *m, models_file which)
{
    alf_span path = span_from_string(m->layout.path[which]);
    for (size_t i = 0; i < m->manifest.file_count; i++)
        if (span_equal(m->manifest.files[i].path, path))
            return &m->manifest.files[i];
    return NULL;
}

/* What can be replayed on the built-in logs. */
static const proof_run *run_of(const models *m)
{
    const manifest_proof *p = &m->manifest.proof;
    return p->built_in.logs > 0 ? &p->built_in : &p->all;
}

static const proof_part *part_of(const models *m, models_component which)
{
    const proof_run *p = run_of(m);
    return which == MODELS_TEXT ? &p->text : &p->anomaly;
}

/* Whether the manifest proves a component that runs; and then, that its files are those. */
static alf_status check_component(run *r, models_component which, alf_error *err)
{
    static const models_file files[MODELS_COMPONENTS][2] = {{MODELS_VECTORIZER, MODELS_CLASSIFIER},
                                                            {MODELS_SCALER, MODELS_ANOMALY}};
    const char *name = models_component_names[which];
    const proof_part *part = part_of(r->m, which);
    if (!models_has(r->m, which))
        return ALF_OK;
    if (r->m->origin[which] != MODELS_FROM_ONNX) {
        leave_out(r, "%s runs from its joblib model", name);
        return ALF_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        const manifest_entry *entry = find_entry(r->m, files[which][i]);
        if (entry == NULL) {
            leave_out(r, "%s uses %.100s, which the manifest does not name", name,
                      r->m->layout.path[files[which][i]]);
            return ALF_OK;
        }
        TRY(replay_check_file(r->folder, entry, err));
    }
    if (!part->present)
        leave_out(r, "%s was not converted but copied, so there is no proof of it", name);
    else if (part->labels_sha256.size == 0 || part->numbers_sha256.size == 0)
        leave_out(r, "the proof of %s does not say what it answered; convert it again", name);
    else
        r->wanted[which] = true;
    return ALF_OK;
}

static alf_status differs(const run *r, models_component which, const char *what, alf_error *err)
{
    return error_set(err, ALF_E_MISMATCH,
                     "%s gives other %s on the logs of the parity proof than when it was converted "
                     "by %.*s; a file or the manifest was changed: copy the bundle again, or "
                     "convert the models again",
                     models_component_names[which], what, span_width(r->m->manifest.converter),
                     r->m->manifest.converter.data);
}

/* *right: whether the component answers as proved. */
static alf_status judge(const run *r, models_component which, const answers *found, bool *right,
                        alf_error *err)
{
    replay_result result;
    const manifest *m = &r->m->manifest;
    TRY(replay_compare(part_of(r->m, which), found, &result, err));
    *right = result == REPLAY_AS_PROVED;
    if (result == REPLAY_OTHER_LABELS)
        return differs(r, which, "labels", err);
    if (result != REPLAY_OTHER_NUMBERS)
        return ALF_OK;
    /* Numbers may change in the last place when the program does; labels may not. */
    if (span_is(m->converter, "ai-log-filter " ALF_VERSION))
        return differs(r, which, "numbers", err);
    leave_out(r, "%s gives the proved labels, with other numbers than %.*s gave; convert it again",
              models_component_names[which], span_width(m->converter), m->converter.data);
    return ALF_OK;
}

static alf_status ask_all(run *r, const models *native, const corpus *logs, alf_error *err)
{
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++) {
        bool right = false;
        answers found = {0};
        if (!r->wanted[i])
            continue;
        alf_status status = replay_ask(native, i, logs, &found, err);
        if (status == ALF_OK)
            status = judge(r, i, &found, &right, err);
        answers_fini(&found);
        TRY(status);
        if (right)
            r->out->logs = logs->count;
    }
    return ALF_OK;
}

/* The bundle once more where another engine runs it. */
static alf_status ask_natively(run *r, const models_options *options, const corpus *logs,
                               alf_error *err)
{
    models aside;
    models_options native = *options;
    alf_error reason;
    char text[256];
    native.engine = (engine_options){.kind = ENGINE_NATIVE};
    alf_status status = models_open(&aside, r->folder, &native, &reason);
    if (status == ALF_OK)
        status = ask_all(r, &aside, logs, err);
    else if (status != ALF_E_NOMEM) {
        leave_out(r, "the native engine, which replays, cannot run it: %s",
                  error_text(&reason, text, sizeof text));
        status = ALF_OK;
    } else
        *err = reason;
    models_close(&aside);
    return status;
}

static alf_status replay_logs(run *r, const models_options *options, corpus *logs, alf_error *err)
{
    bool same;
    const proof_run *proof = run_of(r->m);
    log_profile profile = r->m->profile;
    /* The models were proved with the manifest's profile, whatever the configuration sets. */
    (void)log_profile_from_name(r->m->manifest.profile, &profile);
    TRY(corpus_add(logs, embedded_parity, LOG_INPUT_TEXT, profile, 0, err));
    TRY(replay_same_logs(proof, logs, &same, err));
    if (!same) {
        leave_out(r,
                  "the proof was made on %" PRIu64
                  " logs, not on the %zu that are built in, or on those of another version of the "
                  "program; convert it again",
                  proof->logs, logs->count);
        return ALF_OK;
    }
    if (strcmp(models_run_on(r->m), "native") == 0)
        return ask_all(r, r->m, logs, err);
    return ask_natively(r, options, logs, err);
}

alf_status replay_bundle(const models *m, const char *folder, const models_options *options,
                         replay *out, alf_error *err)
{
    run r = {.m = m, .folder = folder, .out = out};
    corpus logs;
    alf_error reason;
    char text[256];
    *out = (replay){.logs = 0};
    if (!m->has_manifest || !m->manifest.proof.present) {
        leave_out(&r, m->has_manifest ? "its manifest has no proof" : "it has no manifest.json");
        return ALF_OK;
    }
    if (crypto_need(&reason) != ALF_OK) {
        leave_out(&r, "its hashes cannot be checked: %s", error_text(&reason, text, sizeof text));
        return ALF_OK;
    }
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        TRY(check_component(&r, i, err));
    if (!r.wanted[MODELS_TEXT] && !r.wanted[MODELS_DETECTOR])
        return ALF_OK;
    corpus_init(&logs);
    alf_status status = replay_logs(&r, options, &logs, err);
    corpus_fini(&logs);
    if (status != ALF_OK)
        error_file(err, folder);
    return status;
}
