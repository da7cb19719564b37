/*
 * What all parts of the joblib engine share. It has nothing from extract_*.c on purpose: the two
 * ways from a joblib file to an answer must not err together.
 */
#ifndef ALF_CONVERT_REFERENCE_COMMON_H
#define ALF_CONVERT_REFERENCE_COMMON_H

#include "codec/value.h"

/* scikit-learn's version as a number (19 for 0.19, 108 for 1.8), 108 where the file says none. */
int reference_version(const value *object);

/* ALF_E_FORMAT at the offset of v: "joblib engine: WHAT, but FOUND was found". */
alf_status reference_wrong(const value *v, const char *what, alf_error *err);

#endif
