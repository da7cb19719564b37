/*
 * joblib files of many versions, protocols and compressions against what Python says they hold
 * (scripts/fixtures/make_joblib_fixtures.py), then damaged and hostile ones.
 */
#include "codec/joblib.h"

#include "base/file.h"
#include "base/mem.h"
#include "unit/codec/value_dump.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>

#define FIXTURES ALF_TEST_SOURCE_DIR "/tests/unit/codec/fixtures/joblib"
#define NEWEST   FIXTURES "/joblib1.6.0-py3.12-numpy2.5"
#define OLDEST   FIXTURES "/joblib0.9.4-py3.6-numpy1.19"

static void read_fixture(const char *path, buf *out)
{
    alf_error err = {0};
    char text[900];
    buf_init(out);
    if (file_read(path, 1 << 20, out, &err) != ALF_OK)
        fail_msg("%s", error_text(&err, text, sizeof text));
}

/* What the fixture holds, as text. */
static void dump_file(const char *path, buf *out)
{
    alf_error err = {0};
    char text[900];
    joblib_file *file;
    buf_init(out);
    if (joblib_open(path, NULL, &file, &err) != ALF_OK)
        fail_msg("%s", error_text(&err, text, sizeof text));
    dump_value(joblib_root(file), 0, out);
    buf_append_char(out, '\n');
    joblib_free(file);
}

static void compare(const char *path, const buf *found, const buf *expected)
{
    size_t i = 0;
    while (i < found->size && i < expected->size && found->data[i] == expected->data[i])
        i++;
    if (i == found->size && i == expected->size)
        return;
    int begin = (int)(i < 40 ? i : 40);
    fail_msg("%s: character %zu: found ...%.*s, expected ...%.*s", path, i, begin + 40,
             found->data + i - begin, begin + 40, expected->data + i - begin);
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t k = strlen(end);
    return n >= k && strcmp(name + n - k, end) == 0;
}

static int check_folder(const char *folder)
{
    char path[1024];
    buf expected;
    int count = 0;
    assert_int_equal(file_join(path, sizeof path, folder, "expected.txt", NULL), ALF_OK);
    read_fixture(path, &expected);
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        if (!ends_with(entry->d_name, ".joblib") && !ends_with(entry->d_name, ".pkl"))
            continue;
        buf found;
        assert_int_equal(file_join(path, sizeof path, folder, entry->d_name, NULL), ALF_OK);
        dump_file(path, &found);
        compare(path, &found, &expected);
        buf_fini(&found);
        count++;
    }
    closedir(d);
    buf_fini(&expected);
    return count;
}

static void test_fixtures(void **state)
{
    (void)state;
    char path[1024];
    int folders = 0;
    int files = 0;
    DIR *d = opendir(FIXTURES);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        assert_int_equal(file_join(path, sizeof path, FIXTURES, entry->d_name, NULL), ALF_OK);
        files += check_folder(path);
        folders++;
    }
    closedir(d);
    assert_true(folders >= 12);
    assert_true(files >= 40);
}

/* ------------------------------------------------------------------ real models */

#define REFERENCE ALF_TEST_SOURCE_DIR "/../shared/reference/models/v3"

/* The real bundle, where it is there: figures that scikit-learn and XGBoost show for it. */
static void test_reference_models(void **state)
{
    (void)state;
    if (!file_exists(REFERENCE "/anomaly_detector/model.joblib")) {
        print_message("no reference models at " REFERENCE "\n");
        skip();
    }
    alf_error err = {0};
    joblib_file *file;
    int64_t n;
    assert_int_equal(joblib_open(REFERENCE "/anomaly_detector/model.joblib", NULL, &file, &err),
                     ALF_OK);
    const value *forest = value_get(joblib_root(file), "model");
    assert_true(value_is_a(forest, "sklearn.ensemble", "IsolationForest"));
    const value *trees = value_attribute(forest, "estimators_");
    assert_int_equal(value_length(trees), 200);
    const value *tree = value_attribute(value_item(trees, 0), "tree_");
    assert_true(value_is_a(tree, "sklearn.tree._tree", "Tree"));
    const value *nodes = value_attribute(tree, "nodes");
    assert_true(value_to_int64(value_attribute(tree, "node_count"), &n));
    assert_int_equal(n, value_length(nodes));
    assert_int_equal(nodes->as.array.type.item_size, 64);
    const dtype_field *right = value_array_field(&nodes->as.array, "right_child");
    assert_true(value_record_int64(&nodes->as.array, right, 0, &n));
    assert_int_equal(n, 44);
    joblib_free(file);
    assert_int_equal(joblib_open(REFERENCE "/tfidf_xgboost/model.joblib", NULL, &file, &err),
                     ALF_OK);
    const value *vectorizer = value_get(joblib_root(file), "vectorizer");
    assert_int_equal(value_attribute(vectorizer, "vocabulary_")->as.dict.count, 700);
    joblib_free(file);
}

