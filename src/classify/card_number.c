/* Payment card numbers in text: 14-19 digits in one run, or in the groups printed on cards. */
#include "classify/compliance.h"

#include <ctype.h>

enum { MAX_GROUPS = 5, MAX_DIGITS = 19 };

typedef struct digits {
    char digit[MAX_DIGITS + 1];
    size_t count;
    size_t group[MAX_GROUPS];
    size_t groups;
} digits;

static bool luhn_is_right(const digits *d)
{
    unsigned sum = 0;
    for (size_t i = 0; i < d->count; i++) {
        unsigned value = (unsigned)(d->digit[d->count - 1 - i] - '0');
        if (i % 2 == 1)
            value = value * 2 > 9 ? value * 2 - 9 : value * 2;
        sum += value;
    }
    return sum % 10 == 0;
}

static bool between(unsigned value, unsigned low, unsigned high)
{
    return value >= low && value <= high;
}

/* Issuer ranges with the lengths they use. */
static bool issuer_is_known(const digits *d)
{
    unsigned n = 0;
    for (size_t i = 0; i < 4; i++)
        n = n * 10 + (unsigned)(d->digit[i] - '0');
    switch (d->count) {
    case 14:
        return between(n, 3000, 3059) || n / 100 == 36 || n / 100 == 38 || n / 100 == 39;
    case 15:
        return n / 100 == 34 || n / 100 == 37;
    case 16:
        return n / 1000 == 4 || between(n, 5100, 5599) || between(n, 2221, 2720) || n == 6011 ||
               between(n, 6440, 6599) || between(n, 3528, 3589) || n / 100 == 62;
    case 19:
        return n / 1000 == 4 || n == 6011 || between(n, 6440, 6599) || n / 100 == 62;
    default:
        return false;
    }
}

static bool all_same(const digits *d)
{
    for (size_t i = 1; i < d->count; i++)
        if (d->digit[i] != d->digit[0])
            return false;
    return true;
}

static bool groups_are(const digits *d, size_t groups, size_t first, size_t middle, size_t last)
{
    if (d->groups != groups || d->group[0] != first || d->group[groups - 1] != last)
        return false;
    for (size_t i = 1; i + 1 < groups; i++)
        if (d->group[i] != middle)
            return false;
    return true;
}

static bool is_card(const digits *d)
{
    bool shape = d->groups == 1 || groups_are(d, 4, 4, 4, 4) || groups_are(d, 5, 4, 4, 3) ||
                 groups_are(d, 3, 4, 6, 5) || groups_are(d, 3, 4, 6, 4);
    return shape && issuer_is_known(d) && !all_same(d) && luhn_is_right(d);
}

static bool is_digit(alf_span text, size_t i)
{
    return i < text.size && isdigit((unsigned char)text.data[i]);
}

/* Reads the digits at i; returns the end of the first group. After each complete group the number
 * so far is tried: what follows a card number may look like one more group. */
static size_t try_at(alf_span text, size_t i, bool *found)
{
    digits d = {.count = 0};
    size_t first_end = i;
    char separator = '\0';
    while (d.groups < MAX_GROUPS) {
        size_t start = i;
        while (is_digit(text, i)) {
            if (d.count < MAX_DIGITS + 1)
                d.digit[d.count++] = text.data[i];
            i++;
        }
        d.group[d.groups++] = i - start;
        if (d.groups == 1)
            first_end = i;
        bool ends =
            i == text.size || !(isalnum((unsigned char)text.data[i]) || text.data[i] == '_');
        if (d.count <= MAX_DIGITS && ends && is_card(&d))
            *found = true;
        if (*found || i == text.size || !is_digit(text, i + 1) || d.count >= MAX_DIGITS)
            break;
        if (separator == '\0' && (text.data[i] == ' ' || text.data[i] == '-'))
            separator = text.data[i];
        if (separator == '\0' || text.data[i] != separator)
            break;
        i++;
    }
    return first_end;
}

bool compliance_has_card_number(alf_span text)
{
    bool found = false;
    for (size_t i = 0; i < text.size && !found;) {
        if (!isdigit((unsigned char)text.data[i])) {
            i++;
            continue;
        }
        unsigned char before = i > 0 ? (unsigned char)text.data[i - 1] : ' ';
        bool starts = !isalnum(before) && before != '_' && before != '.';
        if (starts) {
            i = try_at(text, i, &found);
            continue;
        }
        while (is_digit(text, i))
            i++;
    }
    return found;
}
