/*
 * The stack machine, opcode by opcode: what pickletools says each does, what is refused, and what
 * hostile pickles may cost. Expected values follow Python's own results for the same bytes.
 */
#include "codec/pickle.h"

#include "base/mem.h"
#include "codec/joblib.h"
#include "unit/codec/value_dump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>

#define LITERAL(text) (text), sizeof(text) - 1

static alf_status parse(const void *data, size_t size, buf *text, alf_error *err)
{
    joblib_options options = {.limits = joblib_default_limits()};
    options.limits.max_memory = (size_t)8 << 20;
    joblib_file *file;
    alf_status status = joblib_parse(span_of(data, size), &options, &file, err);
    if (status == ALF_OK && text != NULL)
        dump_value(joblib_root(file), 0, text);
    joblib_free(file);
    return status;
}

typedef struct reading {
    const char *bytes;
    size_t size;
    const char *expected;
} reading;

static void check_readings(const reading *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf text;
        alf_error err = {0};
        buf_init(&text);
        if (parse(cases[i].bytes, cases[i].size, &text, &err) != ALF_OK)
            fail_msg("case %zu (%s): %s", i, cases[i].expected, err.message);
        buf_append_char(&text, '\0');
        assert_string_equal(text.data, cases[i].expected);
        buf_fini(&text);
    }
}

typedef struct refusal {
    const char *bytes;
    size_t size;
    alf_status status;
    const char *message; /* a part of it; NULL: any */
} refusal;

static void check_refusals(const refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alf_error err = {0};
        alf_status status = parse(cases[i].bytes, cases[i].size, NULL, &err);
        if (status != cases[i].status)
            fail_msg("case %zu: %s instead of %s: %s", i, alf_status_name(status),
                     alf_status_name(cases[i].status), err.message);
        if (cases[i].message != NULL && strstr(err.message, cases[i].message) == NULL)
            fail_msg("case %zu: '%s' is not in: %s", i, cases[i].message, err.message);
    }
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ------------------------------------------------------------------ opcodes */