/* ------------------------------------------------------------------ damage */

static alf_status parse_limited(const void *data, size_t size, joblib_limits limits, alf_error *err)
{
    joblib_options options = {.limits = limits};
    joblib_file *file;
    alf_status status = joblib_parse(span_of(data, size), &options, &file, err);
    if (status == ALF_OK) {
        buf text;
        buf_init(&text);
        dump_value(joblib_root(file), 36, &text);
        buf_fini(&text);
    } else
        assert_null(file);
    joblib_free(file);
    return status;
}

static alf_status parse(const void *data, size_t size, alf_error *err)
{
    joblib_limits limits = joblib_default_limits();
    limits.max_memory = limits.max_bytes = (size_t)64 << 20;
    return parse_limited(data, size, limits, err);
}

/* Every beginning of a file fails, with a status that says so, and reads nothing beyond its end
 * (each is an exact heap copy, which AddressSanitizer watches). */
static void check_truncation(const char *path, size_t step)
{
    buf whole;
    read_fixture(path, &whole);
    for (size_t size = 0; size < whole.size; size += step) {
        char *copy = mem_alloc(size);
        assert_non_null(copy);
        memcpy(copy, whole.data, size);
        alf_error err = {0};
        alf_status status = parse(copy, size, &err);
        if (status == ALF_OK)
            fail_msg("%s: the first %zu of %zu bytes were accepted", path, size, whole.size);
        assert_int_equal(status, err.status);
        assert_true(err.message[0] != '\0');
        mem_free(copy);
    }
    buf_fini(&whole);
}

static void test_truncation(void **state)
{
    (void)state;
    check_truncation(NEWEST "/plain.joblib", 1);
    check_truncation(NEWEST "/protocol0.pkl", 7);
    check_truncation(NEWEST "/protocol5.pkl", 3);
    check_truncation(NEWEST "/bz2.joblib", 31);
    check_truncation(NEWEST "/xz.joblib", 31);
}

/* No change of a byte (of every third) may crash or hang; many still parse, to something else. */
static void test_changed_bytes(void **state)
{
    (void)state;
    static const char *const paths[] = {NEWEST "/plain.joblib", NEWEST "/protocol2.pkl",
                                        NEWEST "/zlib.joblib"};
    for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
        buf whole;
        read_fixture(paths[p], &whole);
        for (size_t i = 0; i < whole.size; i += 3) {
            char old = whole.data[i];
            static const char changes[] = {(char)0xFF};
            for (size_t k = 0; k < sizeof changes; k++) {
                whole.data[i] = (char)(old ^ changes[k]);
                (void)parse(whole.data, whole.size, NULL);
            }
            whole.data[i] = old;
        }
        buf_fini(&whole);
    }
}

/* ------------------------------------------------------------------ arrays */

/* GLOBALs of joblib, numpy's dtype and so on, put together by hand. */
#define WRAPPER_BEGIN                                                                              \
    "\x80\x02"                                                                                     \
    "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("                                             \
    "U\x08subclasscnumpy\nndarray\nU\x05orderU\x01"                                                \
    "C"                                                                                            \
    "U\x05"                                                                                        \
    "dtypecnumpy\ndtype\n"
#define DTYPE_F8                                                                                   \
    "(U\x02"                                                                                       \
    "f8K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
#define SHAPE(text)   "U\x05shape(" text "tub"
#define LITERAL(text) (text), sizeof(text) - 1

static void check_status(const void *data, size_t size, alf_status wanted)
{
    alf_error err = {0};
    alf_status status = parse(data, size, &err);
    if (status != wanted)
        fail_msg("%s instead of %s: %s", alf_status_name(status), alf_status_name(wanted),
                 err.message);
}

