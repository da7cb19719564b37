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

/* Rounds x * 10^power to an integer, ties to even. Returns whether the integer, divided by
 * 10^power, is nearer to x than to x's neighbours (ties go to an even mantissa). */
static bool round_scaled(const binary *x, int power, uint64_t *out)
{
    wide scale = power_of_ten(power); /* also the gap between x and its neighbour above */
    wide exact = scale * x->mantissa;
    wide one = (wide)1 << x->shift;
    wide rest = exact & (one - 1);
    uint64_t digits = (uint64_t)(exact >> x->shift);
    bool up = rest * 2 > one || (rest * 2 == one && (digits & 1) != 0);
    *out = digits + up;
    wide distance = up ? one - rest : rest;
    wide reach = distance * (x->low_half && !up ? 4 : 2);
    return reach < scale || (reach == scale && (x->mantissa & 1) == 0);
}

/* The last `count` digits of number, leading zeros included, end before `end`. */
static void put_digits(uint64_t number, int count, char *end)
{
    for (; count > 0; count--) {
        *--end = (char)('0' + number % 10);
        number /= 10;
    }
}

/* The digits of `number`, `count` of them, the first of which counts 10^power; no zeros behind the
 * decimal point's last digit. */
static size_t put_fixed(uint64_t number, int count, int power, char *buffer)
{
    char digits[MOST_DIGITS];
    put_digits(number, count, digits + count);
    while (count > 1 && count > power + 1 && digits[count - 1] == '0')
        count--;
    char *to = buffer;
    if (power < 0) {
        static const char zeros[] = {'0', '.', '0', '0', '0'};
        memcpy(to, zeros, sizeof zeros);
        to += 1 - power;
        memcpy(to, digits, (size_t)count);
        return (size_t)(to - buffer) + (size_t)count;
    }
    size_t whole = (size_t)power + 1;
    memcpy(to, digits, whole);
    to += whole;
    if ((size_t)count > whole) {
        *to++ = '.';
        memcpy(to, digits + whole, (size_t)count - whole);
        to += (size_t)count - whole;
    }
    return (size_t)(to - buffer);
}

/* With the fewest digits from `fewest` on that read back; `most` always do. */
static size_t put_binary(const binary *x, int power, int fewest, int most, char *buffer)
{
    uint64_t number = 0;
    int digits = fewest;
    while (!round_scaled(x, digits - 1 - power, &number) && digits < most)
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
        n = snprintf(buffer, 32, "%.*g", digits, number);
        if (strtod(buffer, NULL) == number)
            break;
    }
    return finish_number(buffer, n);
}

static size_t float_by_library(float number, char *buffer)
{
    int n = 0;
    for (int digits = 6; digits <= 9; digits++) {
        n = snprintf(buffer, 32, "%.*g", digits, (double)number);
        if (strtof(buffer, NULL) == number)
            break;
    }
    return finish_number(buffer, n);
}

size_t json_format_double(double number, char *buffer)
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

size_t json_format_float(float number, char *buffer)
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
