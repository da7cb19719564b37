/*
 * The two preprocessing profiles: normalised text and the eight features, exactly as the Python
 * code that trained the models computes them (docs/preprocessing.md).
 * Bytes that are not UTF-8 count as U+FFFD, one per maximal invalid part, as Python's
 * errors="replace" does; the normalised text holds them as U+FFFD.
 */
#ifndef ALF_LOGS_NORMALISE_H
#define ALF_LOGS_NORMALISE_H

#include "base/buf.h"

typedef enum log_profile { LOG_PROFILE_PIPELINE, LOG_PROFILE_SERVING } log_profile;

enum { LOG_FEATURES = 8 };

extern const char *const log_feature_names[2][LOG_FEATURES]; /* [profile] */

const char *log_profile_name(log_profile profile); /* "pipeline", "serving" */
bool log_profile_from_name(alf_span name, log_profile *out);

/* Replaces out with the normalised text of message. ALF_E_NOMEM is the only error. */
alf_status log_normalise(log_profile profile, alf_span message, buf *out, alf_error *err);

/* The eight features. message: raw; normalised: from log_normalise. hour: of the event, -1 if
 * unknown (then 0); used by the serving profile only. */
void log_features(log_profile profile, alf_span message, alf_span normalised, int hour,
                  double out[LOG_FEATURES]);

/* Runs of two or more ASCII letters, digits, underscores and bytes that are not ASCII: about the
 * words that a vectorizer with the usual token pattern sees. */
size_t log_count_words(alf_span text);

/* Both, the same values: fast for short ASCII messages, and without heap once out has grown. */
alf_status log_prepare(log_profile profile, alf_span message, int hour, buf *out,
                       double features[LOG_FEATURES], alf_error *err);

#endif
