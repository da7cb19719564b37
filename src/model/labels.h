/*
 * Class names in a file of their own: labels.json, as bundles laid out the older way have it.
 */
#ifndef ALF_MODEL_LABELS_H
#define ALF_MODEL_LABELS_H

#include "model/model.h"

enum { LABELS_MAX = 1024 };

/* Parses ["critical", ...], {"classes": ["critical", ...]} or {"0": "critical", ...}: 1 to
 * LABELS_MAX names, copied into the arena. */
alf_status labels_parse(alf_span json, arena *a, class_labels *out, alf_error *err);

/* The order that scikit-learn's LabelEncoder gives the four categories: alphabetical. */
enum { LABELS_ASSUMED = 4 };
extern const char *const labels_assumed[LABELS_ASSUMED];

#endif
