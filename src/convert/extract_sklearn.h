/*
 * What the readers of scikit-learn estimators share: class and version checks, attributes and
 * arrays of numbers. Every error names the estimator and the attribute, and carries its offset.
 */
#ifndef ALF_CONVERT_EXTRACT_SKLEARN_H
#define ALF_CONVERT_EXTRACT_SKLEARN_H

#include "codec/value.h"

/* major * 100 + minor of the scikit-learn that wrote object (19 for 0.19.2, 108 for 1.8.0). Newer
 * than all we know when the file does not say. */
uint32_t sklearn_version(const value *object);

/* "estimator.attribute: found X; wanted", at the offset of v. A macro, as error_set is one. */
#define sklearn_bad(estimator, attribute, v, wanted, err)                                          \
    (sklearn_report(estimator, attribute, v, wanted, err), error_same(ALF_E_FORMAT))
void sklearn_report(const value *estimator, const char *attribute, const value *v,
                    const char *wanted, alf_error *err);

/* The attribute, or ALF_E_FORMAT ("not fitted") when it is absent. */
alf_status sklearn_need(const value *estimator, const char *attribute, const value **out,
                        alf_error *err);

/* A flag; fallback when it is absent (the library version did not have it). */
alf_status sklearn_flag(const value *estimator, const char *attribute, bool fallback, bool *out,
                        alf_error *err);

/* Whether an attribute is absent or None. */
bool sklearn_is_none(const value *estimator, const char *attribute);

/* count finite numbers of the array v, as doubles in a. */
alf_status sklearn_numbers(const value *estimator, const char *attribute, const value *v,
                           uint64_t count, arena *a, double **out, alf_error *err);

/* count * size zeroed bytes of the arena, or the error that fits. */
alf_status sklearn_allocate(arena *a, size_t count, size_t size, const char *what, void **out,
                            alf_error *err);

#endif
