/*
 * The allow list. Exact names for the standard library, numpy, scipy and joblib; for the
 * libraries of estimators every class of theirs, since a class is only a name here and whoever
 * reads the values checks which ones it knows. Functions are listed one by one.
 */
#include "codec/globals.h"

enum { MAX_NAME = 200 };

typedef struct global_entry {
    const char *module;
    const char *name; /* names with the same meaning, separated by spaces */
    global_role role;
} global_entry;

static const global_entry exact[] = {
    {"builtins", "set frozenset", ROLE_SET},
    {"builtins", "list", ROLE_LIST},
    {"builtins", "tuple", ROLE_TUPLE},
    {"builtins", "dict", ROLE_DICT},
    {"builtins", "bytes bytearray", ROLE_BYTES},
    {"builtins", "int float str bool object complex long unicode slice range xrange NoneType",
     ROLE_CLASS},
    {"collections", "OrderedDict Counter", ROLE_DICT},
    {"collections", "defaultdict", ROLE_DEFAULTDICT},
    {"_codecs", "encode", ROLE_ENCODE},
    {"copyreg", "_reconstructor", ROLE_RECONSTRUCTOR},
    {"copyreg", "__newobj__", ROLE_NEWOBJ},
    {"datetime", "date datetime time timedelta timezone", ROLE_CLASS},
    {"decimal", "Decimal", ROLE_CLASS},
    {"numpy", "dtype", ROLE_DTYPE},
    {"numpy", "ndarray matrix memmap", ROLE_NDARRAY},
    {"numpy",
     "generic number integer signedinteger unsignedinteger inexact floating complexfloating bool "
     "bool_ bool8 int_ intc intp int8 int16 int32 int64 uint uintc uintp uint8 uint16 uint32 "
     "uint64 byte ubyte short ushort long ulong longlong ulonglong half single double longdouble "
     "float_ float16 float32 float64 float128 complex64 complex128 str_ string_ unicode_ bytes_ "
     "object_ void datetime64 timedelta64",
     ROLE_CLASS},
    {"numpy.matrixlib.defmatrix", "matrix", ROLE_NDARRAY},
    {"numpy.core.memmap", "memmap", ROLE_NDARRAY},
    {"numpy.core.multiarray", "scalar", ROLE_SCALAR},
    {"numpy.core.multiarray", "_reconstruct", ROLE_RECONSTRUCT},
    {"numpy.core.numeric", "_frombuffer", ROLE_FROMBUFFER},
    {"joblib.numpy_pickle", "NumpyArrayWrapper", ROLE_ARRAY_WRAPPER},
    {"joblib.numpy_pickle", "NDArrayWrapper", ROLE_FILE_WRAPPER},
    {"joblib.numpy_pickle", "ZNDArrayWrapper", ROLE_ZFILE_WRAPPER},
    {"sklearn.feature_extraction.text", "strip_accents_unicode strip_accents_ascii strip_tags",
     ROLE_CLASS},
    {"sklearn.feature_selection.univariate_selection",
     "f_classif f_regression f_oneway chi2 r_regression", ROLE_CLASS},
    {"sklearn.feature_selection._univariate_selection",
     "f_classif f_regression f_oneway chi2 r_regression", ROLE_CLASS},
    {"sklearn.metrics.scorer", "_passthrough_scorer", ROLE_CLASS},
    {"sklearn.metrics._scorer", "_passthrough_scorer", ROLE_CLASS},
    {"sklearn.neighbors._dist_metrics", "newObj", ROLE_CLASS},
    {"sklearn.neighbors._ball_tree", "newObj", ROLE_CLASS},
    {"sklearn.neighbors._kd_tree", "newObj", ROLE_CLASS},
    {"sklearn.neighbors.dist_metrics", "newObj", ROLE_CLASS},
    {"sklearn.neighbors.ball_tree", "newObj", ROLE_CLASS},
    {"sklearn.neighbors.kd_tree", "newObj", ROLE_CLASS},
    {"sklearn.metrics._dist_metrics", "newObj", ROLE_CLASS},
};

/* Modules that changed their name: the old or new spelling, and the one listed above. A trailing
 * dot means that submodules of it were renamed alike. */
