/*
 * Numbers as JSON text: with the fewest of 15, 16 or 17 digits (float32: 6 to 9) with which C's
 * "%.*g" gives a text that reads back to the same number.
 *
 * Numbers of everyday size are done in integers, exactly. x is m * 2^-s; to d digits it is m * 10^k
 * / 2^s for the k that puts the decimal point behind the d-th digit. m * 10^k fits 128 bits, so the
 * rounded digits and their distance from x are exact, and the text reads back to x when that
 * distance is under half of the gap between x and its neighbours. All others, and what "%g" writes
 * with an exponent, go through the C library.
 */
#include "codec/json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sizes that are done in integers: none is written with an exponent, and s is 1 to 66. */
static const double smallest = 1e-4;
static const double largest_double = 1e14;
static const double largest_float = 1e5;

enum { MOST_DIGITS = 17 };

__extension__ typedef unsigned __int128 wide;

/* A positive number, mantissa * 2^-shift. low_half: the neighbour below is only half as far. */
typedef struct binary {
    uint64_t mantissa;
    unsigned shift;
    bool low_half;
} binary;

static const uint64_t powers_of_ten[] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

enum { LARGEST_POWER = sizeof powers_of_ten / sizeof powers_of_ten[0] - 1 };

/* The power of ten of the first digit. The doubles 0.1, 0.01 and 0.001 are the first above the
 * powers that they stand for, so comparing with them is exact. */
static int first_power(double x)
{
    if (x < 1)
        return x >= 0.1 ? -1 : x >= 0.01 ? -2 : x >= 0.001 ? -3 : -4;
    int power = 0;
    while (x >= (double)powers_of_ten[power + 1])
        power++;
    return power;
}

static wide power_of_ten(int power)
{
    return power <= LARGEST_POWER
               ? powers_of_ten[power]
               : (wide)powers_of_ten[LARGEST_POWER] * powers_of_ten[power - LARGEST_POWER];
}

/* x to the most digits that may be needed, exactly: (whole + rest / 2^shift) / 10^power. */
typedef struct scaled {
    uint64_t whole;
    wide rest, one; /* one: 2^shift */
    wide gap;       /* between x and its neighbour above, in the unit of rest */
    uint64_t reach; /* half of it at most, as a whole number of the last digit's steps */
    bool low_half, even;
} scaled;

static scaled scale(const binary *x, int power)
{
    wide gap = power_of_ten(power);
    wide exact = gap * x->mantissa;
    wide one = (wide)1 << x->shift;
    return (scaled){.whole = (uint64_t)(exact >> x->shift),
                    .rest = exact & (one - 1),
                    .one = one,
                    .gap = gap,
                    .reach = (uint64_t)(gap >> x->shift) / 2 + 1,
                    .low_half = x->low_half,
                    .even = (x->mantissa & 1) == 0};
}

/* How far x is from a multiple of step, exactly: whether that is nearer than x's neighbours (ties
 * go to an even mantissa). left: of whole, below x; up: the multiple is above x. */
static bool is_near(const scaled *x, uint64_t left, uint64_t step, bool up)
{
    wide distance = up ? x->one * (step - left) - x->rest : x->one * left + x->rest;
    wide twice = distance * (x->low_half && !up ? 4 : 2);
    return twice < x->gap || (twice == x->gap && x->even);
}

/* Leaves out the last digits, as many as step (a power of ten) has zeros: rounds to nearest, ties
 * to even. Returns whether what is left is nearer to x than to x's neighbours, so that it reads
 * back to x; mostly whole steps tell. */
static inline bool round_to(const scaled *x, uint64_t step, uint64_t *out)
{
    uint64_t kept = x->whole / step;
    uint64_t left = x->whole - kept * step;
    bool tie = step == 1 ? x->rest * 2 == x->one : left == step / 2 && x->rest == 0;
    bool above = step == 1 ? x->rest * 2 > x->one : left >= step / 2;
    bool up = tie ? (kept & 1) != 0 : above;
    *out = kept + up;
    uint64_t least = up ? step - left - 1 : left; /* the distance is this to one more */
    if (least > x->reach)
        return false;
    if (least + 2 < x->reach && !x->low_half)
        return true;
    return is_near(x, left, step, up);
}

/* A division by a constant is a multiplication. */
static bool leave_out(const scaled *x, int digits, uint64_t *out)
{
    switch (digits) {
    case 3:
        return round_to(x, 1000, out);
    case 2:
        return round_to(x, 100, out);
    case 1:
        return round_to(x, 10, out);
    default:
        return round_to(x, 1, out);
    }
}

static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

static void put_four(uint32_t number, char *to)
{
    memcpy(to, pairs + (size_t)(number / 100) * 2, 2);
    memcpy(to + 2, pairs + (size_t)(number % 100) * 2, 2);
}

