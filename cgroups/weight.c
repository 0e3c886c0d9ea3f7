/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU shares of v1 (2 … 262144, default 1024) as a weight of v2 (1 … 10000, default 100): the curve that runtimes
 * have in common since 2025, 10^((l² + 125 l) / 612 - 7/34) with l the binary logarithm, rounded up. It goes through
 * both ends and the default. The series below are exact to the last bits of a double, so libm stays out of every
 * start-up.
 */
#include "cgroups/internal.h"

#define LN_2 0.69314718055994530942
#define LN_10 2.30258509299404568402
#define TERMS 20

/* shares > 0 */
static double log2_of(uint64_t shares)
{
	int exponent = 63 - __builtin_clzll(shares);
	double m = (double)shares / (double)(1ULL << exponent);

	/* ln m = 2 (t + t³/3 + t⁵/5 …), |t| < 0.172 */
	if (m > 1.41421356237309504880) {
		m /= 2;
		exponent++;
	}
	double t = (m - 1) / (m + 1), power = t, sum = 0;
	for (int i = 0; i < TERMS; i++, power *= t * t)
		sum += power / (2 * i + 1);
	return exponent + 2 * sum / LN_2;
}

/* 0 <= y < 5 */
static double pow10_of(double y)
{
	double x = y * LN_10;
	int k = (int)(x / LN_2);
	double r = x - k * LN_2, term = 1, sum = 0;

	for (int i = 1; i <= TERMS; i++) {
		sum += term;
		term *= r / i;
	}
	return sum * (double)(1ULL << k);
}

uint64_t cgroup_weight_of_shares(uint64_t shares)
{
	if (shares == 0)
		return 0;
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	double l = log2_of(shares);
	double weight = pow10_of((l * l + 125 * l) / 612 - 7.0 / 34);
	uint64_t whole = (uint64_t)weight;
	/* 1024 is 100 exactly: what the last bits add is not rounded up. */
	return weight - (double)whole > 1e-9 ? whole + 1 : whole;
}
