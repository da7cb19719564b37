/* The containers joblib compresses its streams with, recognised by their first bytes. */
#ifndef ALF_CODEC_DECOMPRESS_H
#define ALF_CODEC_DECOMPRESS_H

#include "base/buf.h"

/* Whether data begins like one of them. */
bool decompress_knows(alf_span data);

/*
 * Appends what data expands to, at most limit bytes (else ALF_E_LIMIT). Members that follow each
 * other are joined; whatever else follows the last one is ignored, as Python does.
 */
alf_status decompress(alf_span data, size_t limit, buf *out, alf_error *err);

#endif
