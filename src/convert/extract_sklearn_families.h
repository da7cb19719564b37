/*
 * The families of scikit-learn classifiers, one file each; extract_classifier.c chooses among them.
 * The object's class has been checked.
 */
#ifndef ALF_CONVERT_EXTRACT_SKLEARN_FAMILIES_H
#define ALF_CONVERT_EXTRACT_SKLEARN_FAMILIES_H

#include "codec/value.h"
#include "model/model.h"

alf_status extract_single_tree(const value *object, arena *a, text_classifier *out, alf_error *err);
alf_status extract_random_forest(const value *object, arena *a, text_classifier *out,
                                 alf_error *err);
alf_status extract_gradient_boosting(const value *object, arena *a, text_classifier *out,
                                     alf_error *err);
alf_status extract_logistic_regression(const value *object, arena *a, text_classifier *out,
                                       alf_error *err);

#endif
