/*
 * Estimators read as values -> plain models. One function per kind of estimator; each checks the
 * class, every parameter and every size, and refuses what it cannot represent exactly, by class and
 * option. Everything built lives in the arena. Sources: scikit-learn, XGBoost and LightGBM
 * (docs/formats.md).
 */
#ifndef ALF_CONVERT_EXTRACT_H
#define ALF_CONVERT_EXTRACT_H

#include "codec/value.h"
#include "model/model.h"

alf_status extract_scaler(const value *object, arena *a, scaler *out, alf_error *err);
alf_status extract_isolation_forest(const value *object, arena *a, isolation_forest *out,
                                    alf_error *err);
/* CountVectorizer, TfidfVectorizer, or a Pipeline of CountVectorizer and TfidfTransformer. */
alf_status extract_vectorizer(const value *object, arena *a, text_vectorizer *out, alf_error *err);
alf_status extract_labels(const value *object, arena *a, class_labels *out, alf_error *err);
/* XGBClassifier or a bare Booster, of every file format since 0.90. A file that
 * XGBClassifier.save_model wrote predicts as that classifier. */
alf_status extract_boosted(const value *object, arena *a, boosted_classifier *out, alf_error *err);

/* Any classifier that a bundle can hold. Its column k is class k of classifier_labels. */
alf_status extract_classifier(const value *object, arena *a, text_classifier *out, alf_error *err);
/* Whether the object is meant to be a classifier, supported or not. */
bool extract_is_classifier(const value *object);
bool extract_is_scaler(const value *object);
/* The names of the classes: what `encoder` (a LabelEncoder; NULL: none) makes of the classes that
 * the classifier itself knows; numbers from 0 where neither names them. */
alf_status extract_classifier_labels(const value *object, const value *encoder,
                                     uint32_t class_count, arena *a, class_labels *out,
                                     alf_error *err);

#endif
