/*
 * JSON (RFC 8259) -> values. Also takes NaN, Infinity and -Infinity, which XGBoost writes.
 *
 * An array of numbers only becomes VALUE_ARRAY of rank 1 (int64 when all are integers that fit,
 * else float64); other arrays, and empty ones, become VALUE_LIST; objects become VALUE_DICT in
 * file order. A number without fraction and exponent that fits int64 is VALUE_INT.
 *
 * Numbers are rounded once: the double read is the nearest one, and narrowing it to float32 gives
 * the float32 nearest to the text (where narrowing the nearest double would not, the neighbouring
 * double that does is given instead).
 */
#ifndef ALF_CODEC_JSON_H
#define ALF_CODEC_JSON_H

#include "codec/value.h"

/* Parses the whole of data into a (borrowing from data). Depth is bounded; the arena's limit bounds
 * memory. Trailing bytes other than white space are an error. */
alf_status json_parse(alf_span data, arena *a, value **out, alf_error *err);

#endif
