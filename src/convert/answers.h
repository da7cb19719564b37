/*
 * What an engine says about a set of logs, so that two engines can be compared and timed: the
 * joblib engine against ONNX files, in whichever engine runs those.
 */
#ifndef ALF_CONVERT_ANSWERS_H
#define ALF_CONVERT_ANSWERS_H

#include "convert/source.h"
#include "engine/chain.h"

/* The logs, as the models see them. */
typedef struct answer_logs {
    size_t count;
    const alf_span *texts;  /* normalised */
    const double *features; /* count * the number of features */
    size_t built_in;        /* the first so many are built into the program, the others not */
} answer_logs;

typedef struct answers {
    size_t count, width; /* logs, numbers per log */
    int *labels;         /* class index, or -1 / 1 */
    double *numbers;     /* count * width: probabilities; or the score, NaN where not given */
    double *decisions;   /* of anomaly detectors; all 0 otherwise */
} answers;

/* One component, opened in one engine. For one thread. */
typedef struct answerer answerer;

alf_status answerer_joblib_text(const source *s, answerer **out, alf_error *err);
alf_status answerer_joblib_anomaly(const source *s, uint32_t feature_count, answerer **out,
                                   alf_error *err);
/* The chain is borrowed. */
alf_status answerer_text_chain(const text_chain *chain, answerer **out, alf_error *err);
alf_status answerer_anomaly_chain(const anomaly_chain *chain, answerer **out, alf_error *err);
void answerer_free(answerer *a); /* NULL allowed */
size_t answerer_width(const answerer *a);

/* out: made by answers_init for these logs and answerer_width(a). */
alf_status answerer_run(answerer *a, const answer_logs *logs, answers *out, alf_error *err);

alf_status answers_init(answers *a, size_t count, size_t width, alf_error *err);
void answers_fini(answers *a); /* of a zeroed one too */

/* SHA-256 of the labels (int32), and of the numbers followed by the decisions (float64); both
 * little-endian, in the order of the logs. Every NaN counts as the same. */
alf_status answers_sha256(const answers *a, char labels[65], char numbers[65], alf_error *err);

enum { ANSWERS_EXAMPLES = 5 };

typedef struct answers_difference {
    uint64_t mismatches; /* logs whose labels differ */
    uint64_t near_ties;  /* beside them, logs whose labels differ with a decision near 0 */
    double largest;      /* of the numbers; without scores on both sides, of the decisions */
    size_t examples[ANSWERS_EXAMPLES]; /* the first mismatching logs */
    size_t example_count;
} answers_difference;

/* tie: an anomaly label that differs where the expected decision is closer to 0 is a near tie; 0:
 * there are none. */
void answers_compare(const answers *expected, const answers *found, double tie,
                     answers_difference *out);

#endif
