/*
 * The two chains of a bundle over loaded ONNX files: text -> TF-IDF -> classifier, and
 * features -> scaler -> isolation forest. Rows are run in chunks, so that memory is bounded
 * whatever the batch, and a row's answer never depends on its neighbours.
 */
#ifndef ALF_ENGINE_CHAIN_H
#define ALF_ENGINE_CHAIN_H

#include "engine/engine.h"
#include "model/text_steps.h"

enum { CHAIN_MAX_CLASSES = 256, CHAIN_MAX_FEATURES = 256 };

/* ---- text ---- */

struct text_path;
struct text_path_session;

/* What the labels of a classifier are. Columns are in the order of the keys, where it has them. */
typedef struct chain_classes {
    arena memory;
    onnx_type type;   /* of the labels: ONNX_INT64 or ONNX_STRING */
    alf_span *names;  /* keys of the columns, when they are strings */
    int64_t *numbers; /* or numbers; both NULL: a label is a column */
} chain_classes;

typedef struct text_chain {
    struct text_path *path; /* both graphs compiled (text_path.h); NULL: they are run as they are */
    engine *vectorizer;     /* string[N] -> float[N,F], or double[N,F] */
    engine *classifier;     /* float[N,G], G >= F, or double[N,F] -> label, probabilities */
    size_t label_output, probability_output;
    uint32_t term_count;  /* F */
    uint32_t width;       /* G: columns beyond F are absent */
    uint32_t class_count; /* C */
    chain_classes classes;
    bool zero_is_absent; /* zeros reach the classifier as NaN; not in float64 */
    bool is_wide;        /* rows are float64, from the vectorizer to the classifier */
    text_steps steps;    /* what the vectorizer's file wants done to texts first */
} text_chain;

/* Takes ownership of both engines, also on failure. Checks inputs, outputs and widths. The widths
 * are found by running one empty text. The classifier's outputs are called label and probabilities,
 * or output_label and output_probability; probabilities may be a sequence of maps (ZipMap). */
alf_status text_chain_init(text_chain *c, engine *vectorizer, engine *classifier,
                           bool zero_is_absent, alf_error *err);
/* From now on the graphs are run as they are: the slow reference that the path must equal bit for
 * bit. Before any session is made. */
void text_chain_interpret(text_chain *c);
/* Drops what only the graphs as they are would need, where there is a path. After this the chain
 * cannot be interpreted. */
void text_chain_trim(text_chain *c);
void text_chain_fini(text_chain *c);

typedef struct text_chain_session {
    const text_chain *chain;
    struct text_path_session *path; /* where the chain has one; the next three are NULL then */
    engine_session *vectorizer, *classifier;
    float *rows;  /* NULL where is_wide, too */
    size_t chunk; /* rows a run */
    /* Where the chain has steps: */
    buf prepared;
    alf_span *prepared_texts; /* chunk of them */
} text_chain_session;

alf_status text_chain_session_init(text_chain_session *s, const text_chain *c, alf_error *err);
void text_chain_session_fini(text_chain_session *s);

/* texts: n normalised texts. probabilities: n * class_count. labels: n class indices.
 * terms: n counts of columns that are not zero, or NULL. */
alf_status text_chain_run(text_chain_session *s, const alf_span *texts, size_t n,
                          float *probabilities, uint32_t *labels, uint32_t *terms, alf_error *err);

/* ---- anomaly ---- */

typedef struct anomaly_chain {
    engine *scaler; /* double[N,F] -> float[N,F]; other tools' files: float[N,F] */
    engine *forest; /* float[N,F] -> label, scores (decision), score_samples when it is there */
    size_t label_output, decision_output, score_output;
    bool has_score;
    bool is_narrow;              /* the scaler takes float */
    struct fused_anomaly *fused; /* the graphs as one function; NULL: node by node */
    uint32_t feature_count;
} anomaly_chain;

alf_status anomaly_chain_init(anomaly_chain *c, engine *scaler, engine *forest,
                              uint32_t feature_count, alf_error *err);
void anomaly_chain_fini(anomaly_chain *c);
/* Before any session: they run the graphs node by node, the reference for what is fused. */
void anomaly_chain_unfuse(anomaly_chain *c);
/* Drops what only the graphs as they are would need. After this it cannot be unfused. */
void anomaly_chain_trim(anomaly_chain *c);

typedef struct anomaly_chain_session {
    const anomaly_chain *chain;
    engine_session *scaler, *forest;
    float *narrow;               /* features rounded to float, when the scaler wants them so */
    struct fused_session *fused; /* NULL: not fused, and the others count */
} anomaly_chain_session;

alf_status anomaly_chain_session_init(anomaly_chain_session *s, const anomaly_chain *c,
                                      alf_error *err);
void anomaly_chain_session_fini(anomaly_chain_session *s);

/* features: n * feature_count. labels: -1 or 1. scores: NaN where the file does not give them. */
alf_status anomaly_chain_run(anomaly_chain_session *s, const double *features, size_t n,
                             double *scores, double *decisions, int *labels, alf_error *err);

#endif
