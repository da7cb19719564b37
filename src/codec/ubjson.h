/*
 * UBJSON (the draft-12 subset with big-endian numbers that XGBoost writes) -> values.
 * Typed arrays of numbers become VALUE_ARRAY of rank 1, borrowing their bytes; other arrays become
 * VALUE_LIST; objects become VALUE_DICT in file order; "C" is an integer.
 */
#ifndef ALF_CODEC_UBJSON_H
#define ALF_CODEC_UBJSON_H

#include "codec/value.h"

/* Parses the whole of data into a (borrowing from data). Depth and counts are bounded; the arena's
 * limit bounds memory. Trailing bytes are an error. */
alf_status ubjson_parse(alf_span data, arena *a, value **out, alf_error *err);

#endif
