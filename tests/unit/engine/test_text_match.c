/*
 * Which classifiers the compiled text path takes: those that treat every row alone. It computes
 * other rows together than the graph would, so a graph that mixes rows must be left alone.
 */
#include "support/test.h"

#include "engine/text_match.h"

/* ArgMax of the sums as label; these probabilities as float. */
static void add_ends(onnx_model *m, const char *probabilities)
{
    alf_error err = {0};
    onnx_node *node;
    must(onnx_add_node(m, "", "Cast", "c", probabilities, "probabilities", &node, &err), &err);
    must(onnx_set_int(m, node, "to", ONNX_FLOAT, &err), &err);
    must(onnx_add_node(m, "", "ArgMax", "l", "sums", "label", &node, &err), &err);
    must(onnx_set_int(m, node, "axis", 1, &err), &err);
    must(onnx_set_int(m, node, "keepdims", 0, &err), &err);
    must(onnx_add_output(m, "label", ONNX_INT64, 1, (const int64_t[]){-1}, &err), &err);
    must(onnx_add_output(m, "probabilities", ONNX_FLOAT, 2, (const int64_t[]){-1, -1}, &err), &err);
}

static onnx_model *new_classifier(void)
{
    static const double matrix[6] = {1, -1, 2, -2, 3, -3};
    static const int64_t axis = 1;
    alf_error err = {0};
    onnx_node *node;
    onnx_model *m = onnx_new("g");
    assert_non_null(m);
    must(onnx_add_opset(m, "", 17, &err), &err);
    must(onnx_add_input(m, "x", ONNX_DOUBLE, 2, (const int64_t[]){-1, 3}, &err), &err);
    must(onnx_add_initializer(m, "matrix", ONNX_DOUBLE, 2, (const int64_t[]){3, 2}, matrix, &err),
         &err);
    must(onnx_add_initializer(m, "axis", ONNX_INT64, 1, (const int64_t[]){1}, &axis, &err), &err);
    must(onnx_add_node(m, "", "MatMul", "m", "x matrix", "sums", &node, &err), &err);
    return m;
}

static void add(onnx_model *m, const char *op, const char *inputs, const char *output)
{
    alf_error err = {0};
    onnx_node *node;
    must(onnx_add_node(m, "", op, output, inputs, output, &node, &err), &err);
}

/* Frees the model. */
static bool is_taken(onnx_model *m)
{
    buf file;
    engine *e;
    text_head head;
    alf_error err = {0};
    buf_init(&file);
    must(onnx_write(m, &file, &err), &err);
    onnx_free(m);
    must(engine_load(buf_span(&file), 0, &e, &err), &err);
    bool taken = text_match_classifier(e, &head);
    engine_free(e);
    buf_fini(&file);
    return taken;
}

static void rows_alone(void **state)
{
    (void)state;
    onnx_model *m = new_classifier();
    add_ends(m, "sums");
    assert_true(is_taken(m));

    m = new_classifier(); /* shares of the row's total */
    add(m, "ReduceSum", "sums axis", "total");
    add(m, "Div", "sums total", "shares");
    add_ends(m, "shares");
    assert_true(is_taken(m));
}

/* total [n,1] minus itself as [n] is [n,n]: each row less every other one. */
static void rows_mixed(void **state)
{
    (void)state;
    onnx_model *m = new_classifier();
    add(m, "ReduceSum", "sums axis", "total");
    add(m, "Squeeze", "total axis", "flat");
    add(m, "Sub", "total flat", "each_less_each");
    add(m, "ReduceSum", "each_less_each axis", "mixed");
    add(m, "Add", "sums mixed", "moved");
    add_ends(m, "moved");
    assert_false(is_taken(m));

    m = new_classifier(); /* the number of a class, added to the columns of that number */
    alf_error err = {0};
    onnx_node *node;
    must(onnx_add_node(m, "", "ArgMax", "a", "sums", "class", &node, &err), &err);
    must(onnx_set_int(m, node, "axis", 1, &err), &err);
    must(onnx_set_int(m, node, "keepdims", 0, &err), &err);
    must(onnx_add_node(m, "", "Cast", "n", "class", "number", &node, &err), &err);
    must(onnx_set_int(m, node, "to", ONNX_DOUBLE, &err), &err);
    add(m, "Add", "sums number", "moved");
    add_ends(m, "moved");
    assert_false(is_taken(m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_alone),
        cmocka_unit_test(rows_mixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
