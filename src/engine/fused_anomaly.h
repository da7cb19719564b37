/*
 * The two graphs of an anomaly model as one function, where they are exactly what `convert` writes:
 *
 *   scaler  double[N,F], up to FUSED_STEPS of Sub, Div, Mul, Add with a constant per column,
 *           Cast to float;
 *   forest  float[N,F], Cast to double, TreeEnsemble (a sum, one target), Squeeze, Neg,
 *           Div denominator, 2 Pow, Neg (the score), Sub offset (the decision), Less zero,
 *           Where: the label.
 *
 * Found from the nodes, their operands and constants alone; names of values or files say nothing.
 * Whatever deviates is not fused and runs as the graphs it is. The fused function does the same
 * operations in the same order and precision, so it gives the same bits.
 */
#ifndef ALF_ENGINE_FUSED_ANOMALY_H
#define ALF_ENGINE_FUSED_ANOMALY_H

#include "base/memo.h"
#include "engine/engine.h"

enum { FUSED_STEPS = 4, FUSED_ROWS = 64 };

typedef struct fused_step {
    int operation;          /* ARITH_ADD ... */
    const double *operands; /* per column */
} fused_step;

typedef struct fused_anomaly {
    fused_step steps[FUSED_STEPS];
    uint32_t step_count, feature_count;
    const struct forest_fast *trees;
    arena memory;  /* of the trees, where the engine's are not compiled */
    size_t node;   /* of the forest graph: the trees */
    bool is_whole; /* nothing is borrowed of that node */
    double denominator, offset, zero;
    int64_t below, otherwise; /* labels */
} fused_anomaly;

/* Which outputs of the forest graph are the label, the decision and the score. */
typedef struct fused_outputs {
    size_t label, decision, score; /* SIZE_MAX: not wanted */
} fused_outputs;

/* *found false: the graphs are something else. *out borrows from both engines. */
alf_status fused_anomaly_find(const engine *scaler, const engine *forest, uint32_t feature_count,
                              const fused_outputs *outputs, fused_anomaly *out, bool *found,
                              alf_error *err);
void fused_anomaly_fini(fused_anomaly *m);

/* What a thread needs. Rows of features repeat where logs do: their answers are remembered. */
typedef struct fused_session {
    const fused_anomaly *model;
    void *scratch;
    bool remembers;
    memo memo;
} fused_session;

alf_status fused_session_init(fused_session *s, const fused_anomaly *m, bool remember,
                              alf_error *err);
void fused_session_fini(fused_session *s);

typedef struct anomaly_answers {
    double *scores, *decisions;
    int *labels; /* -1 where the graph's is negative, else 1 */
} anomaly_answers;

/* As the graphs, for n rows of features. */
void fused_anomaly_run(fused_session *s, const double *features, size_t n,
                       const anomaly_answers *out);

#endif
