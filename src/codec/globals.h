/*
 * The allow list: which classes and functions a pickle may name, and what each means as data.
 * Nothing named is ever imported or called; whatever is not listed is refused when it is named.
 */
#ifndef ALF_CODEC_GLOBALS_H
#define ALF_CODEC_GLOBALS_H

#include "base/span.h"

typedef enum global_role {
    ROLE_REFUSED,
    ROLE_CLASS, /* no special meaning: calling it makes a VALUE_OBJECT */
    ROLE_DTYPE,
    ROLE_NDARRAY,     /* numpy.ndarray and subclasses that hold nothing more */
    ROLE_SCALAR,      /* numpy scalar(dtype, bytes) */
    ROLE_RECONSTRUCT, /* numpy _reconstruct(class, shape, code), filled by BUILD */
    ROLE_FROMBUFFER,  /* numpy _frombuffer(bytes, dtype, shape, order) */
    ROLE_ENCODE,      /* _codecs.encode(str, "latin1"): bytes */
    ROLE_DICT,        /* dict, OrderedDict, Counter: of pairs or of a dict */
    ROLE_DEFAULTDICT, /* of a factory */
    ROLE_LIST,        /* of an optional list or tuple, like the next two */
    ROLE_TUPLE,
    ROLE_SET,
    ROLE_BYTES,         /* bytes and bytearray */
    ROLE_RECONSTRUCTOR, /* copyreg._reconstructor(class, base, state) */
    ROLE_NEWOBJ,        /* copyreg.__newobj__(class, ...) */
    ROLE_ARRAY_WRAPPER, /* joblib: array bytes follow in the stream */
    ROLE_FILE_WRAPPER,  /* joblib <= 0.9: a sibling .npy file */
    ROLE_ZFILE_WRAPPER  /* joblib <= 0.9: a sibling compressed file */
} global_role;

global_role global_find(alf_span module, alf_span name);

#endif