static const char *const renamed[][2] = {
    {"__builtin__", "builtins"},
    {"copy_reg", "copyreg"},
    {"numpy._core.", "numpy.core."},
    {"sklearn.externals.joblib.numpy_pickle", "joblib.numpy_pickle"},
    {"sklearn.externals.joblib.numpy_pickle_compat", "joblib.numpy_pickle"},
    {"joblib.numpy_pickle_compat", "joblib.numpy_pickle"},
};

/* Packages all of whose classes are allowed. _loss is what sklearn's compiled losses call their
 * module. */
static const char *const packages[] = {"sklearn", "xgboost", "lightgbm", "numpy.random", "_loss"};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_word(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* [_]*[A-Z]\w* */
static bool looks_like_class(alf_span name)
{
    size_t i = 0;
    while (i < name.size && name.data[i] == '_')
        i++;
    if (i == name.size || !is_upper(name.data[i]))
        return false;
    for (; i < name.size; i++)
        if (!is_word(name.data[i]))
            return false;
    return true;
}

/* Cython's unpickling functions of its classes, and those of numpy's generators. */
static bool is_generated_constructor(alf_span name)
{
    alf_span prefix = SPAN_LITERAL("__pyx_unpickle_");
    if (span_starts(name, prefix))
        return looks_like_class(span_of(name.data + prefix.size, name.size - prefix.size));
    static const char *const names[] = {"__randomstate_ctor", "__RandomState_ctor",
                                        "__generator_ctor", "__bit_generator_ctor"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_is(name, names[i]))
            return true;
    return false;
}

static bool is_sparse_matrix(alf_span module, alf_span name)
{
    static const char *const formats[] = {"csr", "csc", "coo", "dia", "bsr", "lil", "dok"};
    alf_span prefix = SPAN_LITERAL("scipy.sparse.");
    if (!span_starts(module, prefix) || name.size < 4)
        return false;
    alf_span file = span_of(module.data + prefix.size, module.size - prefix.size);
    if (file.size > 0 && file.data[0] == '_')
        file = span_of(file.data + 1, file.size - 1);
    alf_span kind = span_of(name.data + 3, name.size - 3);
    if (!span_is(kind, "_matrix") && !span_is(kind, "_array"))
        return false;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (span_is(file, formats[i]))
            return memcmp(name.data, formats[i], 3) == 0;
    return false;
}

static bool is_in_package(alf_span module, const char *package)
{
    alf_span prefix = span_from_string(package);
    if (!span_starts(module, prefix))
        return false;
    for (size_t i = prefix.size; i < module.size; i++)
        if (!is_word(module.data[i]) && module.data[i] != '.')
            return false;
    return module.size == prefix.size || module.data[prefix.size] == '.';
}

/* Whether module is `listed`, perhaps under another name. */
static bool is_module(alf_span module, const char *listed)
{
    if (span_is(module, listed))
        return true;
    alf_span wanted = span_from_string(listed);
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++) {
        alf_span from = span_from_string(renamed[i][0]);
        alf_span to = span_from_string(renamed[i][1]);
        if (!span_starts(module, from) || !span_starts(wanted, to))
            continue;
        alf_span rest = span_of(module.data + from.size, module.size - from.size);
        alf_span wanted_rest = span_of(wanted.data + to.size, wanted.size - to.size);
        if (span_equal(rest, wanted_rest) && (rest.size == 0 || from.data[from.size - 1] == '.'))
            return true;
    }
    return false;
}

static bool is_listed(alf_span name, const char *names)
{
    for (const char *p = names; *p != '\0';) {
        size_t size = strcspn(p, " ");
        if (span_equal(name, span_of(p, size)))
            return true;
        p += size;
        p += *p == ' ';
    }
    return false;
}

global_role global_find(alf_span module, alf_span name)
{
    if (module.size > MAX_NAME || name.size > MAX_NAME) /* keeps the look-up short */
        return ROLE_REFUSED;
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        if (is_listed(name, exact[i].name) && is_module(module, exact[i].module))
            return exact[i].role;
    if (is_sparse_matrix(module, name))
        return ROLE_CLASS;
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++)
        if (is_in_package(module, packages[i]) &&
            (looks_like_class(name) || is_generated_constructor(name)))
            return ROLE_CLASS;
    return ROLE_REFUSED;
}
