/* Figures of labelled logs, held against scikit-learn's and scipy's. */
#include "classify/evaluation.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define INTERVALS ALF_TEST_SOURCE_DIR "/tests/unit/classify/fixtures/clopper_pearson.txt"

static void intervals_are_scipys(void **state)
{
    (void)state;
    FILE *file = fopen(INTERVALS, "r");
    assert_non_null(file);
    unsigned long long hits, trials;
    double confidence, low, high;
    size_t rows = 0;
    while (fscanf(file, "%llu %llu %lf %lf %lf", &hits, &trials, &confidence, &low, &high) == 5) {
        evaluation_interval found = evaluation_clopper_pearson(hits, trials, confidence);
        if (fabs(found.low - low) > 1e-9 || fabs(found.high - high) > 1e-9)
            fail_msg("%llu of %llu at %g: [%.12g, %.12g], scipy says [%.12g, %.12g]", hits, trials,
                     confidence, found.low, found.high, low, high);
        rows++;
    }
    (void)fclose(file);
    assert_true(rows > 50);
}

/* scikit-learn 1.8: confusion_matrix and classification_report of these labels. */
static void figures_are_scikit_learns(void **state)
{
    (void)state;
    static const uint64_t matrix[ALF_CATEGORIES][ALF_CATEGORIES] = {
        {90, 6, 3, 1}, {5, 40, 4, 1}, {0, 10, 180, 10}, {2, 0, 8, 140}};
    evaluation e = {0};
    for (alf_category i = ALF_CRITICAL; i <= ALF_NOISE; i++)
        for (alf_category k = ALF_CRITICAL; k <= ALF_NOISE; k++)
            for (uint64_t n = 0; n < matrix[i][k]; n++)
                evaluation_add(&e, i, k);
    assert_int_equal(evaluation_logs(&e), 500);
    assert_int_equal(evaluation_labelled(&e, ALF_CRITICAL), 100);
    assert_int_equal(evaluation_classified(&e, ALF_CRITICAL), 97);
    assert_int_equal(evaluation_false_negatives(&e), 10);
    assert_true(fabs(evaluation_accuracy(&e) - 0.9) < 1e-12);
    assert_true(fabs(evaluation_precision(&e, ALF_CRITICAL) - 0.9278350515463918) < 1e-12);
    assert_true(fabs(evaluation_recall(&e, ALF_CRITICAL) - 0.9) < 1e-12);
    assert_true(fabs(evaluation_f1(&e, ALF_CRITICAL) - 0.9137055837563451) < 1e-12);
    assert_true(fabs(evaluation_f1(&e, ALF_SUSPICIOUS) - 0.7547169811320755) < 1e-12);
    assert_true(fabs(evaluation_forwarded(&e, ALF_CRITICAL) - 0.96) < 1e-12);
}

static void nothing_to_divide_by_is_nan(void **state)
{
    (void)state;
    evaluation e = {0};
    assert_true(isnan(evaluation_accuracy(&e)));
    assert_true(isnan(evaluation_recall(&e, ALF_CRITICAL)));
    assert_true(isnan(evaluation_precision(&e, ALF_CRITICAL)));
    assert_true(isnan(evaluation_f1(&e, ALF_CRITICAL)));
    evaluation_interval none = evaluation_clopper_pearson(0, 0, 0.95);
    assert_true(none.low == 0 && none.high == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(intervals_are_scipys),
                                       cmocka_unit_test(figures_are_scikit_learns),
                                       cmocka_unit_test(nothing_to_divide_by_is_nan)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
