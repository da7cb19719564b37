/*
 * Plain models -> ONNX graphs: compact, exact, and runnable by ONNX Runtime as well as by our
 * engine. The inputs and outputs are the contract of DESIGN 4.3 (docs/bundle.md). The caller owns
 * *out.
 */
#ifndef ALF_CONVERT_EMIT_H
#define ALF_CONVERT_EMIT_H

#include "model/model.h"
#include "onnx/onnx.h"

/* double[N,F] "input" -> float[N,F] "output", float64 arithmetic */
alf_status emit_scaler(const scaler *model, onnx_model **out, alf_error *err);
/* float[N,F] "float_input" (scaled) -> int64[N] "label" (-1, 1), double[N] "scores" (the decision
 * function, under the name that the usual converter gives it), double[N] "score_samples" */
alf_status emit_isolation_forest(const isolation_forest *model, onnx_model **out, alf_error *err);
/* string[N] "text" (normalised) -> float[N,F] "features": 0 = absent */
alf_status emit_vectorizer(const text_vectorizer *model, onnx_model **out, alf_error *err);
/* The same with double[N,F] "features", before they are rounded: for classifiers in float64. */
alf_status emit_vectorizer_wide(const text_vectorizer *model, onnx_model **out, alf_error *err);
/* float[N,F] "float_input" (0 or NaN = absent) -> int64[N] "label", float[N,C] "probabilities" */
alf_status emit_boosted(const boosted_classifier *model, onnx_model **out, alf_error *err);
/* Any classifier -> int64[N] "label", float[N,C] "probabilities". One for which
 * text_classifier_is_wide takes double[N,F] "input", the others float[N,F] "float_input". */
alf_status emit_classifier(const text_classifier *model, onnx_model **out, alf_error *err);

#endif
