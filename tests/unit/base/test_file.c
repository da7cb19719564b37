/* Files and errors. */
#include "support/test.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/span.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/alf-test-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    file_remove_tree(folder);
    return file_is_directory(folder);
}

static void path_of(char out[256], const char *name)
{
    assert_int_equal(file_join(out, 256, folder, name, NULL), ALF_OK);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    char path[256];
    alf_error err;
    buf b;
    buf_init(&b);
    path_of(path, "deep/er/file");
    assert_int_equal(file_write(path, SPAN_LITERAL("x"), &err), ALF_E_NOT_FOUND);
    char parent[256];
    path_of(parent, "deep/er");
    must(file_make_directories(parent, &err), &err);
    must(file_make_directories(parent, &err), &err);
    must(file_write(path, SPAN_LITERAL("hello\0there"), &err), &err);
    must(file_read(path, 100, &b, &err), &err);
    assert_int_equal(b.size, 11);
    assert_memory_equal(b.data, "hello\0there", 11);
    must(file_write(path, SPAN_LITERAL(""), &err), &err);
    buf_clear(&b);
    must(file_read(path, 0, &b, &err), &err);
    assert_int_equal(b.size, 0);
    buf_fini(&b);
}

static void limits_and_absence_are_errors_that_name_the_file(void **state)
{
    (void)state;
    char path[256];
    alf_error err;
    buf b;
    buf_init(&b);
    path_of(path, "big");
    must(file_write(path, SPAN_LITERAL("12345"), &err), &err);
    assert_int_equal(file_read(path, 4, &b, &err), ALF_E_LIMIT);
    assert_string_equal(err.file, path);
    assert_int_equal(file_read("/nonexistent/x", 4, &b, &err), ALF_E_NOT_FOUND);
    assert_string_equal(err.file, "/nonexistent/x");
    assert_int_equal(file_read(folder, 100, &b, &err), ALF_E_IO);
    /* A file whose size says 0 but that goes on for ever is still bounded. */
    assert_int_equal(file_read("/dev/zero", 1000, &b, &err), ALF_E_LIMIT);
    path_of(path, "big/below");
    assert_int_equal(file_make_directories(path, &err), ALF_E_IO);
    buf_fini(&b);
}

/* FIPS 180-2, appendix B.1, and the empty message. */
static void sha256_is_the_standard_one(void **state)
{
    (void)state;
    char hex[65];
    assert_int_equal(crypto_sha256_hex(SPAN_LITERAL("abc"), hex, NULL), ALF_OK);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(crypto_sha256_hex((alf_span){NULL, 0}, hex, NULL), ALF_OK);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void errors_read_as_one_printable_line(void **state)
{
    (void)state;
    char text[256];
    alf_error err;
    assert_int_equal(error_at(&err, ALF_E_FORMAT, 12, "bad %s", "a\nb\x1b[1m"), ALF_E_FORMAT);
    error_file(&err, "m.onnx");
    error_file(&err, "other");
    error_node(&err, SPAN_LITERAL("n\1"));
    assert_string_equal(error_text(&err, text, sizeof text),
                        "m.onnx: byte 12: node n?: bad a?b?[1m");
    assert_int_equal(error_set(NULL, ALF_E_LIMIT, "x"), ALF_E_LIMIT);
    assert_string_equal(alf_status_name(ALF_E_INTERNAL), "ALF_E_INTERNAL");
    assert_string_equal(alf_status_name((alf_status)99), "unknown status");
    assert_string_equal(alf_category_name(ALF_NOISE), "noise");
}

static void long_paths_are_refused(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(file_join(out, sizeof out, "abc/", "de", NULL), ALF_OK);
    assert_string_equal(out, "abc/de");
    assert_int_equal(file_join(out, sizeof out, "abcd", "efg", NULL), ALF_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(limits_and_absence_are_errors_that_name_the_file),
        cmocka_unit_test(sha256_is_the_standard_one),
        cmocka_unit_test(errors_read_as_one_printable_line),
        cmocka_unit_test(long_paths_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
