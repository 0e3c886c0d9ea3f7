fuzz_tests = \
	tests/fuzz/fuzz_config \
	tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_lists \
	tests/fuzz/fuzz_notify \
	tests/fuzz/fuzz_options \
	tests/fuzz/fuzz_seccomp \
	tests/fuzz/fuzz_state
check_PROGRAMS += $(fuzz_tests)
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_lists_SOURCES = tests/fuzz/fuzz_lists.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_options_SOURCES = tests/fuzz/fuzz_options.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_notify_SOURCES = tests/fuzz/fuzz_notify.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_seccomp_SOURCES = tests/fuzz/fuzz_seccomp.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_state_SOURCES = tests/fuzz/fuzz_state.c tests/fuzz/fuzz.h tests/fuzz/replay.c
TESTS += tests/fuzz/run
