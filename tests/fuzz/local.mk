fuzz_tests = \
	tests/fuzz/fuzz_config \
	tests/fuzz/fuzz_guard \
	tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_lists \
	tests/fuzz/fuzz_notify \
	tests/fuzz/fuzz_options \
	tests/fuzz/fuzz_policy \
	tests/fuzz/fuzz_seccomp \
	tests/fuzz/fuzz_state \
	tests/fuzz/fuzz_wire
check_PROGRAMS += $(fuzz_tests)
fuzz_driver = tests/fuzz/fuzz.h tests/fuzz/replay.c tests/fuzz/afl.c
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c $(fuzz_driver)
tests_fuzz_fuzz_guard_SOURCES = tests/fuzz/fuzz_guard.c $(fuzz_driver)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(fuzz_driver)
tests_fuzz_fuzz_lists_SOURCES = tests/fuzz/fuzz_lists.c $(fuzz_driver)
tests_fuzz_fuzz_notify_SOURCES = tests/fuzz/fuzz_notify.c $(fuzz_driver)
tests_fuzz_fuzz_options_SOURCES = tests/fuzz/fuzz_options.c $(fuzz_driver)
tests_fuzz_fuzz_policy_SOURCES = tests/fuzz/fuzz_policy.c $(fuzz_driver)
tests_fuzz_fuzz_seccomp_SOURCES = tests/fuzz/fuzz_seccomp.c $(fuzz_driver)
tests_fuzz_fuzz_state_SOURCES = tests/fuzz/fuzz_state.c $(fuzz_driver)
tests_fuzz_fuzz_wire_SOURCES = tests/fuzz/fuzz_wire.c $(fuzz_driver)
fuzz-programs: $(fuzz_tests)
.PHONY: fuzz-programs
TESTS += tests/fuzz/run
