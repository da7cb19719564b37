/*
 * The joblib engine's classifiers of scikit-learn and LightGBM: one struct per family, chosen among
 * by reference_classifier.c. Written apart from extract_*.c on purpose, and kept plain.
 * Nothing here is for other modules; reference.h is their interface.
 */
#ifndef ALF_CONVERT_REFERENCE_CLASSIFIER_H
#define ALF_CONVERT_REFERENCE_CLASSIFIER_H

#include "convert/reference.h"
#include "convert/reference_common.h"

/* The length of classes_, at least 2; one output only. */
alf_status reference_class_count(const value *object, size_t *out, alf_error *err);
/* out = softmax of x: n numbers, float64. The same array is allowed. */
void reference_softmax(const double *x, size_t n, double *out);
size_t reference_argmax(const double *x, size_t n);

typedef struct reference_trees reference_trees;
alf_status reference_trees_new(const value *object, reference_trees **out, alf_error *err);
alf_status reference_trees_run(reference_trees *r, const reference_row *row, double *probabilities,
                               uint32_t *label, alf_error *err);
void reference_trees_free(reference_trees *r);

typedef struct reference_linear reference_linear;
alf_status reference_linear_new(const value *object, reference_linear **out, alf_error *err);
alf_status reference_linear_run(const reference_linear *r, const reference_row *row,
                                double *probabilities, uint32_t *label, alf_error *err);
void reference_linear_free(reference_linear *r);

/* LightGBM: LGBMClassifier or Booster. */
typedef struct reference_lightgbm reference_lightgbm;
alf_status reference_lightgbm_new(const value *object, reference_lightgbm **out, alf_error *err);
size_t reference_lightgbm_classes(const reference_lightgbm *r);
alf_status reference_lightgbm_run(reference_lightgbm *r, const reference_row *row,
                                  double *probabilities, uint32_t *label, alf_error *err);
void reference_lightgbm_free(reference_lightgbm *r);

#endif
