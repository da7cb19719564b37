/*
 * x = k / 64 + r with |r| <= 1/128; 2^x = 2^(k / 64) * (1 + s). 2^(j / 64) is a table of pairs of
 * doubles, s = e^(r ln 2) - 1 a polynomial whose first term is kept to twice the precision. The
 * error before the last rounding is about 2^-68 of the result. Products are made exact by splitting
 * their factors (Dekker), never by a fused multiply-add: not every CPU has one.
 */
#include "base/power.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* 2^(j / 64), rounded, and what is left of it. */
static const struct {
    double high, low;
} roots[64] = {
    {0x1.0000000000000p+0, 0x0.0p+0},
    {0x1.02c9a3e778061p+0, -0x1.19083535b085dp-56},
    {0x1.059b0d3158574p+0, 0x1.d73e2a475b465p-55},
    {0x1.0874518759bc8p+0, 0x1.186be4bb284ffp-57},
    {0x1.0b5586cf9890fp+0, 0x1.8a62e4adc610bp-54},
    {0x1.0e3ec32d3d1a2p+0, 0x1.03a1727c57b53p-59},
    {0x1.11301d0125b51p+0, -0x1.6c51039449b3ap-54},
    {0x1.1429aaea92de0p+0, -0x1.32fbf9af1369ep-54},
    {0x1.172b83c7d517bp+0, -0x1.19041b9d78a76p-55},
    {0x1.1a35beb6fcb75p+0, 0x1.e5b4c7b4968e4p-55},
    {0x1.1d4873168b9aap+0, 0x1.e016e00a2643cp-54},
    {0x1.2063b88628cd6p+0, 0x1.dc775814a8495p-55},
    {0x1.2387a6e756238p+0, 0x1.9b07eb6c70573p-54},
    {0x1.26b4565e27cddp+0, 0x1.2bd339940e9d9p-55},
    {0x1.29e9df51fdee1p+0, 0x1.612e8afad1255p-55},
    {0x1.2d285a6e4030bp+0, 0x1.0024754db41d5p-54},
    {0x1.306fe0a31b715p+0, 0x1.6f46ad23182e4p-55},
    {0x1.33c08b26416ffp+0, 0x1.32721843659a6p-54},
    {0x1.371a7373aa9cbp+0, -0x1.63aeabf42eae2p-54},
    {0x1.3a7db34e59ff7p+0, -0x1.5e436d661f5e3p-56},
    {0x1.3dea64c123422p+0, 0x1.ada0911f09ebcp-55},
    {0x1.4160a21f72e2ap+0, -0x1.ef3691c309278p-58},
    {0x1.44e086061892dp+0, 0x1.89b7a04ef80d0p-59},
    {0x1.486a2b5c13cd0p+0, 0x1.3c1a3b69062f0p-56},
    {0x1.4bfdad5362a27p+0, 0x1.d4397afec42e2p-56},
    {0x1.4f9b2769d2ca7p+0, -0x1.4b309d25957e3p-54},
    {0x1.5342b569d4f82p+0, -0x1.07abe1db13cadp-55},
    {0x1.56f4736b527dap+0, 0x1.9bb2c011d93adp-54},
    {0x1.5ab07dd485429p+0, 0x1.6324c054647adp-54},
    {0x1.5e76f15ad2148p+0, 0x1.ba6f93080e65ep-54},
    {0x1.6247eb03a5585p+0, -0x1.383c17e40b497p-54},
    {0x1.6623882552225p+0, -0x1.bb60987591c34p-54},
    {0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54},
    {0x1.6dfb23c651a2fp+0, -0x1.bbe3a683c88abp-57},
    {0x1.71f75e8ec5f74p+0, -0x1.16e4786887a99p-55},
    {0x1.75feb564267c9p+0, -0x1.0245957316dd3p-54},
    {0x1.7a11473eb0187p+0, -0x1.41577ee04992fp-55},
    {0x1.7e2f336cf4e62p+0, 0x1.05d02ba15797ep-56},
    {0x1.82589994cce13p+0, -0x1.d4c1dd41532d8p-54},
    {0x1.868d99b4492edp+0, -0x1.fc6f89bd4f6bap-54},
    {0x1.8ace5422aa0dbp+0, 0x1.6e9f156864b27p-54},
    {0x1.8f1ae99157736p+0, 0x1.5cc13a2e3976cp-55},
    {0x1.93737b0cdc5e5p+0, -0x1.75fc781b57ebcp-57},
    {0x1.97d829fde4e50p+0, -0x1.d185b7c1b85d1p-54},
    {0x1.9c49182a3f090p+0, 0x1.c7c46b071f2bep-56},
    {0x1.a0c667b5de565p+0, -0x1.359495d1cd533p-54},
    {0x1.a5503b23e255dp+0, -0x1.d2f6edb8d41e1p-54},
    {0x1.a9e6b5579fdbfp+0, 0x1.0fac90ef7fd31p-54},
    {0x1.ae89f995ad3adp+0, 0x1.7a1cd345dcc81p-54},
    {0x1.b33a2b84f15fbp+0, -0x1.2805e3084d708p-57},
    {0x1.b7f76f2fb5e47p+0, -0x1.5584f7e54ac3bp-56},
    {0x1.bcc1e904bc1d2p+0, 0x1.23dd07a2d9e84p-55},
    {0x1.c199bdd85529cp+0, 0x1.11065895048ddp-55},
    {0x1.c67f12e57d14bp+0, 0x1.2884dff483cadp-54},
    {0x1.cb720dcef9069p+0, 0x1.503cbd1e949dbp-56},
    {0x1.d072d4a07897cp+0, -0x1.cbc3743797a9cp-54},
    {0x1.d5818dcfba487p+0, 0x1.2ed02d75b3707p-55},
    {0x1.da9e603db3285p+0, 0x1.c2300696db532p-54},
    {0x1.dfc97337b9b5fp+0, -0x1.1a5cd4f184b5cp-54},
    {0x1.e502ee78b3ff6p+0, 0x1.39e8980a9cc8fp-55},
    {0x1.ea4afa2a490dap+0, -0x1.e9c23179c2893p-54},
    {0x1.efa1bee615a27p+0, 0x1.dc7f486a4b6b0p-54},
    {0x1.f50765b6e4540p+0, 0x1.9d3e12dd8a18bp-54},
    {0x1.fa7c1819e90d8p+0, 0x1.74853f3a5931ep-55},
};

