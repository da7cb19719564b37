/*
 * A forest made ready to be evaluated fast, with the bits that forest_sum gives: the same leaf in
 * every tree, the same additions in the same order and precision.
 *
 * Made once at load from a forest that has passed forest_check, immutable and shared; what a run
 * needs is scratch of the caller. Three ways:
 *   bits  trees of at most 64 leaves: every tree is a word whose set bits are the leaves still
 *         possible (forest_bits.c);
 *   ranks trees of at most 8 levels over at most 8 features: thresholds and values become small
 *         integers, nodes 16 bits (forest_ranks.c);
 *   walk  any trees: small nodes, eight walks at a time (forest_walk.c).
 * Tests of membership or equality, thresholds at the ends of the number line, and features that are
 * rounded first do not compile: such a forest is evaluated by forest_sum.
 */
#ifndef ALF_ENGINE_FOREST_FAST_H
#define ALF_ENGINE_FOREST_FAST_H

#include "base/cpu.h"
#include "model/forest.h"
#include "onnx/onnx.h"

typedef struct forest_fast forest_fast;

typedef enum forest_way { FOREST_ANY_WAY, FOREST_BITS, FOREST_RANKS, FOREST_WALK } forest_way;

/* *out NULL with ALF_OK: this forest does not compile (that way). f must outlive *out; all memory
 * comes from the arena, and where its limit is in the way the forest does not compile either. */
alf_status forest_fast_build(const forest *f, arena *memory, const forest_fast **out,
                             alf_error *err);
/* The same, for tests: that way, with code for that level. */
alf_status forest_fast_build_as(const forest *f, forest_way way, cpu_level level, arena *memory,
                                const forest_fast **out, alf_error *err);
forest_way forest_fast_way(const forest_fast *ff);
/* Whether it reads more of f than its counts, numbers and base: its nodes and values. */
bool forest_fast_reads_nodes(const forest_fast *ff);

/* Rows of numbers as a tensor has them: float, double, int32 or int64. */
typedef struct forest_rows {
    const void *data;
    onnx_type type;
    size_t columns; /* from one row to the next; at least feature_count */
} forest_rows;

/* Bytes of scratch that forest_fast_sum needs for that many rows at once; bounded however many. */
size_t forest_fast_scratch(const forest_fast *ff, size_t rows);

/* out[rows * target_count]: as forest_sum of each row, integers widened to double. */
void forest_fast_sum(const forest_fast *ff, const forest_rows *rows, size_t count, double *out,
                     void *scratch);

#endif
