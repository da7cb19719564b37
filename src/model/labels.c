/* labels.json: names by position or by number. */
#include "model/labels.h"

#include "base/span.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

const char *const labels_assumed[LABELS_ASSUMED] = {"critical", "noise", "routine", "suspicious"};

static alf_status take_names(const json_t *root, arena *a, class_labels *out, alf_error *err)
{
    const json_t *list = json_is_object(root) && json_object_get(root, "classes") != NULL
                             ? json_object_get(root, "classes")
                             : root;
    size_t count = json_is_array(list) ? json_array_size(list) : json_object_size(list);
    if (count == 0 || count > LABELS_MAX)
        return error_set(err, ALF_E_FORMAT, "%zu class labels found, expected 1 to %d", count,
                         (int)LABELS_MAX);
    out->names = arena_alloc(a, count, sizeof *out->names);
    if (out->names == NULL)
        return error_nomem(err, "class labels");
    out->count = (uint32_t)count;
    for (uint32_t i = 0; i < out->count; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%" PRIu32, i);
        const json_t *name =
            json_is_array(list) ? json_array_get(list, i) : json_object_get(list, key);
        if (!json_is_string(name))
            return error_set(err, ALF_E_FORMAT, "class label %" PRIu32 " is missing or no string",
                             i);
        size_t size = json_string_length(name);
        const char *copy = arena_strndup(a, json_string_value(name), size);
        if (copy == NULL)
            return error_nomem(err, "class labels");
        out->names[i] = span_of(copy, size);
    }
    return ALF_OK;
}

alf_status labels_parse(alf_span json, arena *a, class_labels *out, alf_error *err)
{
    json_error_t where;
    *out = (class_labels){0};
    json_t *root = json_loadb(json.size > 0 ? json.data : "", json.size, 0, &where);
    if (root == NULL)
        return error_set(err, ALF_E_FORMAT, "not JSON, line %d: %s", where.line, where.text);
    alf_status status = take_names(root, a, out, err);
    json_decref(root);
    return status;
}
