/* LightGBM's classifiers; extract_classifier.c chooses them. */
#ifndef ALF_CONVERT_EXTRACT_LIGHTGBM_H
#define ALF_CONVERT_EXTRACT_LIGHTGBM_H

#include "codec/value.h"
#include "model/model.h"

/* LGBMClassifier, or a bare Booster. The object's class has been checked. */
alf_status extract_lightgbm(const value *object, arena *a, text_classifier *out, alf_error *err);

#endif
