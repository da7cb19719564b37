/*
 * A stack machine for Python's pickles, protocols 0 to 5. It builds data and calls nothing.
 */
#ifndef ALF_CODEC_PICKLE_H
#define ALF_CODEC_PICKLE_H

#include "codec/builder.h"

/*
 * Called when BUILD has completed one of joblib's array wrappers. bytes[*at] is what follows in
 * the stream; what the hook reads of it, it adds to *at. *out takes the wrapper's place.
 */
typedef struct pickle_hook {
    alf_status (*splice)(void *context, builder *b, alf_span bytes, size_t *at,
                         const value *wrapper, value **out);
    void *context;
} pickle_hook;

/*
 * Reads one pickle that begins at bytes[*at] and moves *at past its STOP. Strings, bytes and
 * arrays borrow from bytes. hook NULL: wrappers stay objects. Errors go to b->err, with offsets
 * in bytes.
 */
alf_status pickle_read(builder *b, alf_span bytes, size_t *at, const pickle_hook *hook,
                       value **out);

#endif
