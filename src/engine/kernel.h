/*
 * The seam between the graph and its operators. Every operator is one `kernel`: `prepare` runs once
 * at load (checks attributes and types, says what comes out, builds state), `run` computes one
 * node.
 *
 * Invariants: prepare sets the type of every output; what it keeps lives in prepare.memory, never
 * in the ONNX file; run allocates only through the call_* functions, reads bools as bytes (0 is
 * false), and gives every output a shape. A kernel's state is immutable after prepare.
 */
#ifndef ALF_ENGINE_KERNEL_H
#define ALF_ENGINE_KERNEL_H

#include "engine/engine.h"

enum { RANK_UNKNOWN = -1, DIM_UNKNOWN = -1, KERNEL_ANY = 127 };

/* What is known of a value before anything runs. */
typedef struct graph_value {
    alf_span name;
    onnx_type type;
    int32_t rank; /* RANK_UNKNOWN: dims say nothing */
    int64_t dims[ONNX_MAX_RANK];
    const tensor *constant; /* NULL: known only at run time */
    const tensor *keys;     /* a sequence of maps from these; NULL: a tensor */
} graph_value;

typedef struct kernel kernel;

typedef struct prepare {
    const onnx_node *node;
    const kernel *op;
    arena *memory; /* lives as long as the engine, or the node (KERNEL_LARGE) */
    size_t input_count, output_count;
    const graph_value **inputs; /* NULL: left out */
    graph_value **outputs;      /* NULL: not wanted */
    void *state;
    alf_error *err;
} prepare;

/* What a node keeps in a session from one run to the next. */
typedef struct node_memory {
    buf text;       /* bytes of the strings it makes; cleared before each run */
    size_t counted; /* of text.capacity, in workspace.used */
    void *extra;    /* from kernel_life.session_new */
} node_memory;

typedef struct workspace workspace;

typedef struct kernel_call {
    const kernel *op;
    const void *state;
    size_t input_count, output_count;
    const tensor *const *inputs; /* NULL: left out */
    tensor *const *outputs;      /* NULL: not wanted; type is set, shape and data are not */
    const uint32_t *slots;       /* of the outputs, in the workspace */
    node_memory *own;            /* NULL unless KERNEL_TEXT */
    workspace *memory;
    alf_error *err;
} kernel_call;

enum {
    KERNEL_VIEW = 1, /* output 0 is input 0 with another shape */
    KERNEL_TEXT = 2, /* makes strings: has node_memory */
    KERNEL_LARGE = 4 /* its state has an arena of its own, and can be dropped (graph.h) */
};

/* For operators whose state is more than memory; any member may be NULL. */
typedef struct kernel_life {
    /* KERNEL_LARGE only: makes the state fast, once; memory is the arena of the node */
    alf_status (*compile)(void *state, arena *memory, alf_error *err);
    void (*fini)(void *state);               /* also after a prepare that failed */
    void *(*session_new)(const void *state); /* NULL: out of memory */
    void (*session_free)(void *extra);       /* NULL allowed */
} kernel_life;

struct kernel {
    const char *domain; /* "" is ai.onnx */
    const char *name;
    int since, until;                                     /* operator set versions, both included */
    int min_inputs, max_inputs, min_outputs, max_outputs; /* KERNEL_ANY: no limit */
    const char *attributes;                               /* those allowed, separated by spaces */
    alf_status (*prepare)(prepare *p);
    alf_status (*run)(const kernel_call *c);
    int variant; /* tells apart operators that share their functions */
    int flags;
    const kernel_life *life;
};

/* Sets of types, for prepare_type. */
#define TYPE_BIT(t)  (1u << (t))
#define TYPES_FLOAT  (TYPE_BIT(ONNX_FLOAT) | TYPE_BIT(ONNX_DOUBLE))
#define TYPES_INT    (TYPE_BIT(ONNX_INT32) | TYPE_BIT(ONNX_INT64))
#define TYPES_NUMBER (TYPES_FLOAT | TYPES_INT)
#define TYPES_ALL    (((1u << (ONNX_UINT64 + 1)) - 1) & ~1u)

/* ---- at load (prepare.c) ---- */

