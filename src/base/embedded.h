/*
 * Data files built into the program, so that it works without any file beside it.
 */
#ifndef ALF_BASE_EMBEDDED_H
#define ALF_BASE_EMBEDDED_H

#include "ai_log_filter.h"

extern const alf_span embedded_rules;  /* configs/rules.yaml */
extern const alf_span embedded_parity; /* models/sample/parity.txt: logs that conversions are proved on */

#endif
