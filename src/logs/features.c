/*
 * The eight numbers that the anomaly detector looks at. Counts are code points; classes are those
 * of Python's str; ratios divide by the length, or by 1 for an empty text.
 */
#include "base/unicode.h"
#include "logs/normalise.h"
#include "logs/patterns.h"

const char *const log_feature_names[2][LOG_FEATURES] = {
    [LOG_PROFILE_PIPELINE] = {"message_length", "word_count", "digit_ratio", "special_char_ratio",
                              "uppercase_ratio", "has_error_keyword", "has_ip_address", "has_path"},
    [LOG_PROFILE_SERVING] = {"message_length", "word_count", "digit_ratio", "special_char_ratio",
                             "uppercase_ratio", "has_error_keyword", "has_ip_address",
                             "hour_of_day"},
};

typedef struct counts {
    size_t length;
    size_t words;
    size_t digits;
    size_t special;
    size_t upper;
} counts;

/* One code point; returns whether it is white space. */
static bool count_one(uint32_t c, counts *n)
{
    if (unicode_is_space(c))
        return true;
    n->digits += unicode_is_digit(c);
    n->special += !unicode_is_alnum(c);
    n->upper += unicode_is_upper(c);
    return false;
}

/* The same for ASCII, where most text is. */
static bool count_ascii(uint8_t c, counts *n)
{
    if (c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F))
        return true;
    bool digit = c >= '0' && c <= '9';
    bool upper = c >= 'A' && c <= 'Z';
    bool lower = c >= 'a' && c <= 'z';
    n->digits += digit;
    n->upper += upper;
    n->special += !digit && !upper && !lower;
    return false;
}

static counts count_classes(alf_span text)
{
    counts n = {0};
    bool in_word = false;
    if (text.size == 0)
        return n;
    const char *end = text.data + text.size;
    for (const char *p = text.data; p < end; n.length++) {
        bool ascii = (uint8_t)*p < 0x80;
        bool space = ascii ? count_ascii((uint8_t)*p++, &n) : count_one(unicode_next(&p, end), &n);
        n.words += !space && !in_word;
        in_word = !space;
    }
    return n;
}

void log_features(log_profile profile, alf_span message, alf_span normalised, int hour,
                  double out[LOG_FEATURES])
{
    bool serving = profile == LOG_PROFILE_SERVING;
    alf_span text = serving ? message : normalised;
    counts n = count_classes(text);
    double length = n.length == 0 ? 1.0 : (double)n.length;
    size_t start;
    size_t end;
    out[0] = (double)n.length;
    out[1] = (double)n.words;
    out[2] = (double)n.digits / length;
    out[3] = (double)n.special / length;
    out[4] = (double)n.upper / length;
    out[5] = pattern_has_keyword(text, serving) ? 1.0 : 0.0;
    out[6] = pattern_ip(text, 0, &start, &end) ? 1.0 : 0.0;
    if (serving)
        out[7] = hour < 0 ? 0.0 : (double)hour;
    else
        out[7] = pattern_has_word_path(text) ? 1.0 : 0.0;
}