static void test_shapes(void **state)
{
    (void)state;
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 SHAPE("K\x02") "12345678abcdefgh."), ALF_OK);
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 SHAPE("") "12345678."), ALF_OK);
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 SHAPE("K\x00") "."), ALF_OK);
    /* 2^40 items of 8 bytes in a file of 300 */
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 SHAPE("\x8a\x06\x00\x00\x00\x00\x00\x01") "."),
                 ALF_E_FORMAT);
    /* a negative size; a product beyond 64 bits, also where another size is 0 */
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 SHAPE("J\xff\xff\xff\xff") "."), ALF_E_FORMAT);
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 SHAPE("\x8a\x06\x00\x00\x00\x00\x00\x01"
                                                      "\x8a\x06\x00\x00\x00\x00\x00\x01") "."),
                 ALF_E_FORMAT);
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 SHAPE("\x8a\x06\x00\x00\x00\x00\x00\x01"
                                                      "\x8a\x06\x00\x00\x00\x00\x00\x01K\x00") "."),
                 ALF_E_FORMAT);
    /* nine dimensions, text as a size, None as a shape */
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 SHAPE("K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01"
                                                      "K\x01") "12345678."),
                 ALF_E_UNSUPPORTED);
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 SHAPE("U\x01x") "."), ALF_E_FORMAT);
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 "U\x05shapeNub."), ALF_E_FORMAT);
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 "ub."), ALF_E_FORMAT);
    check_status(LITERAL("cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81Nb."), ALF_E_FORMAT);
    /* the data's padding: longer than the file, and not 0xFF */
#define ALIGNED "U\x1bnumpy_array_alignment_bytesK\x10"
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 ALIGNED SHAPE("K\x01") "\x02\xff\xff"
                                                                       "12345678."),
                 ALF_OK);
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 ALIGNED SHAPE("K\x01") "\xff\xff\xff."),
                 ALF_E_FORMAT);
    check_status(LITERAL(WRAPPER_BEGIN DTYPE_F8 ALIGNED SHAPE("K\x01") "\x02\xff\x00"
                                                                       "12345678."),
                 ALF_E_FORMAT);
}

#define RECORD(names, fields, size)                                                                \
    "(U\x03V16K\x00K\x01tR(K\x03U\x01|N(" names "t}(" fields "uK" size "K\x01K\x00tb"
#define FIELD(name, code, at) "U\x01" name "(cnumpy\ndtype\n(U\x02" code "K\x00K\x01tRK" at "t"

