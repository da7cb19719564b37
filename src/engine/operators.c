/*
 * The table of operators: what is run, at which versions of its domain, with how many inputs and
 * outputs and which attributes. Everything else is refused at load, by name.
 */
#include "engine/operators.h"

#include "base/span.h"

#define ANY KERNEL_ANY
#define AI  "ai.onnx.ml"
#define MS  "com.microsoft"
#define TREE_NODES                                                                                 \
    "nodes_falsenodeids nodes_featureids nodes_hitrates nodes_hitrates_as_tensor "                 \
    "nodes_missing_value_tracks_true nodes_modes nodes_nodeids nodes_treeids nodes_truenodeids "   \
    "nodes_values nodes_values_as_tensor base_values base_values_as_tensor post_transform "

/* Newest versions known. From 23 to 27 the operators below only took up types of 8 bits and fewer,
 * which are refused. */
enum { LAST = 27, LAST_ML = 5 };

/* clang-format off */
static const kernel table[] = {
    /* domain, name, since, until, inputs, outputs, attributes, prepare, run, variant, flags, life */
    {"", "Abs", 6, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_ABS, 0, 0},
    {"", "Add", 7, LAST, 2, 2, 1, 1, "", prepare_arithmetic, run_arithmetic, ARITH_ADD, 0, 0},
    {"", "And", 7, LAST, 2, 2, 1, 1, "", prepare_compare, run_compare, LOGIC_AND, 0, 0},
    {"", "ArgMax", 1, 11, 1, 1, 1, 1, "axis keepdims", prepare_arg, run_arg, ARG_MAX, 0, 0},
    {"", "ArgMax", 12, LAST, 1, 1, 1, 1, "axis keepdims select_last_index", prepare_arg, run_arg, ARG_MAX, 0, 0},
    {"", "ArgMin", 1, 11, 1, 1, 1, 1, "axis keepdims", prepare_arg, run_arg, ARG_MIN, 0, 0},
    {"", "ArgMin", 12, LAST, 1, 1, 1, 1, "axis keepdims select_last_index", prepare_arg, run_arg, ARG_MIN, 0, 0},
    {"", "Cast", 6, 18, 1, 1, 1, 1, "to", prepare_cast, run_cast, 0, KERNEL_TEXT, &life_cast},
    {"", "Cast", 19, LAST, 1, 1, 1, 1, "to saturate", prepare_cast, run_cast, 0, KERNEL_TEXT, &life_cast},
    {"", "Ceil", 6, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_CEIL, 0, 0},
    {"", "Clip", 6, 10, 1, 1, 1, 1, "min max", prepare_clip, run_clip, 0, 0, 0},
    {"", "Clip", 11, LAST, 1, 3, 1, 1, "", prepare_clip, run_clip, 0, 0, 0},
    {"", "Concat", 4, LAST, 1, ANY, 1, 1, "axis", prepare_concat, run_concat, 0, 0, 0},
    {"", "Constant", 1, LAST, 0, 0, 1, 1, "value value_float value_floats value_int value_ints value_string value_strings", prepare_constant, 0, 0, 0, 0},
    {"", "ConstantOfShape", 9, LAST, 1, 1, 1, 1, "value", prepare_constant_of_shape, run_constant_of_shape, 0, 0, 0},
    {"", "CumSum", 11, LAST, 2, 2, 1, 1, "exclusive reverse", prepare_cumsum, run_cumsum, 0, 0, 0},
    {"", "Div", 7, LAST, 2, 2, 1, 1, "", prepare_arithmetic, run_arithmetic, ARITH_DIV, 0, 0},
    {"", "Equal", 7, LAST, 2, 2, 1, 1, "", prepare_compare, run_compare, COMPARE_EQ, 0, 0},
    {"", "Exp", 6, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_EXP, 0, 0},
    {"", "Expand", 8, LAST, 2, 2, 1, 1, "", prepare_expand, run_expand, 0, 0, 0},
    {"", "Flatten", 1, LAST, 1, 1, 1, 1, "axis", prepare_view, run_view, VIEW_FLATTEN, KERNEL_VIEW, 0},
    {"", "Floor", 6, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_FLOOR, 0, 0},
    {"", "Gather", 1, LAST, 2, 2, 1, 1, "axis", prepare_gather, run_gather, 0, 0, 0},
    {"", "Gemm", 7, LAST, 2, 3, 1, 1, "alpha beta transA transB", prepare_gemm, run_gemm, 0, 0, 0},
    {"", "Greater", 7, LAST, 2, 2, 1, 1, "", prepare_compare, run_compare, COMPARE_GT, 0, 0},
    {"", "GreaterOrEqual", 12, LAST, 2, 2, 1, 1, "", prepare_compare, run_compare, COMPARE_GE, 0, 0},
    {"", "Identity", 1, LAST, 1, 1, 1, 1, "", prepare_view, run_view, VIEW_IDENTITY, KERNEL_VIEW, 0},
    {"", "IsNaN", 9, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_ISNAN, 0, 0},
    {"", "Less", 7, LAST, 2, 2, 1, 1, "", prepare_compare, run_compare, COMPARE_LT, 0, 0},
    {"", "LessOrEqual", 12, LAST, 2, 2, 1, 1, "", prepare_compare, run_compare, COMPARE_LE, 0, 0},
    {"", "Log", 6, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_LOG, 0, 0},
    {"", "MatMul", 1, LAST, 2, 2, 1, 1, "", prepare_matmul, run_matmul, 0, 0, 0},
    {"", "Max", 8, LAST, 1, ANY, 1, 1, "", prepare_variadic, run_variadic, ARITH_MAX, 0, 0},
    {"", "Mean", 8, LAST, 1, ANY, 1, 1, "", prepare_variadic, run_variadic, VARIADIC_MEAN, 0, 0},
    {"", "Min", 8, LAST, 1, ANY, 1, 1, "", prepare_variadic, run_variadic, ARITH_MIN, 0, 0},
    {"", "Mul", 7, LAST, 2, 2, 1, 1, "", prepare_arithmetic, run_arithmetic, ARITH_MUL, 0, 0},
    {"", "Neg", 6, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_NEG, 0, 0},
    {"", "Not", 1, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_NOT, 0, 0},
    {"", "Or", 7, LAST, 2, 2, 1, 1, "", prepare_compare, run_compare, LOGIC_OR, 0, 0},
    {"", "Pow", 7, LAST, 2, 2, 1, 1, "", prepare_arithmetic, run_arithmetic, ARITH_POW, 0, 0},
    {"", "ReduceL1", 1, 17, 1, 1, 1, 1, "axes keepdims", prepare_reduce, run_reduce, REDUCE_L1, 0, 0},
    {"", "ReduceL1", 18, LAST, 1, 2, 1, 1, "keepdims noop_with_empty_axes", prepare_reduce, run_reduce, REDUCE_L1, 0, 0},
    {"", "ReduceL2", 1, 17, 1, 1, 1, 1, "axes keepdims", prepare_reduce, run_reduce, REDUCE_L2, 0, 0},
    {"", "ReduceL2", 18, LAST, 1, 2, 1, 1, "keepdims noop_with_empty_axes", prepare_reduce, run_reduce, REDUCE_L2, 0, 0},
    {"", "ReduceMax", 1, 17, 1, 1, 1, 1, "axes keepdims", prepare_reduce, run_reduce, REDUCE_MAX, 0, 0},
    {"", "ReduceMax", 18, LAST, 1, 2, 1, 1, "keepdims noop_with_empty_axes", prepare_reduce, run_reduce, REDUCE_MAX, 0, 0},
    {"", "ReduceMean", 1, 17, 1, 1, 1, 1, "axes keepdims", prepare_reduce, run_reduce, REDUCE_MEAN, 0, 0},
    {"", "ReduceMean", 18, LAST, 1, 2, 1, 1, "keepdims noop_with_empty_axes", prepare_reduce, run_reduce, REDUCE_MEAN, 0, 0},
    {"", "ReduceMin", 1, 17, 1, 1, 1, 1, "axes keepdims", prepare_reduce, run_reduce, REDUCE_MIN, 0, 0},
    {"", "ReduceMin", 18, LAST, 1, 2, 1, 1, "keepdims noop_with_empty_axes", prepare_reduce, run_reduce, REDUCE_MIN, 0, 0},
    {"", "ReduceSum", 1, 12, 1, 1, 1, 1, "axes keepdims", prepare_reduce, run_reduce, REDUCE_SUM, 0, 0},
    {"", "ReduceSum", 13, LAST, 1, 2, 1, 1, "keepdims noop_with_empty_axes", prepare_reduce, run_reduce, REDUCE_SUM, 0, 0},
    {"", "ReduceSumSquare", 1, 17, 1, 1, 1, 1, "axes keepdims", prepare_reduce, run_reduce, REDUCE_SUM_SQUARE, 0, 0},
    {"", "ReduceSumSquare", 18, LAST, 1, 2, 1, 1, "keepdims noop_with_empty_axes", prepare_reduce, run_reduce, REDUCE_SUM_SQUARE, 0, 0},
    {"", "Reshape", 5, 13, 2, 2, 1, 1, "", prepare_view, run_view, VIEW_RESHAPE, KERNEL_VIEW, 0},
    {"", "Reshape", 14, LAST, 2, 2, 1, 1, "allowzero", prepare_view, run_view, VIEW_RESHAPE, KERNEL_VIEW, 0},
    {"", "ScatterElements", 11, 15, 3, 3, 1, 1, "axis", prepare_scatter, run_scatter, 0, 0, 0},
    {"", "ScatterElements", 16, LAST, 3, 3, 1, 1, "axis reduction", prepare_scatter, run_scatter, 0, 0, 0},
    {"", "Shape", 1, 14, 1, 1, 1, 1, "", prepare_shape, run_shape, 0, 0, 0},
    {"", "Shape", 15, LAST, 1, 1, 1, 1, "start end", prepare_shape, run_shape, 0, 0, 0},
    {"", "Sigmoid", 6, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_SIGMOID, 0, 0},
    {"", "Sign", 9, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_SIGN, 0, 0},
    {"", "Slice", 1, 9, 1, 1, 1, 1, "starts ends axes", prepare_slice, run_slice, 0, 0, 0},
    {"", "Slice", 10, LAST, 3, 5, 1, 1, "", prepare_slice, run_slice, 0, 0, 0},
    {"", "Softmax", 1, LAST, 1, 1, 1, 1, "axis", prepare_softmax, run_softmax, 0, 0, 0},
    {"", "Sqrt", 6, LAST, 1, 1, 1, 1, "", prepare_unary, run_unary, UNARY_SQRT, 0, 0},
    {"", "Squeeze", 1, 12, 1, 1, 1, 1, "axes", prepare_view, run_view, VIEW_SQUEEZE, KERNEL_VIEW, 0},
    {"", "Squeeze", 13, LAST, 1, 2, 1, 1, "", prepare_view, run_view, VIEW_SQUEEZE, KERNEL_VIEW, 0},
    {"", "StringNormalizer", 10, LAST, 1, 1, 1, 1, "case_change_action is_case_sensitive locale stopwords", prepare_string_normalizer, run_string_normalizer, 0, KERNEL_TEXT, &life_string_normalizer},
    {"", "Sub", 7, LAST, 2, 2, 1, 1, "", prepare_arithmetic, run_arithmetic, ARITH_SUB, 0, 0},
    {"", "Sum", 8, LAST, 1, ANY, 1, 1, "", prepare_variadic, run_variadic, VARIADIC_SUM, 0, 0},
    {"", "TfIdfVectorizer", 9, LAST, 1, 1, 1, 1, "max_gram_length max_skip_count min_gram_length mode ngram_counts ngram_indexes pool_int64s pool_strings weights", prepare_tfidf, run_tfidf, 0, KERNEL_LARGE, &life_tfidf},
    {"", "Tile", 6, LAST, 2, 2, 1, 1, "", prepare_tile, run_tile, 0, 0, 0},
    {"", "Transpose", 1, LAST, 1, 1, 1, 1, "perm", prepare_transpose, run_transpose, 0, 0, 0},
    {"", "Unsqueeze", 1, 12, 1, 1, 1, 1, "axes", prepare_view, run_view, VIEW_UNSQUEEZE, KERNEL_VIEW, 0},
    {"", "Unsqueeze", 13, LAST, 2, 2, 1, 1, "", prepare_view, run_view, VIEW_UNSQUEEZE, KERNEL_VIEW, 0},
    {"", "Where", 9, LAST, 3, 3, 1, 1, "", prepare_where, run_where, 0, 0, 0},
    {"", "Xor", 7, LAST, 2, 2, 1, 1, "", prepare_compare, run_compare, LOGIC_XOR, 0, 0},
    {AI, "ArrayFeatureExtractor", 1, LAST_ML, 2, 2, 1, 1, "", prepare_array_feature_extractor, run_array_feature_extractor, 0, 0, 0},
    {AI, "Binarizer", 1, LAST_ML, 1, 1, 1, 1, "threshold", prepare_binarizer, run_binarizer, 0, 0, 0},
    {AI, "LabelEncoder", 1, 1, 1, 1, 1, 1, "classes_strings default_int64 default_string", prepare_label_encoder, run_label_encoder, 0, 0, &life_label_encoder},
    {AI, "LabelEncoder", 2, 3, 1, 1, 1, 1, "default_float default_int64 default_string keys_floats keys_int64s keys_strings values_floats values_int64s values_strings", prepare_label_encoder, run_label_encoder, 0, 0, &life_label_encoder},
    {AI, "LabelEncoder", 4, LAST_ML, 1, 1, 1, 1, "default_float default_int64 default_string default_tensor keys_floats keys_int64s keys_strings keys_tensor values_floats values_int64s values_strings values_tensor", prepare_label_encoder, run_label_encoder, 0, 0, &life_label_encoder},
    {AI, "LinearClassifier", 1, LAST_ML, 1, 1, 1, 2, "classlabels_ints classlabels_strings coefficients intercepts multi_class post_transform", prepare_linear_classifier, run_linear_classifier, 0, 0, 0},
    {AI, "LinearRegressor", 1, LAST_ML, 1, 1, 1, 1, "coefficients intercepts post_transform targets", prepare_linear_regressor, run_linear_regressor, 0, 0, 0},
    {AI, "Normalizer", 1, LAST_ML, 1, 1, 1, 1, "norm", prepare_normalizer, run_normalizer, 0, 0, 0},
    {AI, "Scaler", 1, LAST_ML, 1, 1, 1, 1, "offset scale", prepare_scaler, run_scaler, 0, 0, 0},
    {AI, "TreeEnsemble", 5, LAST_ML, 1, 1, 1, 1, "aggregate_function leaf_targetids leaf_weights membership_values n_targets nodes_falseleafs nodes_falsenodeids nodes_featureids nodes_hitrates nodes_missing_value_tracks_true nodes_modes nodes_splits nodes_trueleafs nodes_truenodeids post_transform tree_roots", prepare_tree_ensemble, run_tree_regressor, 0, KERNEL_LARGE, &life_trees},
    {AI, "TreeEnsembleClassifier", 1, LAST_ML, 1, 1, 1, 2, TREE_NODES "class_ids class_nodeids class_treeids class_weights class_weights_as_tensor classlabels_int64s classlabels_strings", prepare_tree_classifier, run_tree_classifier, 0, 0, 0},
    {AI, "TreeEnsembleRegressor", 1, LAST_ML, 1, 1, 1, 1, TREE_NODES "aggregate_function n_targets target_ids target_nodeids target_treeids target_weights target_weights_as_tensor", prepare_tree_regressor, run_tree_regressor, 0, KERNEL_LARGE, &life_trees},
    {AI, "ZipMap", 1, LAST_ML, 1, 1, 1, 1, "classlabels_int64s classlabels_strings", prepare_zip_map, run_zip_map, 0, 0, 0},
    {MS, "Tokenizer", 1, 1, 1, 1, 1, 1, "mark mincharnum pad_value separators tokenexp", prepare_tokenizer, run_tokenizer, 0, KERNEL_TEXT, &life_tokenizer},
};
/* clang-format on */

enum { TABLE_SIZE = sizeof table / sizeof table[0] };

const kernel *operator_find(alf_span domain, alf_span name, int64_t version)
{
    for (size_t i = 0; i < TABLE_SIZE; i++)
        if (span_is(name, table[i].name) && span_is(domain, table[i].domain) &&
            version >= table[i].since && version <= table[i].until)
            return &table[i];
    return NULL;
}

const kernel *operator_row(size_t i)
{
    return i < TABLE_SIZE ? &table[i] : NULL;
}

bool operator_known(alf_span domain, alf_span name)
{
    for (size_t i = 0; i < TABLE_SIZE; i++)
        if (span_is(name, table[i].name) && span_is(domain, table[i].domain))
            return true;
    return false;
}
