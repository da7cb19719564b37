/* fuzz: logs. Any bytes as a log: records, normalised text and features of both profiles. */
#include "base/unicode.h"
#include "log_stream.h"
#include "logs/normalise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* White space is single spaces, none at the ends. */
static void check_spaces(alf_span text)
{
    bool before = true;
    const char *end = text.data + text.size;
    for (const char *p = text.data; p < end;) {
        uint32_t c = unicode_next(&p, end);
        bool space = unicode_is_space(c);
        stream_require(!space || (c == ' ' && !before && p < end));
        before = space;
    }
}

/* text, again: work space. */
static void check_profile(log_profile profile, alf_span message, buf *text, buf *again)
{
    stream_require(log_normalise(profile, message, text, NULL) == ALF_OK);
    stream_require(text->size <= message.size * 6);
    if (text->size > 0) {
        stream_require(unicode_is_valid(buf_span(text)));
        check_spaces(buf_span(text));
    }
    double f[LOG_FEATURES];
    log_features(profile, message, buf_span(text), 23, f);
    alf_span counted = profile == LOG_PROFILE_SERVING ? message : buf_span(text);
    stream_require(f[0] == (double)unicode_length(counted));
    stream_require(f[1] <= f[0] && f[2] >= 0 && f[2] <= 1 && f[3] >= 0 && f[4] >= 0);
    stream_require((f[5] == 0 || f[5] == 1) && (f[6] == 0 || f[6] == 1));
    stream_require(profile == LOG_PROFILE_SERVING ? f[7] == 23 : f[7] == 0 || f[7] == 1);
    double fast[LOG_FEATURES];
    stream_require(log_prepare(profile, message, 23, again, fast, NULL) == ALF_OK);
    stream_require(span_equal(buf_span(again), buf_span(text)));
    stream_require(memcmp(fast, f, sizeof f) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alf_span message = span_of((const char *)data, size);
    buf text;
    buf again;
    buf_init(&text);
    buf_init(&again);
    check_profile(LOG_PROFILE_PIPELINE, message, &text, &again);
    check_profile(LOG_PROFILE_SERVING, message, &text, &again);
    buf_fini(&text);
    buf_fini(&again);
    stream_check(message, LOG_INPUT_TEXT, 0);
    stream_check(message, LOG_INPUT_TEXT, 7);
    return 0;
}