static void test_dtypes(void **state)
{
    (void)state;
    static const char data[] = SHAPE("K\x01") "0123456789abcdef.";
    static const struct {
        const char *dtype;
        size_t size;
        alf_status status;
    } cases[] = {
        {LITERAL(RECORD("U\x01xU\x01y", FIELD("x", "f8", "\x00") FIELD("y", "i4", "\x08"), "\x10")),
         ALF_OK},
        /* overlapping, outside the record, missing, of one name, of an unsupported kind */
        {LITERAL(RECORD("U\x01xU\x01y", FIELD("x", "f8", "\x00") FIELD("y", "i4", "\x04"), "\x10")),
         ALF_E_FORMAT},
        {LITERAL(RECORD("U\x01xU\x01y", FIELD("x", "f8", "\x00") FIELD("y", "f8", "\x09"), "\x10")),
         ALF_E_FORMAT},
        {LITERAL(RECORD("U\x01xU\x01z", FIELD("x", "f8", "\x00") FIELD("y", "i4", "\x08"), "\x10")),
         ALF_E_FORMAT},
        {LITERAL(RECORD("U\x01xU\x01x", FIELD("x", "f8", "\x00") FIELD("y", "i4", "\x08"), "\x10")),
         ALF_E_FORMAT},
        {LITERAL(RECORD("U\x01x", FIELD("x", "c8", "\x00"), "\x10")), ALF_E_UNSUPPORTED},
        {LITERAL(RECORD("U\x01x", FIELD("x", "O8", "\x00"), "\x10")), ALF_E_UNSUPPORTED},
        {LITERAL(RECORD("U\x01x", FIELD("x", "S0", "\x00"), "\x10")), ALF_E_FORMAT},
        /* no fields, another size than the name says, items of 0 bytes */
        {LITERAL(RECORD("", "", "\x10")), ALF_E_LIMIT},
        {LITERAL(RECORD("U\x01x", FIELD("x", "f8", "\x00"), "\x08")), ALF_E_FORMAT},
        {LITERAL("(U\x02S0K\x00K\x01tR"), ALF_E_FORMAT},
        {LITERAL("(U\x02U0K\x00K\x01tR"), ALF_E_FORMAT},
        {LITERAL("(U\x03V16K\x00K\x01tR"), ALF_E_UNSUPPORTED},
        /* unknown kinds and sizes */
        {LITERAL("(U\x03"
                 "f16K\x00K\x01tR"),
         ALF_E_UNSUPPORTED},
        {LITERAL("(U\x02i3K\x00K\x01tR"), ALF_E_UNSUPPORTED},
        {LITERAL("(U\x02M8K\x00K\x01tR"), ALF_E_UNSUPPORTED},
        {LITERAL("(U\x00K\x00K\x01tR"), ALF_E_UNSUPPORTED},
        {LITERAL("(U\x0bS4294967296K\x00K\x01tR"), ALF_E_UNSUPPORTED},
        /* states: too short, no tuple, wrong order, wrong version */
        {LITERAL("(U\x02"
                 "f8K\x00K\x01tR(K\x03tb"),
         ALF_E_FORMAT},
        {LITERAL("(U\x02"
                 "f8K\x00K\x01tRK\x03"
                 "b"),
         ALF_E_FORMAT},
        {LITERAL("(U\x02"
                 "f8K\x00K\x01tR(K\x03U\x01!NNNK\x08K\x08K\x00tb"),
         ALF_E_FORMAT},
        {LITERAL("(U\x02"
                 "f8K\x00K\x01tR(K\x03U\x00NNNK\x08K\x08K\x00tb"),
         ALF_E_FORMAT},
        {LITERAL("(U\x02"
                 "f8K\x00K\x01tR(K\x09U\x01<NNNK\x08K\x08K\x00tb"),
         ALF_E_FORMAT},
        {LITERAL("(U\x02"
                 "f8K\x00K\x01tR(K\x03U\x01<)NNK\x08K\x08K\x00tb"),
         ALF_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[1024];
        size_t n = sizeof(WRAPPER_BEGIN) - 1;
        memcpy(file, WRAPPER_BEGIN, n);
        memcpy(file + n, cases[i].dtype, cases[i].size);
        memcpy(file + n + cases[i].size, data, sizeof data - 1);
        alf_error err = {0};
        alf_status status = parse(file, n + cases[i].size + sizeof data - 1, &err);
        if (status != cases[i].status)
            fail_msg("dtype %zu: %s instead of %s: %s", i, alf_status_name(status),
                     alf_status_name(cases[i].status), err.message);
    }
}

/* ------------------------------------------------------------------ siblings */

#define SIBLING(name)                                                                              \
    "\x80\x02"                                                                                     \
    "cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}(U\x08"                                           \
    "filenameV" name "\nub."

static alf_status sibling(void *context, alf_span name, buf *out, alf_error *err)
{
    (void)name;
    (void)err;
    buf_append_string(out, context);
    return ALF_OK;
}

static void test_sibling_names(void **state)
{
    (void)state;
    static const char *const bad[] = {
        SIBLING("/etc/passwd"), SIBLING("../x"), SIBLING("a/b"),
        SIBLING(".."),          SIBLING("."),    SIBLING(""),
        SIBLING(".hidden"),     SIBLING("a..b"), SIBLING("a\\u0000b")};
    char content[] = "";
    joblib_options options = {
        .limits = joblib_default_limits(), .sibling = sibling, .sibling_context = content};
    joblib_file *file;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        alf_error err = {0};
        assert_int_equal(joblib_parse(span_from_string(bad[i]), &options, &file, &err),
                         ALF_E_REFUSED);
        assert_non_null(strstr(err.message, "file"));
    }
    check_status(LITERAL(SIBLING("model.pkl_01.npy")), ALF_E_UNSUPPORTED); /* no callback */
}

