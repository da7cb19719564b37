/*
 * The patterns of the preprocessing profiles, as scanners: each finds what Python's re finds.
 *
 * Bytes that are not UTF-8 count as U+FFFD. A finder looks for the leftmost match that starts at
 * or after `from` and gives its bytes [*start, *end). As in Python, \d, \w and \b are Unicode's,
 * and what stands before `from` still counts for \b. All calls for one text together, each from
 * the end of the match before, take time linear in the text.
 */
#ifndef ALF_LOGS_PATTERNS_H
#define ALF_LOGS_PATTERNS_H

#include "ai_log_filter.h"

typedef bool pattern_find(alf_span text, size_t from, size_t *start, size_t *end);

pattern_find pattern_ip;             /* \b\d{1,3}(\.\d{1,3}){3}\b */
pattern_find pattern_timestamp;      /* \d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2} */
pattern_find pattern_timestamp_zone; /* the same, then (\.\d+)?(Z|[+-]\d{2}:?\d{2})? */
pattern_find pattern_hex;            /* 0x[0-9a-fA-F]+ */
pattern_find pattern_uuid;           /* 8-4-4-4-12 hexadecimal digits */
pattern_find pattern_email;          /* \b[\w.%+-]+@[\w.-]+\.\w{2,}\b */
pattern_find pattern_mac;            /* \b([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b */
pattern_find pattern_sha256;         /* \b[0-9a-fA-F]{64}\b */
pattern_find pattern_sha1;           /* \b[0-9a-fA-F]{40}\b */
pattern_find pattern_md5;            /* \b[0-9a-fA-F]{32}\b */
pattern_find pattern_path;           /* (/[\w\-./]+)+ */
pattern_find pattern_windows_path;   /* ([A-Za-z]:\\[\w\-\\./]+)+ */
pattern_find pattern_long_number;    /* \b\d{5,}\b */

bool pattern_has_word_path(alf_span text); /* /\w+/ */
/* \b(error|fail|exception)\b in any case; with_critical: or critical. */
bool pattern_has_keyword(alf_span text, bool with_critical);

#endif
