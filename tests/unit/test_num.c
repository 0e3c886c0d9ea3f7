/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and times as callers of runc write them. */
#include <inttypes.h>

#include "base/num.h"
#include "tests/unit/tap.h"

static void test_sizes(void)
{
	static const struct {
		const char *text;
		uint64_t want;
	} good[] = {
		{"0", 0},	    {"32", 32},		  {"32b", 32},		{"32B", 32},	     {"32k", 32768},
		{"32K", 32768},	    {"32kb", 32768},	  {"32KiB", 32768},	{"32kib", 32768},    {"50M", 52428800},
		{"32.5kB", 33280},  {"32.5 kB", 33280},	  {"1.5g", 1610612736}, {".5m", 524288},     {"1.", 1},
		{"1T", 1ULL << 40}, {"2PiB", 2ULL << 50}, {"32.3", 32},		{"0.3 K", 307},	     {"8191P", 8191ULL << 50}, {"1 ", 1},
	};
	static const char *const bad[] = {"",	  "hello", "-32",  "1.5.2", "32bm", "32kib ", "32  k", "32mbs",
					  "32ib", ".",	   "k",	   " 32",   "3e2",  "32e",    "99999999999999999999",
					  "32bb", "32kk",  "0x10", "+5",    "9999999P"};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		v = 7;
		ok(parse_size(good[i].text, INT64_MAX, &v) == 0 && v == good[i].want, "'%s' is %" PRIu64, good[i].text,
		   good[i].want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		v = 7;
		ok(parse_size(bad[i], INT64_MAX, &v) < 0 && v == 7, "'%s' is no size", bad[i]);
	}
	ok(parse_size(NULL, INT64_MAX, &v) < 0, "nor is NULL");
	ok(parse_size("1k", 1023, &v) < 0, "the limit holds for the product");
}

static void test_durations(void)
{
	static const struct {
		const char *text;
		uint64_t want;
	} good[] = {
		{"0", 0},	  {"5s", 5000000000},	{"100ms", 100000000},	      {"1m30s", 90000000000},
		{"1.5h", 5400000000000}, {"0.5s", 500000000}, {".5s", 500000000},	      {"1.s", 1000000000},
		{"+5s", 5000000000},	  {"10ns", 10},	{"11us", 11000},	      {"12\xc2\xb5s", 12000},
		{"12\xce\xbcs", 12000},	  {"0s", 0},	{"1h0m0.000000001s", 3600000000001},
		{"5m", 300000000000},	  {"1s1s", 2000000000},
	};
	static const char *const bad[] = {"", "5", "s", ".s", "5x", "5 s", "-5s", "1s ", "1.2.3s", "+", "5S", "3000000000000h", "1m30"};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		v = 7;
		ok(parse_duration(good[i].text, &v) == 0 && v == good[i].want, "'%s' is %" PRIu64 " ns", good[i].text,
		   good[i].want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		v = 7;
		ok(parse_duration(bad[i], &v) < 0 && v == 7, "'%s' is no time", bad[i]);
	}
	ok(parse_duration(NULL, &v) < 0, "nor is NULL");
}

int main(void)
{
	test_sizes();
	test_durations();
	return done();
}
