unit_tests = \
	tests/unit/test_cgroup_devices \
	tests/unit/test_cgroup_limits \
	tests/unit/test_cgroup_live \
	tests/unit/test_cgroup_place \
	tests/unit/test_cgroup_writes \
	tests/unit/test_delete \
	tests/unit/test_hooks \
	tests/unit/test_json \
	tests/unit/test_log \
	tests/unit/test_mount_options \
	tests/unit/test_names \
	tests/unit/test_options \
	tests/unit/test_seccomp \
	tests/unit/test_seccomp_cache \
	tests/unit/test_seccomp_notify \
	tests/unit/test_spec \
	tests/unit/test_spec_mutations \
	tests/unit/test_spec_rules \
	tests/unit/test_state \
	tests/unit/test_statedir \
	tests/unit/test_terminal \
	tests/unit/test_unit