/* A macro for the reason given in base/error.h. */
#define prepare_fail(p, status, ...) (prepare_fill(p, status, __VA_ARGS__), error_same(status))
void prepare_fill(const prepare *p, alf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Checks that input i is there and of one of the types. */
#define PREPARE_WRONG_TYPE "which it does not run on" /* in the error, if it is not */
alf_status prepare_type(const prepare *p, size_t i, uint32_t types);
/* Checks that the rank of input i, where known, lies within [low, high]. */
alf_status prepare_rank(const prepare *p, size_t i, int32_t low, int32_t high);
const graph_value *prepare_input(const prepare *p, size_t i); /* NULL: left out */
/* Input i as int64 list, when constant: false when it is left out or not constant. */
bool prepare_constant_ints(const prepare *p, size_t i, const int64_t **list, size_t *count);

/* Attributes: absent ones leave *out as it is; a wrong type is an error. */
const onnx_attribute *prepare_find(const prepare *p, const char *name);
alf_status prepare_int(const prepare *p, const char *name, int64_t *out);
alf_status prepare_bool(const prepare *p, const char *name, bool *out);
alf_status prepare_float(const prepare *p, const char *name, float *out);
alf_status prepare_string(const prepare *p, const char *name, alf_span *out);
alf_status prepare_ints(const prepare *p, const char *name, const int64_t **out, size_t *count);
alf_status prepare_floats(const prepare *p, const char *name, const float **out, size_t *count);
alf_status prepare_strings(const prepare *p, const char *name, const alf_span **out, size_t *count);
alf_status prepare_tensor(const prepare *p, const char *name, const onnx_tensor **out);
/* Index of a string attribute among the names (NULL-terminated); an unknown one is an error. */
alf_status prepare_choice(const prepare *p, const char *name, const char *const *names, int *out);

/* Zeroed memory of the engine; the error says what it was for. */
alf_status prepare_alloc(const prepare *p, size_t count, size_t size, void *out);
alf_status prepare_state(prepare *p, size_t size, void *out); /* and makes it p->state */
alf_status prepare_copy_ints(const prepare *p, const int64_t *list, size_t count, int64_t **out);
alf_status prepare_copy_text(const prepare *p, alf_span text, alf_span *out);
alf_status prepare_copy_strings(const prepare *p, const alf_span *list, size_t count,
                                alf_span **out);
alf_status prepare_copy_tensor(const prepare *p, const onnx_tensor *t, tensor *out);

/* What comes out. Unknown rank, unknown dims, or as input `like`. */
void prepare_output(const prepare *p, size_t i, onnx_type type);
void prepare_output_rank(const prepare *p, size_t i, onnx_type type, int32_t rank);
void prepare_output_like(const prepare *p, size_t i, onnx_type type, size_t like);
/* The broadcast shape of all inputs given. */
alf_status prepare_output_broadcast(const prepare *p, onnx_type type);

/* ---- at run time (call.c) ---- */

#define call_fail(c, status, ...) (call_fill(c, status, __VA_ARGS__), error_same(status))
void call_fill(const kernel_call *c, alf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives output i its shape and memory. */
alf_status call_output(const kernel_call *c, size_t i, uint32_t rank, const int64_t *dims);
alf_status call_output_like(const kernel_call *c, size_t i, const tensor *like);
/* Output 0 becomes input 0 with another shape of as many elements (KERNEL_VIEW). */
alf_status call_view(const kernel_call *c, uint32_t rank, const int64_t *dims);
/* Working memory until this call ends; asking again keeps the contents and may move it. */
alf_status call_scratch(const kernel_call *c, size_t count, size_t size, void *out);
/* To be asked after appending to c->own->text. */
alf_status call_text_status(const kernel_call *c);

const tensor *call_input(const kernel_call *c, size_t i); /* NULL: left out */
/* Input i as a list of int64 (int32 is widened into `room`); rank 0 or 1, at most limit long. */
alf_status call_ints(const kernel_call *c, size_t i, int64_t *room, size_t limit, size_t *count);
/* axis within [-rank, rank) -> [0, rank). */
alf_status call_axis(const kernel_call *c, int64_t axis, uint32_t rank, uint32_t *out);
/* Element `at` of input 1 (int32 or int64), an index within [-limit, limit) -> [0, limit). */
alf_status call_index(const kernel_call *c, uint64_t at, int64_t limit, uint64_t *out);

/* ---- tensors (tensor.c) ---- */

size_t tensor_element_size(onnx_type type); /* a string is an alf_span; 0: unknown type */
bool dims_count(const int64_t *dims, uint32_t rank, uint64_t *count); /* false: overflow or < 0 */
/* "[2, 3, ?]" */
const char *dims_text(const int64_t *dims, uint32_t rank, char *out, size_t size);
enum { DIMS_TEXT = 200 };

/* An allocation of the engine's arena that says why it failed. */
alf_status arena_take(arena *a, size_t count, size_t size, void *out, alf_error *err);
/* Of any content. */
alf_status arena_take_unset(arena *a, size_t count, size_t size, void *out, alf_error *err);
alf_status arena_copy_text(arena *a, alf_span text, alf_span *out, alf_error *err);
/* Copies shape, elements and, for strings, their bytes. */
alf_status arena_copy_tensor(arena *a, const tensor *t, tensor *out, alf_error *err);

#endif