static void test_numbers(void **state)
{
    (void)state;
    static const reading cases[] = {
        {LITERAL("N."), "None"},
        {LITERAL("I01\n."), "True"},
        {LITERAL("I00\n."), "False"},
        {LITERAL("\x88."), "True"},
        {LITERAL("\x89."), "False"},
        {LITERAL("I1\n."), "1"},
        {LITERAL("I-17\n."), "-17"},
        {LITERAL("I9223372036854775807\n."), "9223372036854775807"},
        {LITERAL("I-9223372036854775808\n."), "-9223372036854775808"},
        {LITERAL("L5\n."), "5"},
        {LITERAL("L-5L\n."), "-5"},
        {LITERAL("L9223372036854775808L\n."), "b\"9223372036854775808\""},
        {LITERAL("I-9223372036854775809\n."), "b\"-9223372036854775809\""},
        {LITERAL("K\xff."), "255"},
        {LITERAL("M\xff\xff."), "65535"},
        {LITERAL("J\xfe\xff\xff\xff."), "-2"},
        {LITERAL("J\xff\xff\xff\x7f."), "2147483647"},
        {LITERAL("\x8a\x00."), "0"},
        {LITERAL("\x8a\x01\xff."), "-1"},
        {LITERAL("\x8a\x02\xff\x00."), "255"},
        {LITERAL("\x8a\x02\x00\x80."), "-32768"},
        {LITERAL("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f."), "9223372036854775807"},
        {LITERAL("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), "-9223372036854775808"},
        {LITERAL("\x8a\x0a\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00."), "7"},
        {LITERAL("\x8a\x0a\xf9\xff\xff\xff\xff\xff\xff\xff\xff\xff."), "-7"},
        {LITERAL("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00."),
         "b\"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\\x00\""},
        {LITERAL("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xff."),
         "b\"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xff\""},
        {LITERAL("\x8b\x02\x00\x00\x00\xff\x00."), "255"},
        {LITERAL("F1.5\n."), "f3ff8000000000000"},
        {LITERAL("F-1e+300\n."), "ffe37e43c8800759c"},
        {LITERAL("Finf\n."), "f7ff0000000000000"},
        {LITERAL("F-inf\n."), "ffff0000000000000"},
        {LITERAL("Fnan\n."), "nan"},
        {LITERAL("F3\n."), "f4008000000000000"},
        {LITERAL("G\x3f\xf8\x00\x00\x00\x00\x00\x00."), "f3ff8000000000000"},
    };
    check_readings(cases, COUNT(cases));
}

static void test_strings(void **state)
{
    (void)state;
    static const reading cases[] = {
        {LITERAL("S'a\\n\\x41\\101\\\\\\'\\q'\n."), "\"a\\x0aAA\\x5c'\\x5cq\""},
        {LITERAL("S\"it's\"\n."), "\"it's\""},
        {LITERAL("S'\\xc3\\xa9'\n."), "\"\\xc3\\xa9\""},
        {LITERAL("S'\\xe9'\n."), "b\"\\xe9\""},
        {LITERAL("U\x02\xc3\xa9."), "\"\\xc3\\xa9\""},
        {LITERAL("U\x01\xe9."), "b\"\\xe9\""},
        {LITERAL("T\x03\x00\x00\x00"
                 "abc."),
         "\"abc\""},
        {LITERAL("Va\\u20ac\\U0001f600\\u005c\\\\u0041\xe9\n."),
         "\"a\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80\\x5c\\x5c\\x5cu0041\\xc3\\xa9\""},
        {LITERAL("V\n."), "\"\""},
        {LITERAL("X\x02\x00\x00\x00\xc3\xa9."), "\"\\xc3\\xa9\""},
        {LITERAL("\x8c\x01z."), "\"z\""},
        {LITERAL("\x8d\x01\x00\x00\x00\x00\x00\x00\x00z."), "\"z\""},
        {LITERAL("B\x01\x00\x00\x00\xff."), "b\"\\xff\""},
        {LITERAL("C\x01\xff."), "b\"\\xff\""},
        {LITERAL("\x8e\x01\x00\x00\x00\x00\x00\x00\x00\xff."), "b\"\\xff\""},
        {LITERAL("\x96\x01\x00\x00\x00\x00\x00\x00\x00\xff."), "b\"\\xff\""},
    };
    check_readings(cases, COUNT(cases));
}

static void test_containers(void **state)
{
    (void)state;
    static const reading cases[] = {
        {LITERAL("]."), "[]"},
        {LITERAL(")."), "()"},
        {LITERAL("}."), "{}"},
        {LITERAL("\x8f."), "set()"},
        {LITERAL("(lp0\nI1\naI2\na."), "[1 2]"},
        {LITERAL("(I1\nI2\nl."), "[1 2]"},
        {LITERAL("](K\x01K\x02"
                 "e."),
         "[1 2]"},
        {LITERAL("(I1\nI2\nt."), "(1 2)"},
        {LITERAL("K\x01\x85."), "(1)"},
        {LITERAL("K\x01K\x02\x86."), "(1 2)"},
        {LITERAL("K\x01K\x02K\x03\x87."), "(1 2 3)"},
        {LITERAL("(dp0\nVk\nI1\ns."), "{\"k\":1}"},
        {LITERAL("(Vk\nI1\nd."), "{\"k\":1}"},
        {LITERAL("}(K\x01K\x02K\x03K\x04u."), "{1:2 3:4}"},
        {LITERAL("\x8f(K\x02K\x01\x90."), "set(1 2)"},
        {LITERAL("(K\x02K\x01\x91."), "set(1 2)"},
        /* stack, mark and memo */
        {LITERAL("K\x01K\x02"
                 "0."),
         "1"},
        {LITERAL("K\x01(K\x02K\x03"
                 "1."),
         "1"},
        {LITERAL("K\x01("
                 "0."),
         "1"},
        {LITERAL("K\x01"
                 "2\x86."),
         "(1 1)"},
        {LITERAL("K\x07p3\n0g3\n."), "7"},
        {LITERAL("K\x07q\x01"
                 "0h\x01."),
         "7"},
        {LITERAL("K\x07r\x02\x00\x00\x00"
                 "0j\x02\x00\x00\x00."),
         "7"},
        {LITERAL("K\x07\x94K\x08\x94h\x01h\x00\x86."), "(8 7)"},
        {LITERAL("\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01."), "1"},
        {LITERAL("K\x01.rest that is not read"), "1"},
    };
    check_readings(cases, COUNT(cases));
}

static void test_objects(void **state)
{
    (void)state;
    static const reading cases[] = {
        {LITERAL("cnumpy\nfloat64\n."), "<numpy.float64>"},
        {LITERAL("\x8c\x05numpy\x8c\x07"
                 "float64\x93."),
         "<numpy.float64>"},
        {LITERAL("csklearn.a\nB\n)R."), "<sklearn.a.B>()"},
        {LITERAL("csklearn.a\nB\n)\x81}\x8c\x01xK\x01sb."), "<sklearn.a.B>(){\"x\":1}"},
        {LITERAL("csklearn.a\nB\nK\x01\x85}\x92."), "<sklearn.a.B>(1)"},
        {LITERAL("csklearn.a\nB\nK\x01\x85}K\x02K\x03s\x92."), "<sklearn.a.B>(1 {2:3})"},
        {LITERAL("(K\x01isklearn.a\nB\n."), "<sklearn.a.B>(1)"},
        {LITERAL("(csklearn.a\nB\nK\x01o."), "<sklearn.a.B>(1)"},
        {LITERAL("ccopy_reg\n_reconstructor\n(csklearn.a\nB\nc__builtin__\nobject\nNtR."),
         "<sklearn.a.B>()"},
        {LITERAL("ccopyreg\n__newobj__\n(csklearn.a\nB\nK\x05tR."), "<sklearn.a.B>(5)"},
        /* derived from dict and list */
        {LITERAL("csklearn.a\nB\n)\x81K\x01K\x02s."), "<sklearn.a.B>(){1:2}"},
        {LITERAL("csklearn.a\nB\n)\x81K\x01K\x02s}K\x03K\x04sb."), "<sklearn.a.B>(){1:2 3:4}"},
        {LITERAL("csklearn.a\nB\n)\x81K\x01"
                 "a."),
         "<sklearn.a.B>()[1]"},
        /* the plain kinds that classes stand for */
        {LITERAL("ccollections\nOrderedDict\n(](]K\x01"
                 "aK\x02"
                 "aetR."),
         "{1:2}"},
        {LITERAL("ccollections\nOrderedDict\n)RK\x01K\x02s."), "{1:2}"},
        {LITERAL("ccollections\ndefaultdict\nc__builtin__\nint\n\x85RK\x01K\x02s."), "{1:2}"},
        {LITERAL("ccollections\nCounter\n}K\x01K\x02s\x85R."), "{1:2}"},
        {LITERAL("cbuiltins\nset\n](K\x01K\x02"
                 "e\x85R."),
         "set(1 2)"},
        {LITERAL("c__builtin__\nfrozenset\n)R."), "set()"},
        {LITERAL("cbuiltins\nbytearray\nC\x01\x80\x85R."), "b\"\\x80\""},
        {LITERAL("c__builtin__\nbytearray\nV\xe9\nVlatin-1\n\x86R."), "b\"\\xe9\""},
        {LITERAL("c_codecs\nencode\nV\xe9\xff\nVlatin1\n\x86R."), "b\"\\xe9\\xff\""},
        {LITERAL("c__builtin__\nbytes\n)R."), "b\"\""},
        {LITERAL("cbuiltins\nslice\nK\x01K\x02N\x87R."), "<builtins.slice>(1 2 None)"},
        /* scalars of numpy */
        {LITERAL("cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n(U\x02i2K\x00K\x01tRU\x02\x01\x02"
                 "\x86R."),
         "513"},
        {LITERAL("cnumpy._core.multiarray\nscalar\ncnumpy\ndtype\n(U\x02i2K\x00K\x01tR(K\x03U\x01>"
                 "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x02\x01\x02\x86R."),
         "258"},
    };
    check_readings(cases, COUNT(cases));
}

/* ------------------------------------------------------------------ refusals */

static void test_forbidden_globals(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {LITERAL("cos\nsystem\n(S'echo'\ntR."), ALF_E_REFUSED, "os.system"},
        {LITERAL("\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R."), ALF_E_REFUSED,
         "os.system"},
        {LITERAL("\x80\x04X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93."), ALF_E_REFUSED,
         "os.system"},
        {LITERAL("\x80\x02U\x02osU\x06system\x93."), ALF_E_REFUSED, "os.system"},
        {LITERAL("Vo\\u0073\nV\\u0073ystem\n\x93."), ALF_E_REFUSED, "os.system"},
        {LITERAL("(S'echo'\nios\nsystem\n."), ALF_E_REFUSED, "os.system"},
        {LITERAL("(cos\nsystem\nS'echo'\no."), ALF_E_REFUSED, "os.system"},
        {LITERAL("cposix\nsystem\n."), ALF_E_REFUSED, "posix.system"},
        {LITERAL("cnt\nsystem\n."), ALF_E_REFUSED, "nt.system"},
        {LITERAL("csubprocess\nPopen\n."), ALF_E_REFUSED, "subprocess.Popen"},
        {LITERAL("cbuiltins\neval\n."), ALF_E_REFUSED, "builtins.eval"},
        {LITERAL("c__builtin__\nexec\n."), ALF_E_REFUSED, "__builtin__.exec"},
        {LITERAL("cbuiltins\ngetattr\n."), ALF_E_REFUSED, "builtins.getattr"},
        {LITERAL("cbuiltins\n__import__\n."), ALF_E_REFUSED, "__import__"},
        {LITERAL("cbuiltins\ntype\n."), ALF_E_REFUSED, "builtins.type"},
        {LITERAL("cfunctools\npartial\n."), ALF_E_REFUSED, "functools.partial"},
        {LITERAL("coperator\nattrgetter\n."), ALF_E_REFUSED, "operator"},
        {LITERAL("cimportlib\nimport_module\n."), ALF_E_REFUSED, "importlib"},
        {LITERAL("cnumpy\nload\n."), ALF_E_REFUSED, "numpy.load"},
        {LITERAL("cnumpy.ma.core\n_mareconstruct\n."), ALF_E_REFUSED, "numpy.ma"},
        {LITERAL("cnumpy.f2py\nB\n."), ALF_E_REFUSED, NULL},
        {LITERAL("cjoblib\nload\n."), ALF_E_REFUSED, "joblib.load"},
        {LITERAL("cjoblib.numpy_pickle\nload\n."), ALF_E_REFUSED, NULL},
        {LITERAL("c__main__\nModel\n."), ALF_E_REFUSED, "__main__.Model"},
        /* not quite the packages of estimators, and not quite classes of theirs */
        {LITERAL("csklearnx.a\nB\n."), ALF_E_REFUSED, NULL},
        {LITERAL("cxsklearn\nB\n."), ALF_E_REFUSED, NULL},
        {LITERAL("csklearn.utils\nos.system\n."), ALF_E_REFUSED, NULL},
        {LITERAL("csklearn.utils\nBunch.os\n."), ALF_E_REFUSED, NULL},
        {LITERAL("csklearn.utils\nB C\n."), ALF_E_REFUSED, NULL},
        {LITERAL("csklearn.a b\nB\n."), ALF_E_REFUSED, NULL},
        {LITERAL("csklearn\n\n."), ALF_E_REFUSED, NULL},
        {LITERAL("c\n\n."), ALF_E_REFUSED, NULL},
        {LITERAL("csklearn.externals\nload\n."), ALF_E_REFUSED, NULL},
        {LITERAL("cscipy.sparse.csr\nload_npz\n."), ALF_E_REFUSED, NULL},
        {LITERAL("cscipy.sparse.csr\ncsc_matrix\n."), ALF_E_REFUSED, NULL},
        {LITERAL("cnumpy.random\nseed\n."), ALF_E_REFUSED, NULL},
        /* what lies outside the file */
        {LITERAL("P1\n."), ALF_E_REFUSED, NULL},
        {LITERAL("K\x01Q."), ALF_E_REFUSED, NULL},
        {LITERAL("\x82\x01."), ALF_E_REFUSED, NULL},
        {LITERAL("\x83\x01\x00."), ALF_E_REFUSED, NULL},
        {LITERAL("\x84\x01\x00\x00\x00."), ALF_E_REFUSED, NULL},
        {LITERAL("\x97."), ALF_E_REFUSED, NULL},
        {LITERAL("K\x01\x98."), ALF_E_REFUSED, NULL},
    };
    check_refusals(cases, COUNT(cases));
}

/* The error says where the name is, also when it is inside an object array's own pickle. */
static void test_offset_of_refusal(void **state)
{
    (void)state;
    alf_error err = {0};
    assert_int_equal(parse(LITERAL("K\x01K\x02\x86"
                                   "cos\nsystem\n."),
                           NULL, &err),
                     ALF_E_REFUSED);
    assert_int_equal(err.offset, 5);
    static const char nested[] = "\x80\x02"
                                 "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
                                 "U\x05orderU\x01"
                                 "CU\x05shapeK\x01\x85U\x05"
                                 "dtypecnumpy\ndtype\n(U\x02O8K\x00K\x01tRub"
                                 "\x80\x02"
                                 "cos\nsystem\n.";
    assert_int_equal(parse(LITERAL(nested), NULL, &err), ALF_E_REFUSED);
    assert_int_equal(err.offset, sizeof nested - 1 - 12);
}

static void test_malformed(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {LITERAL("."), ALF_E_FORMAT, "empty stack"},
        {LITERAL("N"), ALF_E_FORMAT, "cut short"},
        {LITERAL("\x80\x06N."), ALF_E_UNSUPPORTED, "protocol 6"},
        {LITERAL("\xff."), ALF_E_FORMAT, "opcode"},
        {LITERAL("0."), ALF_E_FORMAT, NULL},
        {LITERAL("1."), ALF_E_FORMAT, NULL},
        {LITERAL("2."), ALF_E_FORMAT, NULL},
        {LITERAL("K\x01(."), ALF_E_FORMAT, NULL},
        {LITERAL("K\x01(\x85."), ALF_E_FORMAT, NULL},
        {LITERAL("t."), ALF_E_FORMAT, NULL},
        {LITERAL("(e."), ALF_E_FORMAT, NULL},
        {LITERAL("K\x01("
                 "e."),
         ALF_E_FORMAT, NULL},
        {LITERAL("K\x01K\x02"
                 "a."),
         ALF_E_FORMAT, NULL},
        {LITERAL("](K\x01u."), ALF_E_FORMAT, NULL},
        {LITERAL("}(K\x01u."), ALF_E_FORMAT, "key"},
        {LITERAL("(K\x01"
                 "d."),
         ALF_E_FORMAT, NULL},
        {LITERAL("h\x05."), ALF_E_FORMAT, "memo"},
        {LITERAL("g-1\n."), ALF_E_FORMAT, NULL},
        {LITERAL("gx\n."), ALF_E_FORMAT, NULL},
        {LITERAL("j\xff\xff\xff\xff."), ALF_E_FORMAT, NULL},
        {LITERAL("Ix\n."), ALF_E_FORMAT, NULL},
        {LITERAL("I\n."), ALF_E_FORMAT, NULL},
        {LITERAL("I-\n."), ALF_E_FORMAT, NULL},
        {LITERAL("I5"), ALF_E_FORMAT, NULL},
        {LITERAL("Fx\n."), ALF_E_FORMAT, NULL},
        {LITERAL("F\n."), ALF_E_FORMAT, NULL},
        {LITERAL("F1.5.5\n."), ALF_E_FORMAT, NULL},
        {LITERAL("F0x10\n."), ALF_E_FORMAT, NULL},
        {LITERAL("S'a\n."), ALF_E_FORMAT, NULL},
        {LITERAL("S'\n."), ALF_E_FORMAT, NULL},
        {LITERAL("Sa\n."), ALF_E_FORMAT, NULL},
        {LITERAL("S'\\x4'\n."), ALF_E_FORMAT, NULL},
        {LITERAL("S'\\'\n."), ALF_E_FORMAT, NULL},
        {LITERAL("V\\u12\n."), ALF_E_FORMAT, NULL},
        {LITERAL("V\\ud800\n."), ALF_E_FORMAT, NULL},
        {LITERAL("V\\U00110000\n."), ALF_E_FORMAT, NULL},
        {LITERAL("X\x01\x00\x00\x00\xff."), ALF_E_FORMAT, "UTF-8"},
        /* lengths: negative, and beyond what is there */
        {LITERAL("T\xff\xff\xff\xff."), ALF_E_FORMAT, "negative"},
        {LITERAL("\x8b\xff\xff\xff\xff."), ALF_E_FORMAT, "negative"},
        {LITERAL("X\xff\xff\xff\xff."), ALF_E_FORMAT, "cut short"},
        {LITERAL("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), ALF_E_FORMAT, "cut short"},
        {LITERAL("\x8e\x00\x00\x00\x00\x00\x01\x00\x00."), ALF_E_FORMAT, "cut short"},
        {LITERAL("\x96\xff\xff\xff\xff\xff\xff\xff\x7f."), ALF_E_FORMAT, "cut short"},
        /* calls and states of the wrong kind */
        {LITERAL("K\x01)R."), ALF_E_FORMAT, NULL},
        {LITERAL("cnumpy\ndtype\nK\x01R."), ALF_E_FORMAT, NULL},
        {LITERAL("(o."), ALF_E_FORMAT, NULL},
        {LITERAL("K\x01K\x02\x93."), ALF_E_FORMAT, NULL},
        {LITERAL("K\x01}b."), ALF_E_FORMAT, NULL},
        {LITERAL("csklearn.a\nB\n)\x81)b}b."), ALF_E_UNSUPPORTED, NULL},
        {LITERAL("csklearn.a\nB\n)\x81K\x01"
                 "aK\x02K\x03s."),
         ALF_E_UNSUPPORTED, NULL},
        {LITERAL("c_codecs\nencode\nV\\u20ac\nVlatin1\n\x86R."), ALF_E_FORMAT, NULL},
        {LITERAL("c_codecs\nencode\nVa\nVutf8\n\x86R."), ALF_E_FORMAT, NULL},
        {LITERAL("ccollections\nOrderedDict\n(](K\x01"
                 "etR."),
         ALF_E_FORMAT, NULL},
        {LITERAL("cbuiltins\nset\nK\x01\x85R."), ALF_E_FORMAT, NULL},
        {LITERAL("ccopyreg\n_reconstructor\n)R."), ALF_E_FORMAT, NULL},
        {LITERAL("ccopyreg\n__newobj__\n)R."), ALF_E_FORMAT, NULL},
        {LITERAL("ccopyreg\n__newobj__\n(ccopyreg\n__newobj__\ntR."), ALF_E_FORMAT, NULL},
        {LITERAL("cnumpy.core.multiarray\n_reconstruct\n(cnumpy.random\nG\ntR."), ALF_E_UNSUPPORTED,
         NULL},
        {LITERAL("cnumpy.core.multiarray\n_reconstruct\n)R."), ALF_E_FORMAT, NULL},
        {LITERAL("cnumpy.core.multiarray\nscalar\n)R."), ALF_E_FORMAT, NULL},
        {LITERAL("cnumpy._core.numeric\n_frombuffer\n)R."), ALF_E_FORMAT, NULL},
        /* a numpy scalar with fewer bytes than its type has */
        {LITERAL("cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n(U\x02"
                 "f8K\x00K\x01tRU\x01x\x86R."),
         ALF_E_FORMAT, NULL},
    };
    check_refusals(cases, COUNT(cases));
}

#define ARRAY_BEGIN                                                                                \
    "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01"                       \
    "btR"
#define OF_F8                                                                                      \
    "cnumpy\ndtype\n(U\x02"                                                                        \
    "f8K\x00K\x01tR"
#define OF_OBJECTS "cnumpy\ndtype\n(U\x02O8K\x00K\x01tR"

static void test_arrays(void **state)
{
    (void)state;
    static const reading good[] = {
        {LITERAL(ARRAY_BEGIN "(K\x01K\x01\x85" OF_F8
                             "\x89U\x08\x00\x00\x00\x00\x00\x00\xf8\x3ftb."),
         "array f8 (1)[f3ff8000000000000]"},
        {LITERAL(ARRAY_BEGIN "(K\x01K\x02\x85" OF_OBJECTS "\x89](K\x01Netb."),
         "array O0 (2)[1 None]"},
        {LITERAL(ARRAY_BEGIN "."), "array u1 (0)[]"},
    };
    check_readings(good, COUNT(good));
    static const refusal bad[] = {
        {LITERAL(ARRAY_BEGIN "(K\x01K\x02\x85" OF_F8 "\x89U\x08"
                             "12345678tb."),
         ALF_E_FORMAT, NULL},
        {LITERAL(ARRAY_BEGIN "(K\x01K\x01\x85" OF_F8 "\x89]tb."), ALF_E_FORMAT, NULL},
        {LITERAL(ARRAY_BEGIN "(K\x01K\x01\x85" OF_F8 "NU\x08"
                             "12345678tb."),
         ALF_E_FORMAT, NULL},
        {LITERAL(ARRAY_BEGIN "(K\x01NNNNtb."), ALF_E_FORMAT, NULL},
        {LITERAL(ARRAY_BEGIN "Nb."), ALF_E_FORMAT, NULL},
        {LITERAL(ARRAY_BEGIN "(K\x01K\x03\x85" OF_OBJECTS "\x89](K\x01NetbK."), ALF_E_FORMAT, NULL},
        /* 2^62 objects */
        {LITERAL(ARRAY_BEGIN "(K\x01\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40\x85" OF_OBJECTS
                             "\x89](K\x01NetbK."),
         ALF_E_FORMAT, NULL},
        /* a state given twice */
        {LITERAL(ARRAY_BEGIN "(K\x01K\x00\x85" OF_F8 "\x89U\x00tb(K\x01K\x00\x85" OF_F8
                             "\x89U\x00tb."),
         ALF_E_FORMAT, NULL},
        /* an axis order that is no permutation */
        {LITERAL("cnumpy._core.numeric\n_frombuffer\n(U\x08"
                 "12345678" OF_F8 "K\x01K\x01\x86U\x01K"
                 "K\x01K\x01\x86tR."),
         ALF_E_FORMAT, NULL},
    };
    check_refusals(bad, COUNT(bad));
}

/* ------------------------------------------------------------------ cost */

/* begin, then middle count times, then end. */
static alf_status parse_repeated(const char *begin, alf_span middle, size_t count, const char *end,
                                 alf_error *err)
{
    buf pickle;
    buf_init(&pickle);
    buf_append_string(&pickle, begin);
    for (size_t i = 0; i < count; i++)
        buf_append_span(&pickle, middle);
    buf_append_string(&pickle, end);
    assert_int_equal(buf_status(&pickle, NULL), ALF_OK);
    alf_status status = parse(pickle.data, pickle.size, NULL, err);
    buf_fini(&pickle);
    return status;
}

static void test_depth(void **state)
{
    (void)state;
    alf_error err = {0};
    assert_int_equal(parse_repeated("N", SPAN_LITERAL("\x85"), 199, ".", &err), ALF_OK);
    assert_int_equal(parse_repeated("N", SPAN_LITERAL("\x85"), 201, ".", &err), ALF_E_LIMIT);
    assert_non_null(strstr(err.message, "deep"));
    assert_int_equal(parse_repeated("N", SPAN_LITERAL("\x85"), 1000000, ".", &err), ALF_E_LIMIT);
    assert_int_equal(parse_repeated("", SPAN_LITERAL("(K\x01"), 100, "N", &err), ALF_E_FORMAT);
    /* MARK MARK MARK ... TUPLE TUPLE TUPLE */
    buf ends;
    buf_init(&ends);
    for (int i = 0; i < 100000; i++)
        buf_append_char(&ends, 't');
    buf_append(&ends, ".", 2);
    assert_int_equal(parse_repeated("", SPAN_LITERAL("("), 100000, ends.data, &err), ALF_E_LIMIT);
    buf_fini(&ends);
    /* objects, states, dicts */
    assert_int_equal(parse_repeated("N",
                                    SPAN_LITERAL("\x94"
                                                 "0csklearn.a\nB\n)\x81h\x00"
                                                 "b\x94"),
                                    300, ".", &err),
                     ALF_OK); /* side by side, not nested */
}

/* Lists and dicts may hold themselves; nothing follows them. */
static void test_cycles(void **state)
{
    (void)state;
    alf_error err = {0};
    assert_int_equal(parse(LITERAL("]q\x00h\x00"
                                   "a."),
                           NULL, &err),
                     ALF_OK);
    assert_int_equal(parse(LITERAL("}q\x00h\x00h\x00s."), NULL, &err), ALF_OK);
    assert_int_equal(parse(LITERAL("](h\x00\x94"
                                   "e."),
                           NULL, &err),
                     ALF_E_FORMAT);
    assert_int_equal(parse(LITERAL("]q\x00(h\x00h\x00h\x00"
                                   "e."),
                           NULL, &err),
                     ALF_OK);
    /* a dict that is its own state, an array of itself, a dtype whose field is itself */
    assert_int_equal(parse(LITERAL("csklearn.a\nB\n)\x81q\x00}q\x01K\x01h\x00sb."), NULL, &err),
                     ALF_OK);
    assert_int_equal(parse(LITERAL(ARRAY_BEGIN "q\x00(K\x01K\x01\x85" OF_OBJECTS "\x89]h\x00"
                                               "atb."),
                           NULL, &err),
                     ALF_OK);
    assert_int_equal(
        parse(LITERAL("cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n(U\x02V8K\x00K\x01tRq\x00"
                      "(K\x03U\x01|NU\x01x\x85}U\x01xh\x00K\x00\x86sK\x08K\x01K\x00tb"
                      "U\x08"
                      "12345678\x86R."),
              NULL, &err),
        ALF_OK); /* a void scalar: kept as an object */
    assert_int_equal(
        parse(LITERAL(ARRAY_BEGIN "(K\x01K\x01\x85"
                                  "cnumpy\ndtype\n(U\x02V8K\x00K\x01tRq\x00"
                                  "(K\x03U\x01|NU\x01x\x85}U\x01xh\x00K\x00\x86sK\x08K\x01K\x00tb"
                                  "\x89U\x08"
                                  "12345678tb."),
              NULL, &err),
        ALF_E_UNSUPPORTED);
}

static size_t resident_bytes(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss * 1024;
}

static void test_bombs(void **state)
{
    (void)state;
    alf_error err = {0};
    size_t before = resident_bytes();
    /* memo entries far away */
    assert_int_equal(parse(LITERAL("Nr\xff\xff\xff\x7f."), NULL, &err), ALF_E_LIMIT);
    assert_int_equal(parse(LITERAL("Nr\xff\xff\xff\xff."), NULL, &err), ALF_E_LIMIT);
    assert_int_equal(parse(LITERAL("Np9223372036854775807\n."), NULL, &err), ALF_E_LIMIT);
    assert_int_equal(parse(LITERAL("Np99999999999999999999\n."), NULL, &err), ALF_E_FORMAT);
    /* stacks and marks: 8 bytes each against the 8 MiB that parse allows */
    assert_int_equal(parse_repeated("N", SPAN_LITERAL("2"), 2u << 20, ".", &err), ALF_E_LIMIT);
    assert_int_equal(parse_repeated("", SPAN_LITERAL("("), 2u << 20, "N.", &err), ALF_E_LIMIT);
    /* one list appended to without end, and lists that double: [[a a] [a a]] ... */
    assert_int_equal(parse_repeated("]q\x01"
                                    "Nq\x02"
                                    "0",
                                    SPAN_LITERAL("h\x02"
                                                 "a"),
                                    2u << 20, ".", &err),
                     ALF_E_LIMIT);
    assert_int_equal(parse_repeated("N", SPAN_LITERAL("2\x86"), 150, ".", &err), ALF_OK);
    /* copies of a long list, of long text */
    buf begin;
    buf_init(&begin);
    buf_append_string(&begin, "cbuiltins\nset\nq\x01"
                              "0](");
    for (int i = 0; i < 100000; i++)
        buf_append_char(&begin, 'N');
    buf_append_string(&begin, "eq\x02");
    buf_append_char(&begin, '\0');
    assert_int_equal(parse_repeated(begin.data, SPAN_LITERAL("h\x01h\x02\x85R"), 1000, ".", &err),
                     ALF_E_LIMIT);
    buf_fini(&begin);
    assert_true(resident_bytes() - before < (size_t)128 << 20);
}

/* ------------------------------------------------------------------ the reader itself */

static void test_several_in_one_stream(void **state)
{
    (void)state;
    arena memory;
    arena_init(&memory, 1 << 20);
    alf_error err = {0};
    builder b = {.arena = &memory, .limits = joblib_default_limits(), .err = &err};
    alf_span bytes = SPAN_LITERAL("K\x01.K\x02.");
    size_t at = 0;
    value *v;
    assert_int_equal(pickle_read(&b, bytes, &at, NULL, &v), ALF_OK);
    assert_int_equal(v->as.integer, 1);
    assert_int_equal(at, 3);
    assert_int_equal(pickle_read(&b, bytes, &at, NULL, &v), ALF_OK);
    assert_int_equal(v->as.integer, 2);
    assert_int_equal(v->offset, 3);
    assert_int_equal(b.heap, 0);
    assert_int_equal(b.values, 2);
    arena_fini(&memory);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    static const char pickle[] = ARRAY_BEGIN "(K\x01K\x02\x85" OF_OBJECTS "\x89](}VA\nK\x01"
                                             "sS'x'\netbq\x05.";
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        alf_error err = {0};
        (void)mem_fail_after(n);
        status = parse(pickle, sizeof pickle - 1, NULL, &err);
        (void)mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_forbidden_globals),
        cmocka_unit_test(test_offset_of_refusal),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_several_in_one_stream),
        cmocka_unit_test(test_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
