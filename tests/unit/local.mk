unit_tests = \
	tests/unit/test_log \
	tests/unit/test_options \
	tests/unit/test_seccomp