static void put_eight(uint32_t number, char *to)
{
    put_four(number / 10000, to);
    put_four(number % 10000, to + 4);
}

/* All MOST_DIGITS digits of number, leading zeros included. */
static void put_all(uint64_t number, char digits[MOST_DIGITS])
{
    const uint64_t half = 100000000;
    uint64_t high = number / half;
    put_eight((uint32_t)(number - high * half), digits + 9);
    uint32_t first = (uint32_t)(high / half);
    put_eight((uint32_t)(high - first * half), digits + 1);
    digits[0] = (char)('0' + first);
}

/* The digits of `number`, `count` of them, the first of which counts 10^power; no zeros behind the
 * decimal point's last digit. Copies of fixed size, which may write too much, need no calls. */
static size_t put_fixed(uint64_t number, int count, int power, char *buffer)
{
    char all[2 * MOST_DIGITS] = {0};
    put_all(number, all);
    const char *digits = all + MOST_DIGITS - count;
    while (count > 1 && count > power + 1 && digits[count - 1] == '0')
        count--;
    if (power < 0) {
        static const char zeros[] = {'0', '.', '0', '0', '0'};
        memcpy(buffer, zeros, sizeof zeros);
        memcpy(buffer + 1 - power, digits, MOST_DIGITS);
        return (size_t)count + (size_t)(1 - power);
    }
    size_t whole = (size_t)power + 1;
    memcpy(buffer, digits, MOST_DIGITS);
    if ((size_t)count <= whole)
        return whole;
    buffer[whole] = '.';
    memcpy(buffer + whole + 1, digits + whole, MOST_DIGITS);
    return (size_t)count + 1;
}

/* With the fewest digits from `fewest` on that read back; `most` always do. */
static size_t put_binary(const binary *x, int power, int fewest, int most, char *buffer)
{
    scaled exact = scale(x, most - 1 - power);
    uint64_t number = 0;
    int digits = fewest;
    while (!leave_out(&exact, most - digits, &number) && digits < most)
        digits++;
    if (number == powers_of_ten[digits]) { /* 9.99... became 10 */
        number /= 10;
        power++;
    }
    return put_fixed(number, digits, power, buffer);
}

/* A program that embeds the library may have set a locale whose decimal mark is a comma. */
static size_t finish_number(char *buffer, int n)
{
    if (n <= 0)
        return 0;
    char *comma = memchr(buffer, ',', (size_t)n);
    if (comma != NULL)
        *comma = '.';
    return (size_t)n;
}

static size_t put_null(char *buffer)
{
    memcpy(buffer, "null", 5);
    return 4;
}

/* 0 and 1, which most probabilities of a sure verdict are. */
static bool put_trivial(double number, char *buffer)
{
    if (number != 1 && (number != 0 || signbit(number)))
        return false;
    *buffer = number != 0 ? '1' : '0';
    return true;
}

static size_t double_by_library(double number, char *buffer)
{
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(buffer, JSON_NUMBER_SIZE, "%.*g", digits, number);
        if (strtod(buffer, NULL) == number)
            break;
    }
    return finish_number(buffer, n);
}

static size_t float_by_library(float number, char *buffer)
{
    int n = 0;
    for (int digits = 6; digits <= 9; digits++) {
        n = snprintf(buffer, JSON_NUMBER_SIZE, "%.*g", digits, (double)number);
        if (strtof(buffer, NULL) == number)
            break;
    }
    return finish_number(buffer, n);
}

size_t json_format_double(double number, char buffer[JSON_NUMBER_SIZE])
{
    if (!isfinite(number))
        return put_null(buffer);
    if (put_trivial(number, buffer))
        return 1;
    double size = fabs(number);
    if (!(size >= smallest && size < largest_double))
        return double_by_library(number, buffer);
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    const uint64_t hidden = UINT64_C(1) << 52;
    uint64_t fraction = bits & (hidden - 1);
    binary x = {fraction | hidden, 1075 - (unsigned)(bits >> 52), fraction == 0};
    *buffer = '-';
    size_t sign = number < 0;
    return sign + put_binary(&x, first_power(size), 15, 17, buffer + sign);
}

size_t json_format_float(float number, char buffer[JSON_NUMBER_SIZE])
{
    if (!isfinite(number))
        return put_null(buffer);
    if (put_trivial((double)number, buffer))
        return 1;
    float size = fabsf(number);
    if (!((double)size >= smallest && (double)size < largest_float))
        return float_by_library(number, buffer);
    uint32_t bits;
    memcpy(&bits, &size, sizeof bits);
    const uint32_t hidden = UINT32_C(1) << 23;
    uint32_t fraction = bits & (hidden - 1);
    binary x = {fraction | hidden, 150 - (bits >> 23), fraction == 0};
    *buffer = '-';
    size_t sign = number < 0;
    return sign + put_binary(&x, first_power((double)size), 6, 9, buffer + sign);
}
