/* What every cmocka test includes, in the order that cmocka wants. */
#ifndef ALF_TESTS_SUPPORT_TEST_H
#define ALF_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

/* Fails the test with the error's own words unless status is ALF_OK. */
static inline void must(alf_status status, const alf_error *err)
{
    char text[1024];
    if (status != ALF_OK)
        fail_msg("%s: %s", alf_status_name(status), error_text(err, text, sizeof text));
}

#define assert_text(span_, expected_)                                                              \
    do {                                                                                           \
        alf_span found_ = (span_);                                                                 \
        const char *wanted_ = (expected_);                                                         \
        assert_int_equal(found_.size, strlen(wanted_));                                            \
        assert_memory_equal(found_.data, wanted_, found_.size);                                    \
    } while (0)

#endif
