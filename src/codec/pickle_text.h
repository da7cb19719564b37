/* The arguments that protocols 0 and 1 write as lines of text. All are without their newline. */
#ifndef ALF_CODEC_PICKLE_TEXT_H
#define ALF_CODEC_PICKLE_TEXT_H

#include "codec/builder.h"

/* A memo index. */
alf_status pickle_text_index(builder *b, alf_span line, uint64_t offset, uint64_t *out);
/* INT ("01" and "00" are bools) and LONG (a trailing L). Beyond int64: the digits, as BYTES. */
alf_status pickle_text_int(builder *b, alf_span line, uint64_t offset, value **out);
alf_status pickle_text_long(builder *b, alf_span line, uint64_t offset, value **out);
alf_status pickle_text_float(builder *b, alf_span line, uint64_t offset, value **out);
/* STRING: quoted, with escapes. STRING when it is valid UTF-8, BYTES otherwise. */
alf_status pickle_text_string(builder *b, alf_span line, uint64_t offset, value **out);
/* UNICODE: Latin-1 with \u and \U escapes. */
alf_status pickle_text_unicode(builder *b, alf_span line, uint64_t offset, value **out);

/* Bytes that Python 2 called str: STRING when they are valid UTF-8, BYTES otherwise. */
alf_status pickle_old_string(builder *b, alf_span bytes, uint64_t offset, value **out);

#endif
