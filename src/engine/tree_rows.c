/* Rows of a tensor as forests read them: numbers of any type widened to double. Integers go through
 * float32 where the forest's arithmetic is float32. */
#include "engine/tree_build.h"

#include <inttypes.h>

enum { CHUNK_ROWS = 64, CHUNK_SUMS = 4096 }; /* at most in one go */

alf_status tree_check_input(const prepare *p, const forest *f)
{
    const graph_value *in = p->inputs[0];
    TRY(prepare_rank(p, 0, 1, 2));
    int64_t columns = in->rank > 0 ? in->dims[in->rank - 1] : DIM_UNKNOWN;
    if (columns >= 0 && columns < (int64_t)f->feature_count)
        return prepare_fail(p, ALF_E_FORMAT,
                            "the trees test %" PRIu32 " features, the input has %" PRId64
                            " columns",
                            f->feature_count, columns);
    return ALF_OK;
}

alf_status tree_rows(const kernel_call *c, const forest *f, uint64_t *rows, uint64_t *columns)
{
    const tensor *t = c->inputs[0];
    if (t->rank != 1 && t->rank != 2)
        return call_fail(c, ALF_E_FORMAT, "an input of rank %" PRIu32 ", expected rows", t->rank);
    *rows = t->rank == 2 ? (uint64_t)t->dims[0] : 1;
    *columns = (uint64_t)t->dims[t->rank - 1];
    if (*columns < f->feature_count)
        return call_fail(c, ALF_E_FORMAT,
                         "the trees test %" PRIu32 " features, the input has %" PRIu64 " columns",
                         f->feature_count, *columns);
    return ALF_OK;
}

void tree_row(const tensor *t, uint64_t row, uint64_t columns, uint32_t feature_count, double *x)
{
    uint64_t at = row * columns;
    for (uint32_t i = 0; i < feature_count; i++) {
        switch (t->type) {
        case ONNX_FLOAT:
            x[i] = (double)((const float *)t->data)[at + i];
            break;
        case ONNX_DOUBLE:
            x[i] = ((const double *)t->data)[at + i];
            break;
        case ONNX_INT32:
            x[i] = (double)((const int32_t *)t->data)[at + i];
            break;
        default:
            x[i] = (double)((const int64_t *)t->data)[at + i];
        }
    }
}

size_t tree_chunk(const forest *f, uint64_t rows)
{
    size_t chunk = CHUNK_SUMS / f->target_count;
    chunk = chunk < 1 ? 1 : chunk > CHUNK_ROWS ? (size_t)CHUNK_ROWS : chunk;
    return chunk < rows ? chunk : (size_t)(rows > 0 ? rows : 1);
}

size_t tree_sum_room(const forest *f, const forest_fast *fast, size_t chunk)
{
    size_t bytes = fast != NULL ? forest_fast_scratch(fast, chunk) : 0;
    return fast != NULL ? bytes / sizeof(double) + 1 : f->feature_count;
}

void tree_sum_rows(const forest *f, const forest_fast *fast, const tensor *t, uint64_t first,
                   size_t n, uint64_t columns, double *sums, double *room)
{
    if (fast != NULL) {
        size_t offset = (size_t)(first * columns) * tensor_element_size(t->type);
        forest_rows rows = {(const char *)t->data + offset, t->type, (size_t)columns};
        forest_fast_sum(fast, &rows, n, sums, room);
        return;
    }
    for (size_t r = 0; r < n; r++) {
        tree_row(t, first + r, columns, f->feature_count, room);
        forest_sum(f, room, sums + r * f->target_count);
    }
}
