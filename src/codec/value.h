/*
 * Values read from pickle, JSON or UBJSON: plain data, built in one arena, never executed.
 *
 * A pickled object is VALUE_OBJECT: the class it names, its constructor arguments and its state,
 * all as data. numpy arrays and scalars, bytearrays, OrderedDicts and sets become the plain kinds
 * below, so readers of estimators see arrays, numbers and dictionaries only.
 *
 * A Python int outside int64 (a random generator's state) is VALUE_BYTES: its digits or its bytes
 * as the file has them, so that it never passes for a number. Python 2's str is VALUE_STRING where
 * it is valid UTF-8, VALUE_BYTES otherwise. An object of a class derived from list or dict has its
 * items as state. Never copy a value as a struct: small kinds are allocated short.
 *
 * Values may be shared (pickle memo) and, in hostile files, form cycles: whoever walks a value
 * must bound depth itself, or use the accessors below, which look one step only.
 */
#ifndef ALF_CODEC_VALUE_H
#define ALF_CODEC_VALUE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"

typedef enum value_kind {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING, /* UTF-8 */
    VALUE_BYTES,  /* bytes or bytearray */
    VALUE_LIST,
    VALUE_TUPLE,
    VALUE_SET,
    VALUE_DICT,   /* dict or OrderedDict, in file order */
    VALUE_GLOBAL, /* a class or function named but not called */
    VALUE_OBJECT,
    VALUE_ARRAY /* numpy.ndarray */
} value_kind;

typedef struct value value;

typedef enum dtype_kind {
    DTYPE_BOOL,   /* 1 byte */
    DTYPE_INT,    /* signed, 1 2 4 8 bytes */
    DTYPE_UINT,   /* unsigned, 1 2 4 8 bytes */
    DTYPE_FLOAT,  /* 2 4 8 bytes */
    DTYPE_STRING, /* numpy 'U': fixed-width UTF-32, NUL padded */
    DTYPE_BYTES,  /* numpy 'S': fixed-width bytes, NUL padded */
    DTYPE_OBJECT, /* items are values */
    DTYPE_RECORD  /* structured: fields by name */
} dtype_kind;

typedef struct dtype_field dtype_field;

typedef struct dtype {
    dtype_kind kind;
    bool big_endian;
    uint32_t item_size;  /* bytes of one item */
    dtype_field *fields; /* DTYPE_RECORD */
    size_t field_count;
} dtype;

struct dtype_field {
    alf_span name;
    dtype type; /* never a record itself */
    uint32_t offset;
};

typedef struct value_array {
    dtype type;
    uint32_t rank; /* 0..8 */
    uint64_t shape[8];
    uint64_t count;     /* product of shape, checked against the data */
    bool fortran_order; /* data is column-major */
    alf_span data;      /* count * item_size bytes, not aligned; empty for DTYPE_OBJECT */
    value **items;      /* DTYPE_OBJECT: count values */
} value_array;

typedef struct value_pair {
    value *key;
    value *item;
} value_pair;

struct value {
    value_kind kind;
    uint64_t offset; /* where in the (uncompressed) file it began, for messages */
    union {
        bool boolean;
        int64_t integer;
        double real;
        alf_span text; /* STRING, BYTES */
        struct {
            value **items;
            size_t count;
            size_t capacity;
        } list; /* LIST, TUPLE, SET */
        struct {
            value_pair *pairs;
            size_t count;
            size_t capacity;
        } dict;
        struct {
            alf_span module;
            alf_span name;
        } global;
        struct {
            value *class_;    /* VALUE_GLOBAL */
            value *arguments; /* VALUE_TUPLE */
            value *state;     /* what BUILD gave, or NULL; a dict for estimators */
        } object;
        value_array array;
    } as;
};

/* The item under a string key; NULL when absent or dict is not a VALUE_DICT. The last of equal
 * keys wins, as in Python. */
const value *value_get(const value *dict, const char *key);

/* The attribute of an object: value_get on its state. NULL when absent. */
const value *value_attribute(const value *object, const char *name);

/* Whether an object's class is name, in the given module or any submodule of it
 * ("sklearn.preprocessing" matches sklearn.preprocessing._data and sklearn.preprocessing.data). */
bool value_is_a(const value *object, const char *module, const char *name);

/* "dict", "sklearn.ensemble._iforest.IsolationForest", "numpy.ndarray of float64": for messages.
 * Writes at most size bytes and returns buffer. */
const char *value_describe(const value *v, char *buffer, size_t size);

/* Numbers, accepting int, bool, float, and arrays of exactly one number. false otherwise. */
bool value_to_double(const value *v, double *out);
bool value_to_int64(const value *v, int64_t *out); /* a float only when integral */
bool value_to_bool(const value *v, bool *out);

/* The length of a list, tuple or set, or of an array's first axis; 0 for anything else. */
size_t value_length(const value *v);
/* Element i of a list, tuple or object array; NULL when out of range or something else. */
const value *value_item(const value *v, size_t i);

/* Reads item i (in C order, whatever the storage order) of a numeric array as double / int64.
 * false when out of range, not numeric, or (int64) not integral or out of range. */
bool value_array_double(const value_array *a, uint64_t i, double *out);
bool value_array_int64(const value_array *a, uint64_t i, int64_t *out);
/* The same for one field of a record array; field from value_array_field. */
bool value_record_double(const value_array *a, const dtype_field *field, uint64_t i, double *out);
bool value_record_int64(const value_array *a, const dtype_field *field, uint64_t i, int64_t *out);
const dtype_field *value_array_field(const value_array *a, const char *name);
/* Item i of a 'U', 'S' or object array of strings, as UTF-8, allocated in a. */
alf_status value_array_string(const value_array *array, uint64_t i, arena *a, alf_span *out,
                              alf_error *err);

#endif
