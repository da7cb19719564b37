/*
 * Walking broadcast tensors. Neighbouring dims that behave alike are merged, so that the innermost
 * loop is as long as can be and its strides are 0 (one element for all) or 1.
 */
#ifndef ALF_ENGINE_ELEMENTWISE_H
#define ALF_ENGINE_ELEMENTWISE_H

#include "engine/kernel.h"

enum { WALK_INPUTS = 3 };

typedef struct walk {
    uint32_t rank; /* of the outer dims */
    uint64_t dims[ONNX_MAX_RANK];
    uint64_t position[ONNX_MAX_RANK];
    uint64_t strides[WALK_INPUTS][ONNX_MAX_RANK];
    uint64_t offsets[WALK_INPUTS]; /* elements, of the current inner row */
    size_t inner;                  /* elements of the inner row */
    size_t steps[WALK_INPUTS];     /* 0 or 1 */
    uint64_t rows;                 /* inner rows in all */
} walk;

/* The shape that the inputs given broadcast to. */
alf_status broadcast_shape(const kernel_call *c, uint32_t *rank, int64_t *dims);

/* inputs must be broadcastable to the shape. */
void walk_init(walk *w, uint32_t rank, const int64_t *dims, const tensor *const *inputs,
               size_t count);
void walk_next(walk *w); /* to the next inner row */

/* out[i] = f(a[i * step_a], b[i * step_b]) for n elements. */
typedef void (*loop2)(void *out, const void *a, const void *b, size_t n, size_t step_a,
                      size_t step_b);
typedef void (*loop1)(void *out, const void *in, size_t n);

/* Runs a two-input loop over the whole of out (shape set). out may be a itself when a has its
 * shape. */
void run_loop2(loop2 loop, tensor *out, const tensor *a, const tensor *b);

#endif
