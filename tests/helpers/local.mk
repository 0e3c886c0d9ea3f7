# Programs that tests take into containers: static, and without a sanitizer, whose runtime would not be there.
noinst_PROGRAMS = tests/helpers/attacker tests/helpers/intruder tests/helpers/workload
helper_cflags = -std=gnu17 -O2 $(WARN_CFLAGS)
tests_helpers_attacker_SOURCES = tests/helpers/attacker.c
tests_helpers_attacker_CFLAGS = $(helper_cflags)
tests_helpers_attacker_LDFLAGS = -static
tests_helpers_attacker_LDADD =
tests_helpers_intruder_SOURCES = tests/helpers/intruder.c
tests_helpers_intruder_CFLAGS = $(helper_cflags)
tests_helpers_intruder_LDFLAGS = -static
tests_helpers_intruder_LDADD =
tests_helpers_workload_SOURCES = tests/helpers/workload.c
tests_helpers_workload_CFLAGS = $(helper_cflags) -pthread
tests_helpers_workload_LDFLAGS = -static -pthread
tests_helpers_workload_LDADD =
