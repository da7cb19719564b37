/* Rows of a tensor as forests read them: numbers of any type widened to double. Integers go through
 * float32 where the forest's arithmetic is float32. */
#include "engine/tree_build.h"

#include <inttypes.h>

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
