/* fuzz: codec -- joblib files and pickles, with small limits; what is read is then looked at. */
#include "codec/joblib.h"

#include <string.h>

enum { BUDGET = 20000, MAX_DEPTH = 60 };

/* The sibling files of an old dump: what follows the pickle in the input, from its last magic. */
static alf_status sibling(void *context, alf_span name, buf *out, alf_error *err)
{
    const alf_span *input = context;
    (void)name;
    (void)err;
    for (size_t i = input->size; i-- > 1;)
        if (memcmp(input->data + i - 1, "\x93N", 2) == 0 ||
            memcmp(input->data + i - 1, "ZF", 2) == 0) {
            buf_append(out, input->data + i - 1, input->size - i + 1);
            break;
        }
    return ALF_OK;
}

static void look_at_array(const value *v)
{
    const value_array *a = &v->as.array;
    arena texts;
    arena_init(&texts, 1 << 16);
    for (uint64_t i = 0; i < a->count && i < 64; i++) {
        double real;
        int64_t integer;
        alf_span text;
        alf_error err;
        (void)value_array_double(a, i, &real);
        (void)value_array_int64(a, i, &integer);
        (void)value_array_string(a, i, &texts, &text, &err);
        for (size_t k = 0; k < a->type.field_count; k++) {
            (void)value_record_double(a, &a->type.fields[k], i, &real);
            (void)value_record_int64(a, &a->type.fields[k], i, &integer);
        }
    }
    (void)value_array_double(a, a->count - 1, &(double){0});
    (void)value_array_field(a, "left_child");
    arena_fini(&texts);
}

/* Values may be cyclic: depth and steps are bounded. */
static void look_at(const value *v, unsigned depth, unsigned *budget)
{
    char text[64];
    double real;
    int64_t integer;
    if (v == NULL || depth > MAX_DEPTH || *budget == 0)
        return;
    (*budget)--;
    (void)value_describe(v, text, sizeof text);
    (void)value_to_double(v, &real);
    (void)value_to_int64(v, &integer);
    (void)value_get(v, "nodes");
    for (size_t i = 0; i < value_length(v) && value_item(v, i) != NULL && *budget > 0; i++)
        look_at(value_item(v, i), depth + 1, budget);
    if (v->kind == VALUE_ARRAY)
        look_at_array(v);
    if (v->kind == VALUE_DICT)
        for (size_t i = 0; i<v->as.dict.count && * budget> 0; i++) {
            look_at(v->as.dict.pairs[i].key, depth + 1, budget);
            look_at(v->as.dict.pairs[i].item, depth + 1, budget);
        }
    if (v->kind == VALUE_OBJECT) {
        (void)value_is_a(v, "sklearn", "Tree");
        (void)value_attribute(v, "nodes");
        look_at(v->as.object.class_, depth + 1, budget);
        look_at(v->as.object.arguments, depth + 1, budget);
        look_at(v->as.object.state, depth + 1, budget);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alf_span input = {(const char *)data, size};
    joblib_options options = {.limits = {.max_bytes = 1 << 20,
                                         .max_memory = 4 << 20,
                                         .max_depth = 50,
                                         .max_values = 20000},
                              .sibling = sibling,
                              .sibling_context = &input};
    joblib_file *file;
    alf_error err = {0};
    alf_status status = joblib_parse(input, &options, &file, &err);
    if (status != ALF_OK && (file != NULL || err.message[0] == '\0'))
        __builtin_trap();
    if (status == ALF_OK) {
        unsigned budget = BUDGET;
        look_at(joblib_root(file), 0, &budget);
    }
    joblib_free(file);
    return 0;
}
