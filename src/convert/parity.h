/*
 * The parity proof: the joblib engine and the converted ONNX files, run on the same logs.
 */
#ifndef ALF_CONVERT_PARITY_H
#define ALF_CONVERT_PARITY_H

#include "convert/answers.h"
#include "convert/bundle.h"

/* PARITY_ROUNDS: how often to run for times worth telling. */
enum { PARITY_EXAMPLES = 5, PARITY_ROUNDS = 5 };

typedef struct parity_example {
    size_t row; /* index of the log */
    bool is_text;
    int expected, found;                  /* class index, or -1 / 1 */
    double expected_number, found_number; /* the label's probability, or the score */
} parity_example;

typedef struct parity_result {
    manifest_proof proof;                     /* without texts_sha256; built_in: where it is less */
    parity_example examples[PARITY_EXAMPLES]; /* the first mismatches */
    size_t example_count;
    /* Nanoseconds each engine took for all rows, median of the rounds; 0 for what was not
     * converted. */
    uint64_t text_joblib_ns, text_onnx_ns, anomaly_joblib_ns, anomaly_onnx_ns;
    char hashes[2][2][2][65]; /* what the proof's hashes point to: of all logs or built-in ones */
} parity_result;

/* Compares what was converted; files adopted as they were have nothing to be compared with. A
 * mismatch is not an error: it is counted in *out. rounds: 1 for the proof alone, up to
 * PARITY_ROUNDS to time it so often. */
alf_status parity_check(const source *s, const bundle *b, const answer_logs *logs, unsigned rounds,
                        parity_result *out, alf_error *err);

bool parity_holds(const parity_result *r); /* no label differs */

#endif
