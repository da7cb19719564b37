/*
 * UTF-8 and the Unicode classes as Python's str and re use them.
 */
#ifndef ALF_BASE_UNICODE_H
#define ALF_BASE_UNICODE_H

#include "base/buf.h"

enum { UNICODE_REPLACEMENT = 0xFFFD };

/* Decodes the code point at *p (p < end) and moves *p past it. A maximal invalid part gives U+FFFD,
 * as Python's bytes.decode("utf-8", "replace") does. */
uint32_t unicode_next(const char **p, const char *end);
/* Writes c as UTF-8 to out; returns 1..4 bytes written. */
size_t unicode_put(uint32_t c, char out[4]);
bool unicode_is_valid(alf_span text);
size_t unicode_length(alf_span text); /* in code points */

/* Python: str.isdigit, str.isdecimal, str.isalnum, str.isupper (one code point), str.isspace, and
 * re's \w, \d and \s. */
bool unicode_is_digit(uint32_t c);
bool unicode_is_decimal(uint32_t c);
bool unicode_is_alnum(uint32_t c);
bool unicode_is_upper(uint32_t c);
bool unicode_is_space(uint32_t c);
bool unicode_is_word(uint32_t c);

/* Appends str.lower() of text: full mapping, with U+0130 and the final sigma rule; invalid bytes
 * become U+FFFD. */
void unicode_lower(alf_span text, buf *out);
/* Appends text decomposed (NFKD), without combining marks (canonical combining class not 0), or
 * without everything that is not ASCII; invalid bytes count as U+FFFD. */
void unicode_strip_marks(alf_span text, buf *out);
void unicode_strip_to_ascii(alf_span text, buf *out);

#endif
