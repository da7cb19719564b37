/* Nodes one after the other. */
#include "convert/emit_path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void emit_path_name(const emit_path *p, const char *name, char out[EMIT_NAME])
{
    if (p->number == 0)
        (void)snprintf(out, EMIT_NAME, "%s", name);
    else
        (void)snprintf(out, EMIT_NAME, "%s_%" PRIu32, name, p->number + 1);
}

alf_status emit_path_step(emit_path *p, const char *op, const char *second, const char *name)
{
    char inputs[2 * EMIT_NAME], other[EMIT_NAME] = "", full[EMIT_NAME];
    if (*second != '\0')
        emit_path_name(p, second, other);
    emit_path_name(p, name, full);
    (void)snprintf(inputs, sizeof inputs, "%s%s%s", p->last, *second != '\0' ? " " : "", other);
    TRY(emit_node(p->m, op, inputs, full, p->err));
    memcpy(p->last, full, EMIT_NAME);
    return ALF_OK;
}

alf_status emit_path_choose(emit_path *p, const char *condition, const char *a, const char *b,
                            const char *name)
{
    const char *parts[3] = {condition, a, b};
    char inputs[3 * EMIT_NAME], full[EMIT_NAME];
    size_t used = 0;
    for (size_t i = 0; i < 3; i++) {
        emit_path_name(p, parts[i], full);
        int n = snprintf(inputs + used, sizeof inputs - used, "%s%s", i > 0 ? " " : "",
                         *parts[i] != '\0' ? full : p->last);
        used += (size_t)n;
    }
    emit_path_name(p, name, full);
    TRY(emit_node(p->m, "Where", inputs, full, p->err));
    memcpy(p->last, full, EMIT_NAME);
    return ALF_OK;
}

alf_status emit_path_cast(emit_path *p, const char *name, onnx_type type)
{
    char full[EMIT_NAME];
    emit_path_name(p, name, full);
    TRY(emit_cast(p->m, p->last, full, type, p->err));
    memcpy(p->last, full, EMIT_NAME);
    return ALF_OK;
}
