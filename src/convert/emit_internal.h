/*
 * Shared by the emitters: constants, tree ensembles, and token patterns. Names of values are short,
 * because they are part of every file.
 */
#ifndef ALF_CONVERT_EMIT_INTERNAL_H
#define ALF_CONVERT_EMIT_INTERNAL_H

#include "convert/emit.h"

enum { EMIT_OPSET = 17, EMIT_OPSET_ML = 5, EMIT_OPSET_ML_LABELS = 3, EMIT_OPSET_MS = 1 };
enum { EMIT_IR = 8, EMIT_IR_ML5 = 10 }; /* of the ONNX releases that brought these operator sets */

/* Scalars and vectors as initializers. */
alf_status emit_float(onnx_model *m, const char *name, float number, alf_error *err);
alf_status emit_double(onnx_model *m, const char *name, double number, alf_error *err);
alf_status emit_int64(onnx_model *m, const char *name, int64_t number, alf_error *err);
alf_status emit_axis(onnx_model *m, const char *name, int64_t axis, alf_error *err); /* [axis] */
alf_status emit_doubles(onnx_model *m, const char *name, const double *numbers, uint32_t count,
                        alf_error *err);

/* A node of ai.onnx without attributes, named after its output. */
alf_status emit_node(onnx_model *m, const char *op_type, const char *inputs, const char *output,
                     alf_error *err);
alf_status emit_cast(onnx_model *m, const char *input, const char *output, onnx_type type,
                     alf_error *err);

/* A graph with ai.onnx 17. On success the caller owns *out. */
alf_status emit_begin(const char *name, onnx_model **out, alf_error *err);
/* Hands the graph over when status is ALF_OK and it passes onnx_check, else frees it. */
alf_status emit_finish(onnx_model *m, alf_status status, onnx_model **out, alf_error *err);

/* A batch of rows as a graph input or output; columns 0: rank 1. */
alf_status emit_input(onnx_model *m, const char *name, onnx_type type, uint32_t columns,
                      alf_error *err);
alf_status emit_output(onnx_model *m, const char *name, onnx_type type, uint32_t columns,
                       alf_error *err);

/*
 * A TreeEnsemble node (ai.onnx.ml 5) that gives exactly forest_sum: input float or double [N,F],
 * output [N,targets]. Adds the operator set and sets the IR version. A forest that rounds features
 * gets nodes before it that do; their values are called floored, raised, negative, truncated, whole
 * and categories.
 */
alf_status emit_tree_ensemble(onnx_model *m, const forest *f, const char *input, const char *output,
                              alf_error *err);

/* string[N] "text" -> float[N,terms] "counts" of n-grams (emit_ngrams.c). */
alf_status emit_counts(onnx_model *m, const text_vectorizer *v, alf_error *err);

/* ---- token patterns (emit_token.c) ---- */

/* Runs of at least min_length characters of one set: what `\b\w\w+\b` and its like find. */
typedef struct token_pattern {
    bool word, digit, space; /* \w, \d, \s are in the set */
    bool ascii[128];         /* characters of the set named one by one or by ranges */
    bool nonword; /* \W is in the set, which is then negated: word characters without some */
    bool negated;
    bool bounded; /* \b around it */
    uint32_t min_length;
} token_pattern;

/* Parses a Python regular expression of that form; others are ALF_E_UNSUPPORTED. */
alf_status token_pattern_parse(alf_span pattern, token_pattern *out, alf_error *err);
bool token_pattern_has(const token_pattern *p, uint32_t c);
bool token_pattern_matches(const token_pattern *p, alf_span token); /* the whole token */
/* Writes it for the Tokenizer operator (RE2 syntax). */
void token_pattern_write(const token_pattern *p, buf *out);

#endif
