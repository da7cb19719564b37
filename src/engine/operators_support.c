/*
 * What the engine runs, as a table for people. Operators and versions are those of its own table;
 * types are found by asking each operator to prepare itself for data of every type: one it refuses
 * by type is not in the list.
 */
#include "engine/operators_support.h"

#include "engine/operators.h"

#include "base/span.h"

#include <string.h>

enum { MOST_INPUTS = 4 };

static bool takes(const kernel *op, const onnx_type types[MOST_INPUTS])
{
    graph_value values[MOST_INPUTS + 2] = {{.rank = RANK_UNKNOWN}};
    const graph_value *inputs[MOST_INPUTS];
    graph_value *outputs[2] = {&values[MOST_INPUTS], &values[MOST_INPUTS + 1]};
    onnx_node node = {.version = op->until, .op_type = span_from_string(op->name)};
    alf_error ignored = {0};
    arena memory;
    for (size_t i = 0; i < MOST_INPUTS; i++) {
        values[i].rank = RANK_UNKNOWN;
        values[i].type = types[i];
        inputs[i] = &values[i];
    }
    arena_init(&memory, 1 << 20);
    prepare p = {.node = &node,
                 .op = op,
                 .memory = &memory,
                 .input_count = (size_t)op->min_inputs,
                 .output_count = (size_t)op->max_outputs,
                 .inputs = inputs,
                 .outputs = outputs,
                 .err = &ignored};
    /* It may fail for other reasons, such as attributes that are missing. */
    bool taken = op->prepare(&p) == ALF_OK || strstr(ignored.message, PREPARE_WRONG_TYPE) == NULL;
    if (op->life != NULL && op->life->fini != NULL && p.state != NULL)
        op->life->fini(p.state);
    arena_fini(&memory);
    return taken;
}

static bool runs_on(const kernel *op, onnx_type type)
{
    if (op->prepare == prepare_where)
        return takes(op, (const onnx_type[]){ONNX_BOOL, type, type, type});
    return takes(op, (const onnx_type[]){type, type, type, type}) ||
           takes(op, (const onnx_type[]){type, ONNX_INT64, ONNX_INT64, ONNX_INT64}) ||
           takes(op, (const onnx_type[]){type, ONNX_INT64, type, type});
}

static void put_types(buf *out, const kernel *op)
{
    size_t found = 0;
    size_t begin = out->size;
    if (op->min_inputs == 0 || op->min_inputs > MOST_INPUTS) {
        buf_append_string(out, "as its value says");
        return;
    }
    for (int t = ONNX_FLOAT; t <= ONNX_UINT64; t++)
        if (runs_on(op, (onnx_type)t)) {
            buf_printf(out, "%s%s", found > 0 ? ", " : "", onnx_type_name((onnx_type)t));
            found++;
        }
    if (found == ONNX_UINT64 && !out->failed) { /* every one */
        out->size = begin;
        buf_append_string(out, "all");
    }
}

/* Rows of one operator stand together, oldest first. */
void operators_write(buf *out)
{
    const kernel *op, *next;
    buf_append_string(
        out, "\n## Operators\n\n"
             "| domain | operator | versions of the domain | types of its data (newest version) |\n"
             "|---|---|---|---|\n");
    for (size_t i = 0; (op = operator_row(i)) != NULL; i++) {
        int since = op->since;
        while ((next = operator_row(i + 1)) != NULL && strcmp(next->name, op->name) == 0 &&
               strcmp(next->domain, op->domain) == 0) {
            op = next;
            i++;
        }
        buf_printf(out, "| %s | %s | %d", op->domain[0] != '\0' ? op->domain : "ai.onnx", op->name,
                   since);
        if (op->until > since)
            buf_printf(out, " to %d", op->until);
        buf_append_string(out, " | ");
        put_types(out, op);
        buf_append_string(out, " |\n");
    }
}
