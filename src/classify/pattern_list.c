/* Lists of patterns. */
#include "classify/pattern_list.h"

#include "base/mem.h"
#include "base/span.h"

void pattern_list_fini(pattern_list *list)
{
    mem_free(list->specs);
    mem_free(list->places);
    *list = (pattern_list){.count = 0};
}

static alf_status grow(pattern_list *list, alf_error *err)
{
    size_t capacity = list->capacity > 0 ? list->capacity * 2 : 64;
    pattern_spec *specs = mem_realloc(list->specs, capacity, sizeof *specs);
    if (specs != NULL)
        list->specs = specs;
    struct pattern_place *places = mem_realloc(list->places, capacity, sizeof *places);
    if (places != NULL)
        list->places = places;
    if (specs == NULL || places == NULL)
        return error_nomem(err, "patterns");
    list->capacity = capacity;
    return ALF_OK;
}

alf_status pattern_list_add(pattern_list *list, const pattern_spec *spec, const yaml_node *node,
                            alf_span rule, alf_error *err)
{
    if (list->count == list->capacity)
        TRY(grow(list, err));
    list->specs[list->count] = *spec;
    list->places[list->count++] = (struct pattern_place){node, rule};
    return ALF_OK;
}

alf_status pattern_list_compile(const pattern_list *list, const char *name, pattern_set **out,
                                alf_error *err)
{
    size_t bad;
    alf_error local = {.status = ALF_OK};
    alf_status status = pattern_set_new(list->specs, list->count, true, out, &bad, &local);
    if (status == ALF_OK)
        return ALF_OK;
    if (bad < list->count && list->places[bad].node != NULL) {
        alf_span rule = list->places[bad].rule;
        return yaml_error(list->places[bad].node, name, err, "rule \"%.*s\": %s", span_width(rule),
                          rule.data, local.message);
    }
    if (err != NULL)
        *err = local;
    error_file(err, name);
    return status;
}
