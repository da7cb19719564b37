/*
 * The functions behind the table of operators (operators.c), one file per family. `variant` in the
 * table tells apart operators that share a function.
 */
#ifndef ALF_ENGINE_OPERATORS_H
#define ALF_ENGINE_OPERATORS_H

#include "base/hash.h"
#include "engine/kernel.h"
#include "model/forest.h"

/* The kernel for an operator at a version of its domain, or NULL. */
const kernel *operator_find(alf_span domain, alf_span name, int64_t version);
const kernel *operator_row(size_t i); /* row i of the table; NULL past the last */
/* Whether the operator is known at any version: for messages. */
bool operator_known(alf_span domain, alf_span name);

enum { ARITH_ADD, ARITH_SUB, ARITH_MUL, ARITH_DIV, ARITH_POW, ARITH_MAX, ARITH_MIN };
alf_status prepare_arithmetic(prepare *p); /* Add Sub Mul Div Pow */
alf_status run_arithmetic(const kernel_call *c);
alf_status prepare_variadic(prepare *p); /* Max Min Sum Mean */
alf_status run_variadic(const kernel_call *c);
enum { VARIADIC_SUM = ARITH_ADD, VARIADIC_MEAN = 100 };

enum {
    UNARY_ABS,
    UNARY_NEG,
    UNARY_SIGN,
    UNARY_FLOOR,
    UNARY_CEIL,
    UNARY_EXP,
    UNARY_LOG,
    UNARY_SQRT,
    UNARY_SIGMOID,
    UNARY_NOT,
    UNARY_ISNAN
};
alf_status prepare_unary(prepare *p);
alf_status run_unary(const kernel_call *c);
alf_status prepare_clip(prepare *p); /* op_clip.c */
alf_status run_clip(const kernel_call *c);
alf_status prepare_softmax(prepare *p); /* op_softmax.c */
alf_status run_softmax(const kernel_call *c);

enum { COMPARE_EQ, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE, LOGIC_AND, LOGIC_OR, LOGIC_XOR };
alf_status prepare_compare(prepare *p);
alf_status run_compare(const kernel_call *c);
alf_status prepare_where(prepare *p);
alf_status run_where(const kernel_call *c);

enum { REDUCE_SUM, REDUCE_SUM_SQUARE, REDUCE_L1, REDUCE_L2, REDUCE_MAX, REDUCE_MIN, REDUCE_MEAN };
alf_status prepare_reduce(prepare *p);
alf_status run_reduce(const kernel_call *c);
enum { ARG_MAX, ARG_MIN };
alf_status prepare_arg(prepare *p);
alf_status run_arg(const kernel_call *c);

alf_status prepare_cast(prepare *p);
alf_status run_cast(const kernel_call *c);
extern const kernel_life life_cast;

alf_status prepare_constant(prepare *p);
alf_status prepare_constant_of_shape(prepare *p);
alf_status run_constant_of_shape(const kernel_call *c);

enum { VIEW_IDENTITY, VIEW_RESHAPE, VIEW_FLATTEN, VIEW_SQUEEZE, VIEW_UNSQUEEZE };
alf_status prepare_view(prepare *p);
alf_status run_view(const kernel_call *c);
alf_status prepare_shape(prepare *p);
alf_status run_shape(const kernel_call *c);

alf_status prepare_concat(prepare *p);
alf_status run_concat(const kernel_call *c);
alf_status prepare_gather(prepare *p);
alf_status run_gather(const kernel_call *c);
alf_status prepare_slice(prepare *p);
alf_status run_slice(const kernel_call *c);
alf_status prepare_transpose(prepare *p);
alf_status run_transpose(const kernel_call *c);
alf_status prepare_tile(prepare *p);
alf_status run_tile(const kernel_call *c);
alf_status prepare_expand(prepare *p);
alf_status run_expand(const kernel_call *c);

