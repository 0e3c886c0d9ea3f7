#!/usr/bin/env bats
# How many system calls a command makes, kedge and kedge-init together and without the payload: unlike time, the same at each run
# and whatever else the machine does. tests/bench/ceilings has what each may need. A command that needs more has got slower:
# find out why; if it is worth it, raise the number there, and say so in the commit. One that needs much less is to be lowered.

load helpers

CEILINGS=$BATS_TEST_DIRNAME/../bench/ceilings
# The same files in procfs and sysfs on every kernel.
SAME='.linux.maskedPaths = ["/proc/meminfo", "/proc/fs", "/sys/kernel"] | .linux.readonlyPaths = ["/proc/sys", "/proc/irq"]'

setup() {
	type -P strace >/dev/null || skip "strace is not installed"
	if readelf -lW "$KEDGE" | grep -q INTERP; then skip "kedge is linked with the shared C library: the loader's calls would count"; fi
	begin
	enable "$CGROUP_MOUNT"
	enable "$CGROUP"
}

# So that there is nothing left to be enabled, however many controllers a machine has.
enable() {
	local controller
	for controller in $(<"$1/cgroup.controllers"); do echo "+$controller" >"$1/cgroup.subtree_control" || :; done 2>/dev/null
}

# counted NAME COMMAND...: the calls go to $T/trace. strace ends with the last process it follows, and what create leaves
# is not to be waited for.
counted() {
	local name=$1 tracer calls limit
	shift
	rm -f "$T/trace"
	strace -f -qq -I 2 -o "$T/trace" "$KEDGE" --root "$STATE" "$@" </dev/null >"$T/stdout" 2>"$T/stderr" 3>&- 4>&- &
	tracer=$!
	eventually grep -q "^$(first_pid) *+++ exited\|^$(first_pid) .*exit_group(0) " "$T/trace"
	if [[ $name == create ]]; then kill "$tracer"; fi
	wait "$tracer" || [[ $name == create ]] || { cat "$T/stderr"; return 1; }
	calls=$(count)
	limit=$(awk -v name="$name" '$1 == name { print $2 }' "$CEILINGS")
	echo "# $name: $calls system calls, at most $limit" | tee -a "${COUNTS:-/dev/null}"
	((calls > 0 && calls <= limit)) || { awk '{ sub(/\(.*/, "", $2); n[$2]++ } END { for (c in n) print n[c], c }' "$T/trace" | sort -rn; return 1; }
}

first_pid() { while [[ ! -s $T/trace ]]; do sleep 0.01; done; awk '{ print $1; exit }' "$T/trace"; }

# A process is not counted any more once it executes the payload.
count() {
	awk 'NR == 1 { first = $1 }
		$2 !~ /^[a-z_0-9]+\(/ || over[$1] { next }
		{ n++ }
		$1 != first && $2 ~ /^execve\(/ { over[$1] = 1 }
		END { print n + 0 }' "$T/trace"
}

@test "system calls: --version and run" {
	config "$SAME"
	counted version --version
	counted run run --bundle "$BUNDLE" c1
}

@test "system calls: a container's life" {
	script "sleep 1000" "$SAME"
	counted create create --bundle "$BUNDLE" c1
	counted list list
	counted state state c1
	counted start start c1
	counted exec exec c1 true
	counted kill kill c1 KILL
	eventually is_status stopped
	counted delete delete c1
}

@test "system calls: delete --force of what runs" {
	script "sleep 1000" "$SAME"
	ok run --detach --bundle "$BUNDLE" c1
	counted delete-force delete --force c1
}
