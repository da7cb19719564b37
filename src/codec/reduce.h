/*
 * What calls in a pickle mean as data. REDUCE, NEWOBJ, INST and OBJ "call" a named class: here a
 * few names are read as the plain value they stand for, everything else becomes a VALUE_OBJECT.
 */
#ifndef ALF_CODEC_REDUCE_H
#define ALF_CODEC_REDUCE_H

#include "codec/builder.h"

/* A VALUE_GLOBAL; ALF_E_REFUSED when it is not on the allow list. */
alf_status reduce_global(builder *b, alf_span module, alf_span name, uint64_t offset, value **out);

/* callable(*arguments) */
alf_status reduce_call(builder *b, value *callable, value *arguments, uint64_t offset, value **out);

/* What BUILD does: gives target its state. */
alf_status reduce_build(builder *b, value *target, value *state, uint64_t offset);

/* What APPEND(S), ADDITEMS and SETITEM(S) do, to containers and to objects derived from them. */
alf_status reduce_append(builder *b, value *target, value *const *items, size_t count,
                         uint64_t offset);
alf_status reduce_set_items(builder *b, value *target, value *const *items, size_t count,
                            uint64_t offset);

#endif