alf_status prepare_cumsum(prepare *p); /* op_scatter.c */
alf_status run_cumsum(const kernel_call *c);
alf_status prepare_scatter(prepare *p);
alf_status run_scatter(const kernel_call *c);

alf_status prepare_matmul(prepare *p);
alf_status run_matmul(const kernel_call *c);
alf_status prepare_gemm(prepare *p);
alf_status run_gemm(const kernel_call *c);

alf_status prepare_tree_regressor(prepare *p); /* ai.onnx.ml 1, 3 */
alf_status prepare_tree_ensemble(prepare *p);  /* ai.onnx.ml 5 */
alf_status run_tree_regressor(const kernel_call *c);
alf_status prepare_tree_classifier(prepare *p);
alf_status run_tree_classifier(const kernel_call *c);

alf_status prepare_label_encoder(prepare *p);
alf_status run_label_encoder(const kernel_call *c);
extern const kernel_life life_label_encoder;
alf_status prepare_zip_map(prepare *p);
alf_status run_zip_map(const kernel_call *c);
alf_status prepare_array_feature_extractor(prepare *p);
alf_status run_array_feature_extractor(const kernel_call *c);
alf_status prepare_normalizer(prepare *p);
alf_status run_normalizer(const kernel_call *c);
alf_status prepare_scaler(prepare *p);
alf_status run_scaler(const kernel_call *c);
alf_status prepare_binarizer(prepare *p);
alf_status run_binarizer(const kernel_call *c);
alf_status prepare_linear_regressor(prepare *p);
alf_status run_linear_regressor(const kernel_call *c);
alf_status prepare_linear_classifier(prepare *p);
alf_status run_linear_classifier(const kernel_call *c);

alf_status prepare_tfidf(prepare *p);
alf_status run_tfidf(const kernel_call *c);
extern const kernel_life life_tfidf;
extern const kernel_life life_trees;
alf_status prepare_string_normalizer(prepare *p);
alf_status run_string_normalizer(const kernel_call *c);
extern const kernel_life life_string_normalizer;
alf_status prepare_tokenizer(prepare *p);
alf_status run_tokenizer(const kernel_call *c);
extern const kernel_life life_tokenizer;

/*
 * What prepared nodes say about themselves, for text_match.c. state: of a node of that operator.
 */

/* Sums along axes given as an input, over all of them. */
typedef struct reduce_facts {
    bool keep_dims, axes_input;
} reduce_facts;
reduce_facts reduce_describe(const void *state);

bool string_normalizer_only_lowers(const void *state); /* LOWER, no stop words */
/* Tokens that match one expression; no marks, no least length, rows filled up with "". */
bool tokenizer_describe(const void *state, alf_span *expression);
/* A map from strings to int64. */
typedef struct encoder_facts {
    size_t slot_count; /* of `slots`, of which some are free */
    const strmap_entry *slots;
    const int64_t *values; /* by the number in the slot */
    int64_t fallback;
    uint64_t seed;
} encoder_facts;
bool label_encoder_describe(const void *state, encoder_facts *out);

/* Counts without skips of n-grams of numbers. */
typedef struct tfidf_facts {
    const strmap *tokens;   /* int64 -> token */
    const strmap *edges;    /* {node, token}, two uint32 -> node; node 0 is the root */
    const int32_t *columns; /* per node, or negative */
    uint32_t node_count, token_count;
    int64_t max_length, column_count;
} tfidf_facts;
bool tfidf_describe(const void *state, tfidf_facts *out);

int64_t softmax_axis(const void *state); /* along which it sums; before version 13: from which on */
int64_t arg_axis(const void *state);
int64_t concat_axis(const void *state);
bool cumsum_is_plain(const void *state); /* neither exclusive nor reverse */
int64_t scatter_axis(const void *state);
int64_t flatten_axis(const void *state);
bool reshape_allows_zero(const void *state);
bool shape_is_whole(const void *state);
/* The forest of TreeEnsemble where its output is nothing but forest_sum, or NULL. */
const forest *tree_ensemble_sums(const void *state);

#endif
