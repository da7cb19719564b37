/*
 * Data files built into the program, so that it works without any file beside it.
 */
#ifndef ALF_BASE_EMBEDDED_H
#define ALF_BASE_EMBEDDED_H

#include "ai_log_filter.h"

/* configs/rules.yaml */
extern const alf_span embedded_rules;
/* models/sample/parity.txt: the logs that conversions are proved on */
extern const alf_span embedded_parity;

#endif
