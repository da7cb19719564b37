/*
 * Damaged and malicious files through the program itself: what is in fixtures/hostile/cases.txt
 * (scripts/fixtures/make_hostile_fixtures.py) is put over a good folder, and the program must end
 * with the exit code of docs, say what is wrong in one line, run nothing, and stay within time and
 * memory. ALF_HOSTILE_CASE names one case to run alone.
 */
#define _DEFAULT_SOURCE /* wait4 */
#include "support/test.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/span.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIXTURES ALF_TEST_SOURCE_DIR "/tests/integration/fixtures/hostile"

enum { SECONDS = 20, MOST_KILOBYTES = 256 << 10, MOST_ARGUMENTS = 8, MOST_OUTPUT = 1 << 20 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEASURE_MEMORY = 0, TIME_FACTOR = 3 }; /* the sanitizers' own memory and time are in it */
#else
enum { MEASURE_MEMORY = 1, TIME_FACTOR = 1 };
#endif

typedef struct hostile_case {
    char *name, *command, *files, *code, *text;
} hostile_case;

static char root[] = "/tmp/alf-hostile-XXXXXX";
static char joblib_folder[PATH_MAX]; /* the good models */
static char bundle_folder[PATH_MAX]; /* what convert makes of them */
static size_t failures;

static void join(char out[PATH_MAX], const char *folder, const char *name)
{
    alf_error err = {0};
    must(file_join(out, PATH_MAX, folder, name, &err), &err);
}

static void copy_file(const char *from, const char *to)
{
    alf_error err = {0};
    buf bytes;
    buf_init(&bytes);
    must(file_read(from, 64 << 20, &bytes, &err), &err);
    must(file_write(to, bytes.size > 0 ? buf_span(&bytes) : SPAN_LITERAL(""), &err), &err);
    buf_fini(&bytes);
}

static void copy_fixture(const char *name, const char *folder, const char *target)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    join(from, FIXTURES, name);
    join(to, folder, target);
    copy_file(from, to);
}

/* ---- running the program ---- */

typedef struct outcome {
    int code; /* -1: killed by a signal */
    int signal;
    long kilobytes;
    buf text; /* standard output and standard error */
    buf errors;
} outcome;

