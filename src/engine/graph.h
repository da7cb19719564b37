/*
 * A loaded engine: the nodes to run in order, the values between them, and where each value lives.
 * Immutable after engine_load.
 */
#ifndef ALF_ENGINE_GRAPH_H
#define ALF_ENGINE_GRAPH_H

#include "engine/kernel.h"

/* "none" where an index of a value or of a node's memory is meant. */
#define NO_VALUE UINT32_MAX

typedef enum value_home {
    HOME_NOWHERE,  /* not needed at run time */
    HOME_CONSTANT, /* engine.constants */
    HOME_INPUT,    /* the caller's memory */
    HOME_SLOT      /* a block of the session's workspace */
} value_home;

typedef struct engine_value {
    onnx_type type;
    value_home home;
    uint32_t slot;          /* HOME_SLOT */
    const tensor *constant; /* HOME_CONSTANT */
    const tensor *keys;     /* of a sequence of maps */
} engine_value;

typedef struct engine_node {
    const kernel *op;
    void *state;
    arena memory;  /* of the state, where the operator is KERNEL_LARGE */
    alf_span name; /* for errors */
    uint32_t input_count, output_count;
    uint32_t *inputs;  /* values; NO_VALUE: left out */
    uint32_t *outputs; /* NO_VALUE: not wanted */
    uint32_t *slots;   /* of the outputs */
    uint32_t own;      /* index of its node_memory, or NO_VALUE */
} engine_node;

typedef struct ort_model ort_model;

struct engine {
    arena memory;
    ort_model *ort; /* NULL: run here; else ONNX Runtime runs it, and there are no nodes */
    size_t max_memory;
    size_t value_count, node_count, slot_count, own_count;
    size_t most_inputs, most_outputs; /* of any node */
    engine_value *values;
    engine_node *nodes;
    size_t input_count, output_count, metadata_count;
    onnx_value_info *inputs, *outputs;
    uint32_t *input_values, *output_values;
    onnx_metadata *metadata;
};

/* What loading knows of one value; indices as in engine.values. */
typedef struct load_value {
    graph_value known;
    value_home home;
    uint32_t root;     /* the value whose memory it has: itself unless a view */
    uint32_t last_use; /* index of the last node that needs root's memory; NO_VALUE: to the end */
    bool needed;
    uint32_t slot;
} load_value;

/* engine_load without engine_compile. */
alf_status engine_load_plain(alf_span file, size_t max_memory, engine **out, alf_error *err);

/* Drops what no output needs, then gives every value its memory: values whose lives do not meet
 * share a slot (plan.c). */
alf_status plan_memory(engine *e, load_value *values, arena *temporary, alf_error *err);

/* Runs only the nodes behind one, as if it had made `value`; what they read besides must be
 * constant or made by them. Outputs as for engine_run (session.c). */
alf_status engine_run_behind(engine_session *s, size_t node, uint32_t value, const tensor *made,
                             tensor *outputs, alf_error *err);

/* Ends a node's state. */
void engine_node_fini(engine_node *node);

/* Ends the large states of nodes [first, end), which will not be run again. */
void engine_drop_large(engine *e, size_t first, size_t end);

#endif
