/*
 * Classifies the lines of standard input with the C library.
 *
 *   cc classify.c $(pkg-config --cflags --libs ai_log_filter) -o classify
 *   ./classify BUNDLE < some.log
 */
#include <ai_log_filter.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, LINE = 65536 };

static int fail(const char *what, const alf_error *err)
{
    fprintf(stderr, "%s: %s%s%s\n", what, err->file, err->file[0] != '\0' ? ": " : "",
            err->message);
    return 1;
}

/* Reads up to BATCH lines into lines; returns how many. Longer lines are cut into several. */
static size_t read_lines(char lines[BATCH][LINE], alf_span *logs)
{
    size_t n = 0;
    while (n < BATCH && fgets(lines[n], LINE, stdin) != NULL) {
        size_t size = strcspn(lines[n], "\r\n");
        logs[n] = (alf_span){lines[n], size};
        n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    static char lines[BATCH][LINE];
    alf_span logs[BATCH];
    alf_error err = {ALF_OK, 0, "", "", ""};
    alf_classifier *classifier = NULL;
    alf_batch *batch = NULL;

    if (argc != 2) {
        fprintf(stderr, "Usage: %s BUNDLE < LOGS\n", argv[0]);
        return 2;
    }
    if (alf_classifier_open(argv[1], NULL, &classifier, &err) != ALF_OK)
        return fail("cannot open the bundle", &err);
    if (alf_batch_new(classifier, &batch, &err) != ALF_OK) {
        alf_classifier_free(classifier);
        return fail("cannot make a batch", &err);
    }
    int code = 0;
    for (size_t n; code == 0 && (n = read_lines(lines, logs)) > 0;) {
        if (alf_batch_classify(batch, logs, n, &err) != ALF_OK) {
            code = fail("cannot classify", &err);
            break;
        }
        for (size_t i = 0; i < n; i++) {
            const alf_result *r = alf_batch_result(batch, i);
            printf("%-10s %.2f  %.*s\n", alf_category_name(r->category), r->confidence,
                   (int)logs[i].size, logs[i].data);
        }
    }
    alf_statistics statistics;
    alf_get_performance_statistics(classifier, &statistics);
    fprintf(stderr, "%llu logs, %llu failed open\n", (unsigned long long)statistics.logs,
            (unsigned long long)statistics.fail_open);
    alf_batch_free(batch);
    alf_classifier_free(classifier);
    return code;
}
