/* Timestamps: a cursor over the text, one function per form. Reads nothing behind what it takes. */
#include "codec/timestamp.h"

#include <string.h>

typedef struct cursor {
    alf_span text;
    size_t at;
} cursor;

static char peek(const cursor *c)
{
    return c->at < c->text.size ? c->text.data[c->at] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take(cursor *c, char wanted)
{
    if (c->at >= c->text.size || c->text.data[c->at] != wanted)
        return false;
    c->at++;
    return true;
}

/* `count` digits with a value from low to high. */
static bool take_number(cursor *c, int count, int low, int high, int *out)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char digit = peek(c);
        if (!is_digit(digit))
            return false;
        value = value * 10 + (digit - '0');
        c->at++;
    }
    *out = value;
    return value >= low && value <= high;
}

/* hh:mm:ss, a leap second allowed. */
static bool take_time(cursor *c, int *hour)
{
    int ignored;
    return take_number(c, 2, 0, 23, hour) && take(c, ':') && take_number(c, 2, 0, 59, &ignored) &&
           take(c, ':') && take_number(c, 2, 0, 60, &ignored) && !is_digit(peek(c));
}

static void take_fraction(cursor *c)
{
    cursor at = *c;
    if (!take(&at, '.') && !take(&at, ','))
        return;
    size_t digits = at.at;
    while (is_digit(peek(&at)))
        at.at++;
    if (at.at > digits)
        *c = at;
}

/* Z, +hh:mm or +hhmm. */
static void take_zone(cursor *c)
{
    cursor at = *c;
    int ignored;
    if (take(&at, 'Z') || take(&at, 'z')) {
        *c = at;
        return;
    }
    if ((take(&at, '+') || take(&at, '-')) && take_number(&at, 2, 0, 23, &ignored)) {
        (void)take(&at, ':');
        if (take_number(&at, 2, 0, 59, &ignored))
            *c = at;
    }
}

static bool take_month(cursor *c)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (c->text.size - c->at < 3)
        return false;
    for (size_t i = 0; i < sizeof months - 1; i += 3) {
        if (memcmp(months + i, c->text.data + c->at, 3) == 0) {
            c->at += 3;
            return true;
        }
    }
    return false;
}

static void take_weekday(cursor *c)
{
    static const char days[] = "MonTueWedThuFriSatSun";
    if (c->text.size - c->at < 4 || c->text.data[c->at + 3] != ' ')
        return;
    for (size_t i = 0; i < sizeof days - 1; i += 3) {
        if (memcmp(days + i, c->text.data + c->at, 3) == 0) {
            c->at += 4;
            return;
        }
    }
}

bool timestamp_iso(alf_span text, timestamp *out)
{
    cursor c = {text, 0};
    int hour;
    int ignored;
    if (!take_number(&c, 4, 0, 9999, &ignored) || !take(&c, '-') ||
        !take_number(&c, 2, 1, 12, &ignored) || !take(&c, '-') ||
        !take_number(&c, 2, 1, 31, &ignored))
        return false;
    if (!(take(&c, 'T') || take(&c, 't') || take(&c, ' ')) || !take_time(&c, &hour))
        return false;
    take_fraction(&c);
    take_zone(&c);
    *out = (timestamp){c.at, hour};
    return true;
}

/* " yyyy", with nothing but a space, an end or a closing sign behind it. */
static bool take_year(cursor *c)
{
    cursor at = *c;
    int ignored;
    if (!take(&at, ' ') || !take_number(&at, 4, 1900, 9999, &ignored) || is_digit(peek(&at)) ||
        peek(&at) == ':')
        return false;
    *c = at;
    return true;
}

bool timestamp_bsd(alf_span text, timestamp *out)
{
    cursor c = {text, 0};
    take_weekday(&c);
    bool weekday = c.at > 0;
    int hour;
    int ignored;
    if (!take_month(&c) || !take(&c, ' '))
        return false;
    bool padded = take(&c, ' ');
    bool two = !padded && c.text.size - c.at >= 2 && is_digit(c.text.data[c.at + 1]);
    if (!take_number(&c, two ? 2 : 1, 1, 31, &ignored))
        return false;
    (void)take_year(&c);
    if (!take(&c, ' ') || !take_time(&c, &hour))
        return false;
    take_fraction(&c);
    if (weekday)
        (void)take_year(&c);
    *out = (timestamp){c.at, hour};
    return true;
}

bool timestamp_apache(alf_span text, timestamp *out)
{
    cursor c = {text, 0};
    int hour;
    int ignored;
    if (!take_number(&c, 2, 1, 31, &ignored) || !take(&c, '/') || !take_month(&c) ||
        !take(&c, '/') || !take_number(&c, 4, 0, 9999, &ignored) || !take(&c, ':') ||
        !take_time(&c, &hour))
        return false;
    cursor zone = c;
    if (take(&zone, ' ')) {
        size_t before = zone.at;
        take_zone(&zone);
        if (zone.at > before)
            c = zone;
    }
    *out = (timestamp){c.at, hour};
    return true;
}

bool timestamp_epoch(alf_span text, timestamp *out)
{
    cursor c = {text, 0};
    uint64_t value = 0;
    while (c.at < 19 && is_digit(peek(&c)))
        value = value * 10 + (uint64_t)(text.data[c.at++] - '0');
    switch (c.at) {
    case 10:
        take_fraction(&c);
        break;
    case 13:
        value /= 1000;
        take_fraction(&c);
        break;
    case 16:
        value /= 1000000;
        break;
    case 19:
        value /= 1000000000;
        break;
    default:
        return false;
    }
    if (c.at != text.size)
        return false;
    *out = (timestamp){c.at, (int)(value / 3600 % 24)};
    return true;
}

bool timestamp_any(alf_span text, timestamp *out)
{
    return timestamp_iso(text, out) || timestamp_bsd(text, out) || timestamp_apache(text, out) ||
           timestamp_epoch(text, out);
}