static const double ln2_high = 0x1.62e42fefa39efp-1, ln2_low = 0x1.abc9e3b39803fp-56;

/* (ln 2)^n / n! for n = 2 ... 7. */
static const double c2 = 0x1.ebfbdff82c58fp-3, c3 = 0x1.c6b08d704a0c0p-5, c4 = 0x1.3b2ab6fba4e77p-7,
                    c5 = 0x1.5d87fe78a6731p-10, c6 = 0x1.430912f86c787p-13,
                    c7 = 0x1.ffcbfc588b0c7p-17;

/* a * b - product, exactly; product is a * b rounded. */
static inline double product_error(double a, double b, double product)
{
    const double split = 134217729.0; /* 2^27 + 1 */
    double a_wide = a * split, b_wide = b * split;
    double a1 = a_wide - (a_wide - a), b1 = b_wide - (b_wide - b);
    double a2 = a - a1, b2 = b - b1;
    return ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2;
}

/* 2^e for a normal result. */
static inline double scale_of(int64_t e)
{
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return scale;
}

typedef struct power {
    double high, low; /* their sum times 2^exponent; high is the sum rounded */
    int64_t exponent;
} power;

/* 2^(x + more), more a small part of x's last digit; |x| below 1100. */
static power power_of(double x, double more)
{
    const double shift = 0x1.8p46; /* one unit in its last place is 1/64 */
    double shifted = x + shift;
    double r = x - (shifted - shift);
    int64_t k = (int64_t)((shifted - shift) * 64);
    double high = roots[k & 63].high, low = roots[k & 63].low;

    double first = r * ln2_high;
    double first_low =
        product_error(r, ln2_high, first) + r * ln2_low + more * ln2_high * (1 + first);
    double rest = r * r * (c2 + r * (c3 + r * (c4 + r * (c5 + r * (c6 + r * c7)))));
    double s = first + rest;
    double s_low = ((first - s) + rest) + first_low;

    double product = high * s;
    double product_low = product_error(high, s, product) + high * s_low + (low + low * s);
    double sum = high + product;
    double sum_low = ((high - sum) + product) + product_low;
    double result = sum + sum_low;
    return (power){result, (sum - result) + sum_low, (k - (k & 63)) / 64};
}

static double scaled(power p)
{
    if (p.exponent < -1022)
        return p.high * scale_of(p.exponent + 100) * scale_of(-100);
    return p.exponent > 1023 ? p.high * 2 * scale_of(p.exponent - 1)
                             : p.high * scale_of(p.exponent);
}

double power_of_two(double x)
{
    if (isnan(x) || x >= 1024 || x < -1080)
        return isnan(x) ? x : x > 0 ? (double)INFINITY : 0.0;
    return scaled(power_of(x, 0));
}

/* e^x as 2^(x / ln 2). */
static power power_of_e(double x)
{
    static const double high = 0x1.71547652b82fep+0, low = 0x1.777d0ffda0d24p-56; /* 1 / ln 2 */
    double y = x * high;
    return power_of(y, product_error(x, high, y) + x * low);
}

double power_exp(double x)
{
    if (isnan(x) || x > 709.79 || x < -746)
        return isnan(x) ? x : x > 0 ? (double)INFINITY : 0.0;
    return scaled(power_of_e(x));
}

/* The C library's answer y is off by at most a digit; x * e^-y - 1 is what is missing. */
double power_log(double x)
{
    if (!(x >= 0x1p-1022) || isinf(x))
        return log(x);
    double y = log(x);
    power p = power_of_e(-y);
    double unit = ldexp(x, (int)p.exponent);
    double product = unit * p.high;
    double missing = (product - 1) + (product_error(unit, p.high, product) + unit * p.low);
    return y + missing;
}
