/*
 * Counts of terms -> the row a vectorizer makes of them, present columns only: (1 + ln tf), times
 * idf, divided by the norm, in the order of operations of the graph. Columns that are not there
 * would add zeros, which changes no sum.
 */
#ifndef ALF_ENGINE_TEXT_WEIGHTS_H
#define ALF_ENGINE_TEXT_WEIGHTS_H

#include "base/arena.h"
#include "base/error.h"

typedef enum weights_norm { WEIGHTS_NO_NORM, WEIGHTS_L1, WEIGHTS_L2 } weights_norm;

enum { WEIGHTS_KNOWN_LOGS = 64 };

typedef struct text_weights {
    bool wide; /* up to the norm in float64, else float32; the norm is float64 in both */
    bool binary, sublinear;
    weights_norm norm;
    bool rounds; /* to float32 at the end */
    bool has_idf;
    const double *idf;               /* wide */
    const float *idf_f32;            /* not wide */
    double logs[WEIGHTS_KNOWN_LOGS]; /* of small counts, as log and logf give them */
} text_weights;

/* To be called once the members above it are set. */
void text_weights_fill_logs(text_weights *w);

/* values: the row before its last cast; float32 numbers are held exactly. */
void text_weights_row(const text_weights *w, const uint32_t *columns, const uint32_t *counts,
                      uint32_t n, double *values);

#endif