static int open_scratch(const char *name)
{
    char path[PATH_MAX];
    join(path, root, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void exec_program(char *const *arguments, int in, int out, int errors)
{
    (void)dup2(in, STDIN_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(errors, STDERR_FILENO);
    (void)unsetenv("MODEL_PATH");
    if (chdir(root) == 0) {
        (void)alarm((unsigned)SECONDS * TIME_FACTOR);
        (void)execv(arguments[0], arguments);
    }
    _exit(127);
}

static void read_scratch(const char *name, buf *out)
{
    alf_error err = {0};
    char path[PATH_MAX];
    join(path, root, name);
    buf_init(out);
    must(file_read(path, MOST_OUTPUT, out, &err), &err);
    buf_append_char(out, '\0');
}

static void run_program(char *const *arguments, outcome *o)
{
    int in = open_scratch("in");
    int out = open_scratch("out");
    int errors = open_scratch("err");
    static const char logs[] = "failed login root\nheartbeat ok\n";
    struct rusage used;
    int status = 0;
    assert_int_equal(write(in, logs, sizeof logs - 1), sizeof logs - 1);
    assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    pid_t child = fork();
    if (child == 0)
        exec_program(arguments, in, out, errors);
    assert_true(child > 0);
    assert_int_equal(wait4(child, &status, 0, &used), child);
    close(in);
    close(out);
    close(errors);
    *o = (outcome){.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                   .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                   .kilobytes = used.ru_maxrss};
    read_scratch("out", &o->text);
    read_scratch("err", &o->errors);
}

static void outcome_free(outcome *o)
{
    buf_fini(&o->text);
    buf_fini(&o->errors);
}

/* ---- cases ---- */

/* Puts FILE=FIXTURE,... into folder; an empty fixture removes the file. */
static void place_files(char *files, const char *folder)
{
    for (char *save = NULL, *part = strtok_r(files, ",", &save); part != NULL;
         part = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(part, '=');
        char path[PATH_MAX];
        assert_non_null(equals);
        *equals = '\0';
        join(path, folder, part);
        if (equals[1] == '\0')
            (void)unlink(path);
        else
            copy_fixture(equals + 1, folder, part);
    }
}

static void fill_arguments(const hostile_case *c, char *arguments[MOST_ARGUMENTS])
{
    static char names[][16] = {"convert", "--input", "joblib", "--output", "made", "--force"};
    static char classify[][16] = {"classify", "--quiet", "--model", "bundle"};
    static char validate[][16] = {"validate", "bundle"};
    static char config[][32] = {"classify", "--model", "bundle", "--config", "bundle/config.yaml"};
    size_t n = 1;
    arguments[0] = getenv("ALF_BINARY");
    if (strcmp(c->command, "convert") == 0)
        for (size_t i = 0; i < 6; i++)
            arguments[n++] = names[i];
    else if (strcmp(c->command, "classify") == 0)
        for (size_t i = 0; i < 4; i++)
            arguments[n++] = classify[i];
    else if (strcmp(c->command, "validate") == 0)
        for (size_t i = 0; i < 2; i++)
            arguments[n++] = validate[i];
    else
        for (size_t i = 0; i < 5; i++)
            arguments[n++] = config[i];
    arguments[n] = NULL;
}

/* Whether one of the words, separated by |, is in the output. */
static bool says(const outcome *o, const char *words)
{
    char copy[512];
    (void)snprintf(copy, sizeof copy, "%s", words);
    if (copy[0] == '\0')
        return true;
    for (char *save = NULL, *word = strtok_r(copy, "|", &save); word != NULL;
         word = strtok_r(NULL, "|", &save))
        if (strstr(o->text.data, word) != NULL || strstr(o->errors.data, word) != NULL)
            return true;
    return false;
}

/* A refusal is one line on standard error, of printable characters, that begins as promised. */
static const char *bad_message(const outcome *o)
{
    const char *text = o->errors.data;
    const char *end = strchr(text, '\n');
    if (strncmp(text, "ai-log-filter: ", 15) != 0)
        return "the error does not begin with the program's name";
    if (end == NULL || end[1] != '\0')
        return "the error is not one line";
    for (const char *p = text; p < end; p++)
        if ((unsigned char)*p < 0x20)
            return "the error holds control characters";
    return NULL;
}

static const char *judge(const hostile_case *c, const outcome *o)
{
    char path[PATH_MAX];
    join(path, root, "pwned");
    if (file_exists(path))
        return "a pickle was executed";
    if (o->signal == SIGALRM)
        return "did not end in time";
    if (o->code < 0)
        return "died of a signal";
    if (o->code != atoi(c->code))
        return "wrong exit code";
    if (!says(o, c->text))
        return "the output does not say what was expected";
    if (MEASURE_MEMORY && o->kilobytes > MOST_KILOBYTES)
        return "took too much memory";
    join(path, root, "made");
    if (o->code != 0 && file_exists(path))
        return "half a bundle was left";
    return o->code > 1 ? bad_message(o) : NULL;
}

static void run_case(hostile_case *c)
{
    char folder[PATH_MAX];
    char *arguments[MOST_ARGUMENTS];
    outcome o;
    bool convert = strcmp(c->command, "convert") == 0;
    join(folder, root, convert ? "joblib" : "bundle");
    file_remove_tree(folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    if (convert) {
        char part[PATH_MAX];
        join(part, folder, "anomaly_detector");
        assert_int_equal(mkdir(part, 0700), 0);
        join(part, folder, "tfidf_xgboost");
        assert_int_equal(mkdir(part, 0700), 0);
        copy_fixture("good_forest.joblib", folder, "anomaly_detector/model.joblib");
        copy_fixture("good_text.joblib", folder, "tfidf_xgboost/model.joblib");
    } else {
        static const char *const names[] = {"scaler.onnx", "anomaly_detector.onnx",
                                            "tfidf_vectorizer.onnx", "xgboost.onnx",
                                            "manifest.json"};
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            char from[PATH_MAX];
            char to[PATH_MAX];
            join(from, bundle_folder, names[i]);
            join(to, folder, names[i]);
            copy_file(from, to);
        }
    }
    place_files(c->files, folder);
    fill_arguments(c, arguments);
    struct timespec begin;
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    run_program(arguments, &o);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    const char *wrong = judge(c, &o);
    if (getenv("ALF_HOSTILE_SHOW") != NULL)
        (void)printf("%-28s %d %7ld KB %5.1f s %.300s\n", c->name, o.code, o.kilobytes,
                     (double)(end.tv_sec - begin.tv_sec) +
                         (double)(end.tv_nsec - begin.tv_nsec) / 1e9,
                     o.errors.data[0] != '\0' ? o.errors.data : o.text.data);
    if (wrong != NULL) {
        failures++;
        (void)printf("FAILED: %s (%s): %s: code %d (expected %s), signal %d, %ld KB, expected "
                     "'%s' in: %.600s\n        %.3000s\n",
                     c->name, c->command, wrong, o.code, c->code, o.signal, o.kilobytes, c->text,
                     o.text.data, o.errors.data);
    }
    outcome_free(&o);
    join(folder, root, "made");
    file_remove_tree(folder);
    join(folder, root, "pwned");
    (void)unlink(folder);
}

static bool next_field(char **line, char **out)
{
    *out = *line;
    char *tab = strchr(*line, '\t');
    if (tab == NULL)
        return false;
    *tab = '\0';
    *line = tab + 1;
    return true;
}

static void hostile_files(void **state)
{
    (void)state;
    alf_error err = {0};
    buf text;
    buf_init(&text);
    must(file_read(FIXTURES "/cases.txt", MOST_OUTPUT, &text, &err), &err);
    buf_append_char(&text, '\0');
    size_t count = 0;
    const char *only = getenv("ALF_HOSTILE_CASE");
    for (char *save = NULL, *line = strtok_r(text.data, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        hostile_case c;
        assert_true(next_field(&line, &c.name) && next_field(&line, &c.command) &&
                    next_field(&line, &c.files) && next_field(&line, &c.code));
        c.text = line;
        if (only != NULL && strcmp(only, c.name) != 0)
            continue;
        run_case(&c);
        count++;
    }
    buf_fini(&text);
    assert_true(count > 0);
    assert_int_equal(failures, 0);
}

/* ---- the good folder and its bundle ---- */

static int make_bundle(void **state)
{
    (void)state;
    outcome o;
    static char names[][16] = {"convert", "--input", "joblib", "--output", "good"};
    char *arguments[] = {
        getenv("ALF_BINARY"), names[0], names[1], names[2], names[3], names[4], NULL};
    char folder[PATH_MAX];
    assert_non_null(arguments[0]);
    assert_non_null(mkdtemp(root));
    join(joblib_folder, root, "joblib");
    join(bundle_folder, root, "good");
    assert_int_equal(mkdir(joblib_folder, 0700), 0);
    join(folder, joblib_folder, "anomaly_detector");
    assert_int_equal(mkdir(folder, 0700), 0);
    join(folder, joblib_folder, "tfidf_xgboost");
    assert_int_equal(mkdir(folder, 0700), 0);
    copy_fixture("good_forest.joblib", joblib_folder, "anomaly_detector/model.joblib");
    copy_fixture("good_text.joblib", joblib_folder, "tfidf_xgboost/model.joblib");
    run_program(arguments, &o);
    if (o.code != 0)
        fail_msg("the good models were refused: %s", o.errors.data);
    outcome_free(&o);
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    file_remove_tree(root);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hostile_files)};
    return cmocka_run_group_tests(tests, make_bundle, remove_root);
}
