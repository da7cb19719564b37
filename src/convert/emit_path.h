/*
 * A graph that is mostly a chain: each node takes what the last one gave. Models of several steps
 * repeat the same nodes, so names of the first step are plain and those of later steps end in the
 * step's number.
 */
#ifndef ALF_CONVERT_EMIT_PATH_H
#define ALF_CONVERT_EMIT_PATH_H

#include "convert/emit_internal.h"

enum { EMIT_NAME = 48 };

typedef struct emit_path {
    onnx_model *m;
    char last[EMIT_NAME]; /* the value that the next node takes */
    uint32_t number;      /* of the step, from 0 */
    alf_error *err;
} emit_path;

/* The name of a value of this step. */
void emit_path_name(const emit_path *p, const char *name, char out[EMIT_NAME]);

/* op(last, second) -> name, which becomes the last value; second "": op(last). Both names are of
 * this step. */
alf_status emit_path_step(emit_path *p, const char *op, const char *second, const char *name);
/* Where(condition, a, b) -> name, all of this step; "" stands for the last value. */
alf_status emit_path_choose(emit_path *p, const char *condition, const char *a, const char *b,
                            const char *name);
alf_status emit_path_cast(emit_path *p, const char *name, onnx_type type);

#endif
