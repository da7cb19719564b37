/*
 * The parity proof of a manifest, replayed: a bundle's models answer the logs of the proof again,
 * and every label and number must be what it was when they were converted (docs/bundle.md). The
 * native engine replays, because its numbers are the same on every CPU.
 */
#ifndef ALF_CLASSIFY_REPLAY_H
#define ALF_CLASSIFY_REPLAY_H

#include "classify/models.h"
#include "logs/corpus.h"

typedef struct answerer answerer; /* convert/answers.h */
typedef struct answers answers;

typedef struct replay {
    uint64_t logs; /* that were answered as proved; 0: nothing was replayed */
    char gap[512]; /* what the replay does not show, and why; "": it shows all */
} replay;

/* Holds the bundle in the folder, opened as *m with these options, against its manifest: the files'
 * hashes, then the answers to the built-in logs. ALF_E_MISMATCH where one differs. What nothing is
 * known of (no manifest, joblib models, a proof on other logs) is no error but said in out->gap;
 * other numbers with the same labels are such a case if another version of the program converted.
 * Takes about as long as classifying 1,000 logs. */
alf_status replay_bundle(const models *m, const char *folder, const models_options *options,
                         replay *out, alf_error *err);

/* ---- the steps of it ---- */

/* What a component says of the logs: opened in an engine, or of m. out: zeroed; the caller calls
 * answers_fini in any case. */
alf_status replay_answer(answerer *one, const corpus *logs, answers *out, alf_error *err);
alf_status replay_ask(const models *m, models_component which, const corpus *logs, answers *out,
                      alf_error *err);

/* Whether the proof was made on these logs. */
alf_status replay_same_logs(const proof_run *proof, const corpus *logs, bool *same, alf_error *err);

typedef enum replay_result {
    REPLAY_AS_PROVED,
    REPLAY_NOT_NOTED, /* the manifest is older than hashes of answers */
    REPLAY_OTHER_LABELS,
    REPLAY_OTHER_NUMBERS /* with the same labels */
} replay_result;

alf_status replay_compare(const proof_part *part, const answers *found, replay_result *out,
                          alf_error *err);

/* A file that the manifest names: ALF_E_MISMATCH when it is another one. */
alf_status replay_check_file(const char *folder, const manifest_entry *entry, alf_error *err);

#endif