/* joblib_open reads only siblings that begin with the file's own name. */
static void test_sibling_of_another_file(void **state)
{
    (void)state;
    alf_error err = {0};
    joblib_file *file;
    buf content;
    char path[] = "/tmp/test_joblib_XXXXXX";
    assert_int_equal(joblib_open(OLDEST "/plain.joblib", NULL, &file, &err), ALF_OK);
    joblib_free(file);
    read_fixture(OLDEST "/plain.joblib", &content);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(file_write(path, buf_span(&content), &err), ALF_OK);
    assert_int_equal(joblib_open(path, NULL, &file, &err), ALF_E_REFUSED);
    assert_non_null(strstr(err.message, "plain.joblib_01.npy"));
    (void)remove(path);
    buf_fini(&content);
}

static alf_status give(void *context, alf_span name, buf *out, alf_error *err)
{
    (void)name;
    (void)err;
    buf_append_span(out, *(const alf_span *)context);
    return ALF_OK;
}

static void test_npy(void **state)
{
    (void)state;
#define NPY(size, header) LITERAL("\x93NUMPY\x01\x00" size "\x00" header "12345678")
    static const struct {
        const char *file;
        size_t size;
        alf_status status;
    } cases[] = {
        {NPY("\x37", "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"), ALF_OK},
        {NPY("\x38", "{'descr': '<f8', 'fortran_order': False, 'shape': (1L,)}"), ALF_OK},
        {NPY("\x34", "{'shape': (), 'fortran_order': True, 'descr': '<f8'}"), ALF_OK},
        {NPY("\x4b", "{'descr': [('a', '<f4'), ('', 'V0'), ('b', '<i4')], 'fortran_order': False,"),
         ALF_E_FORMAT},
        {NPY("\x4e", "{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, "
                     "'shape': (1,)}"),
         ALF_OK},
        {NPY("\x37", "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}"), ALF_E_FORMAT},
        {NPY("\x37", "{'descr': '|O8', 'fortran_order': False, 'shape': (1,)}"), ALF_E_UNSUPPORTED},
        {NPY("\x25", "{'descr': '<f8', 'descr': '<f8', '   "), ALF_E_FORMAT},
        {NPY("\xff", "{'descr': '<f8'}"), ALF_E_FORMAT},
        {NPY("\x4a", "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
         ALF_E_FORMAT},
        {LITERAL("\x93NUMPY\x07\x00\x02\x00{}      "), ALF_E_FORMAT},
        {LITERAL("\x93NUMPY"), ALF_E_FORMAT},
        {LITERAL(""), ALF_E_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alf_span content = span_of(cases[i].file, cases[i].size);
        alf_error err = {0};
        joblib_file *file;
        joblib_options options = {
            .limits = joblib_default_limits(), .sibling = give, .sibling_context = &content};
        alf_status status = joblib_parse(SPAN_LITERAL(SIBLING("a.npy")), &options, &file, &err);
        if (status != cases[i].status)
            fail_msg(".npy %zu: %s instead of %s: %s", i, alf_status_name(status),
                     alf_status_name(cases[i].status), err.message);
        joblib_free(file);
    }
}

/* ------------------------------------------------------------------ limits */

static void test_limits(void **state)
{
    (void)state;
    buf plain;
    alf_error err = {0};
    read_fixture(NEWEST "/plain.joblib", &plain);
    joblib_limits limits = joblib_default_limits();
    limits.max_bytes = plain.size;
    assert_int_equal(parse_limited(plain.data, plain.size, limits, &err), ALF_OK);
    limits.max_bytes--;
    assert_int_equal(parse_limited(plain.data, plain.size, limits, &err), ALF_E_LIMIT);
    limits = joblib_default_limits();
    limits.max_depth = 3;
    assert_int_equal(parse_limited(plain.data, plain.size, limits, &err), ALF_E_LIMIT);
    limits = joblib_default_limits();
    limits.max_values = 100;
    assert_int_equal(parse_limited(plain.data, plain.size, limits, &err), ALF_E_LIMIT);
    for (size_t memory = 0; memory < 16384; memory += 512) {
        limits = joblib_default_limits();
        limits.max_memory = memory;
        assert_int_equal(parse_limited(plain.data, plain.size, limits, &err), ALF_E_LIMIT);
    }
    buf_fini(&plain);
}

static size_t resident_bytes(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss * 1024;
}

/* 10 MiB of zeros in 10 KB of gzip, 400 times over: 4 GiB, of which 16 MiB are allowed. */
static void test_bomb(void **state)
{
    (void)state;
    buf member;
    buf bomb;
    alf_error err = {0};
    read_fixture(FIXTURES "/../joblib_bomb.gz", &member);
    buf_init(&bomb);
    for (int i = 0; i < 400; i++)
        buf_append(&bomb, member.data, member.size);
    joblib_limits limits = joblib_default_limits();
    limits.max_bytes = (size_t)16 << 20;
    size_t before = resident_bytes();
    assert_int_equal(parse_limited(bomb.data, bomb.size, limits, &err), ALF_E_LIMIT);
    assert_true(resident_bytes() - before < (size_t)128 << 20);
    buf_fini(&member);
    buf_fini(&bomb);
}

/* Empty members of 14 bytes, each of which would cost a decoder. */
static void test_many_members(void **state)
{
    (void)state;
    buf file;
    alf_error err = {0};
    buf_init(&file);
    for (int i = 0; i < 10001; i++)
        buf_append(&file, "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20);
    assert_int_equal(parse(file.data, file.size, &err), ALF_E_LIMIT);
    assert_non_null(strstr(err.message, "members"));
    assert_int_equal(parse(file.data, 20, &err), ALF_E_FORMAT); /* empty */
    buf_fini(&file);
}

static void test_zf_header(void **state)
{
    (void)state;
    buf good;
    read_fixture(OLDEST "/zf.joblib", &good);
    assert_memory_equal(good.data, "ZF0x", 4);
    char saved = good.data[4];
    good.data[4] = saved == '1' ? '2' : '1'; /* another length than there is */
    check_status(good.data, good.size, ALF_E_FORMAT);
    good.data[4] = 'g';
    check_status(good.data, good.size, ALF_E_FORMAT);
    memcpy(good.data + 4, "7fffffffffffffff ", 17);
    check_status(good.data, good.size, ALF_E_LIMIT);
    buf_fini(&good);
}

static void test_not_joblib(void **state)
{
    (void)state;
    check_status("", 0, ALF_E_FORMAT);
    check_status(LITERAL("hello"), ALF_E_FORMAT);
    check_status(LITERAL("\x78\x9c"), ALF_E_FORMAT);
    check_status(LITERAL("\x1f\x8b"), ALF_E_FORMAT);
    check_status(LITERAL("BZ"), ALF_E_FORMAT);
    check_status(LITERAL("\x04\x22\x4d\x18"), ALF_E_FORMAT);
    check_status(LITERAL("\xfd\x37\x7a\x58\x5a\x00"), ALF_E_FORMAT);
    check_status(LITERAL("\x5d\x00\x00"), ALF_E_FORMAT);
    check_status(LITERAL("ZF"), ALF_E_FORMAT);
    /* an lzma header that wants a 4 GiB dictionary */
    check_status(LITERAL("\x5d\x00\x00\x00\xff\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
                 ALF_E_LIMIT);
    alf_error err = {0};
    joblib_file *file;
    assert_int_equal(joblib_open(FIXTURES "/absent.joblib", NULL, &file, &err), ALF_E_NOT_FOUND);
    assert_non_null(strstr(err.file, "absent.joblib"));
    assert_null(file);
}

/* ------------------------------------------------------------------ out of memory */

static void check_allocation(const char *path)
{
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        joblib_file *file;
        alf_error err = {0};
        (void)mem_fail_after(n);
        status = joblib_open(path, NULL, &file, &err);
        (void)mem_fail_after(0);
        if (status != ALF_OK && status != ALF_E_NOMEM)
            fail_msg("%s: allocation %llu: %s: %s", path, (unsigned long long)n,
                     alf_status_name(status), err.message);
        joblib_free(file);
        assert_true(n < 1000);
    }
}

static void test_allocation_failure(void **state)
{
    (void)state;
    check_allocation(NEWEST "/plain.joblib");
    check_allocation(NEWEST "/protocol0.pkl");
    check_allocation(NEWEST "/gzip.joblib");
    check_allocation(NEWEST "/bz2.joblib");
    check_allocation(NEWEST "/xz.joblib");
    check_allocation(NEWEST "/lzma.joblib");
    check_allocation(NEWEST "/lz4.joblib");
    check_allocation(OLDEST "/plain.joblib");
    check_allocation(OLDEST "/zf.joblib");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_reference_models),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_sibling_names),
        cmocka_unit_test(test_sibling_of_another_file),
        cmocka_unit_test(test_npy),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_zf_header),
        cmocka_unit_test(test_not_joblib),
        cmocka_unit_test(test_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
