/*
 * Python regular expressions as scikit-learn's token_pattern uses them, for the joblib engine:
 * re.findall over str through PCRE2.
 *
 * The pattern is rewritten so that \w, \d, \s and \b mean what Python means, whatever the version
 * of PCRE2; what cannot be said in PCRE2 is refused. Matching is bounded.
 */
#ifndef ALF_CONVERT_REFERENCE_SKLEARN_PATTERN_H
#define ALF_CONVERT_REFERENCE_SKLEARN_PATTERN_H

#include "base/error.h"

typedef struct python_pattern python_pattern;

/* At most one capture group, as scikit-learn demands. */
alf_status python_pattern_new(alf_span pattern, python_pattern **out, alf_error *err);
void python_pattern_free(python_pattern *p);

/* Called with each item that re.findall would return; a status other than ALF_OK ends it. */
typedef alf_status python_pattern_found(void *context, alf_span match, alf_error *err);

/* text: valid UTF-8. Thread-safe. */
alf_status python_pattern_findall(const python_pattern *p, alf_span text,
                                  python_pattern_found *found, void *context, alf_error *err);

#endif
