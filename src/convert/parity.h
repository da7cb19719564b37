/*
 * The parity proof: the joblib engine and the converted ONNX files, run on the same logs.
 */
#ifndef ALF_CONVERT_PARITY_H
#define ALF_CONVERT_PARITY_H

#include "convert/bundle.h"

enum { PARITY_EXAMPLES = 5 };

typedef struct parity_example {
    size_t row; /* index of the log */
    bool is_text;
    int expected, found;                  /* class index, or -1 / 1 */
    double expected_number, found_number; /* the label's probability, or the score */
} parity_example;

typedef struct parity_result {
    manifest_proof proof;                     /* without texts_sha256 */
    parity_example examples[PARITY_EXAMPLES]; /* the first mismatches */
    size_t example_count;
    /* Nanoseconds each engine took for all rows; 0 for what was not converted. */
    uint64_t text_joblib_ns, text_onnx_ns, anomaly_joblib_ns, anomaly_onnx_ns;
    char hashes[2][2][65]; /* what the proof's hashes point to */
} parity_result;

/* texts: n normalised texts. features: n * feature_count. Compares what was converted; files
 * adopted as they were have nothing to be compared with. A mismatch is not an error: it is counted
 * in *out. */
alf_status parity_check(const source *s, const bundle *b, const alf_span *texts,
                        const double *features, size_t n, parity_result *out, alf_error *err);

bool parity_holds(const parity_result *r); /* no label differs */

#endif
