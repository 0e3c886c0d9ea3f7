#!/usr/bin/env bats
# New limits for a container. Which of them can be tried depends on the controllers that the machine has for cgroup v2;
# what the kernel makes of them is seen in tests/vm/cgroup.bats.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# needs CONTROLLER...: of cgroup v2 on this machine.
needs() {
	local controller
	for controller; do
		grep -qw "$controller" "$CGROUP_MOUNT/cgroup.controllers" ||
			skip "cgroup v2 has no controller '$controller' here"
	done
}

limit() { cat "$CGROUP/c1/$1"; }

# update TEXT: the document on stdin.
update() {
	printf '%s\n' "$1" >"$T/resources.json"
	STDIN=$T/resources.json kedge update --resources - c1
}

updates() {
	update "$1"
	is "$status" 0 || { echo "stderr: $stderr"; return 1; }
	is "$stderr" ""
	is "$output" ""
}

@test "resources from stdin, from a file, and by every way to write the option" {
	needs hugetlb
	start
	updates '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}'
	is "$(limit hugetlb.2MB.max)" 4194304
	echo '{"hugepageLimits": [{"pageSize": "2MB", "limit": 8388608}], "unknown": {}}' >"$T/r"
	ok update -r "$T/r" c1
	is "$(limit hugetlb.2MB.max)" 8388608
	echo '{"unified": {"hugetlb.2MB.max": "2097152"}}' >"$T/r"
	ok update "--resources=$T/r" c1
	is "$(limit hugetlb.2MB.max)" 2097152
	echo '{"unified": {"hugetlb.2MB.max": "max"}}' >"$T/r"
	ok update c1 -resources "$T/r"
	is "$(limit hugetlb.2MB.max)" 9223372036854771712 || is "$(limit hugetlb.2MB.max)" max
}

@test "an update that changes nothing is none" {
	start
	for text in '{}' '{"memory": null, "cpu": {}}' '{"memory": {"limit": 0}, "blockIO": {"weight": 0}}'; do
		updates "$text"
	done
	ok update c1
}

@test "created and paused containers are updated too, and stay so" {
	needs hugetlb
	sleeper
	create
	updates '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}'
	is "$(limit hugetlb.2MB.max)" 4194304
	is_status created
	ok start c1
	ok pause c1
	updates '{"hugepageLimits": [{"pageSize": "2MB", "limit": 8388608}]}'
	is "$(limit hugetlb.2MB.max)" 8388608
	is_status paused
	ok resume c1
	is_status running
}

@test "rules for devices are not touched" {
	start
	updates '{"devices": [{"allow": true, "access": "rwm"}]}'
	ok exec -c CAP_MKNOD c1 sh -c 'mknod /dev/kmsg c 1 11 && test -c /dev/kmsg && head -c 1 /dev/kmsg 2>&1 || echo no'
	has "$output" "not permitted"
	has "$output" no
}

@test "one that fails changes nothing" {
	needs hugetlb
	start
	updates '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}'
	update '{"hugepageLimits": [{"pageSize": "2MB", "limit": 8388608}], "unified": {"hugetlb.nonsense": "1"}}'
	is "$status" 1
	has "$stderr" "hugetlb.nonsense"
	is "$(limit hugetlb.2MB.max)" 4194304
	is_status running
}

@test "what is no resources object is refused, with place and reason" {
	start
	echo '{"memory": {"limit": "1g"}}' >"$T/r"
	fails 1 "$T/r:1: memory.limit: must be a number, is a string" update -r "$T/r" c1
	echo '[]' >"$T/r"
	fails 1 "must be an object" update -r "$T/r" c1
	: >"$T/r"
	fails 1 "$T/r: the document is empty" update -r "$T/r" c1
	fails 1 "cannot read '$T/none': no such file or directory" update -r "$T/none" c1
	STDIN=/dev/null fails 1 "stdin: the document is empty" update -r - c1
	is_status running
}

@test "options that are no numbers are refused, by name" {
	start
	fails 1 'invalid value for memory: "12x" is no size' update --memory 12x c1
	fails 1 'invalid value for memory-swap: "-2" is no size' update --memory-swap=-2 c1
	fails 1 'invalid value for cpu-quota: "many" is no number' update --cpu-quota many c1
	fails 1 'invalid value for pids-limit: "1k" is no number' update --pids-limit 1k c1
	fails 1 'cpu.idle: must be' update --cpu-idle 2 c1
	fails 1 'cpu.cpus' update --cpuset-cpus 0-x c1
	fails 1 'must be 10 to 1000' update --blkio-weight 5 c1
	fails 1 'cpu.burst: must not be larger than the quota' update --cpu-quota 10000 --cpu-burst 20000 c1
	fails 1 '--memory cannot be given together with --resources' update --resources - --memory 1g c1
}

@test "what cgroup v2 does not have is refused; kernel memory is ignored with a warning" {
	start
	fails 1 'linux.resources.cpu.realtimeRuntime: cgroup v2 has no equivalent' update --cpu-rt-runtime 1000 c1
	fails 1 'linux.resources.cpu.realtimePeriod: cgroup v2 has no equivalent' update --cpu-rt-period 1000 c1
	ok update --cpu-rt-runtime 0 --cpu-rt-period 0 c1
	kedge update --kernel-memory 1g --kernel-memory-tcp 1g c1
	is "$status" 0
	has "$stderr" "kernel memory settings are obsolete, ignoring"
	is "$(wc -l <"$T/stderr")" 1
}

@test "a controller that is not there is an error" {
	grep -qw memory "$CGROUP_MOUNT/cgroup.controllers" && skip "cgroup v2 has the memory controller here"
	start
	fails 1 "linux.resources.memory.limit: controller 'memory' is not available" update --memory 64m c1
	fails 1 "linux.resources.pids.limit: controller 'pids' is not available" update --pids-limit 10 c1
	ok update --pids-limit -1 --memory -1 c1
}

@test "all options at once are what the kernel has" {
	needs memory cpu pids
	start c1 '.linux.resources.memory = {limit: 67108864}'
	ok update --memory 128M --memory-reservation 33554432 --memory-swap 192m --cpu-period 50000 --cpu-quota 25000 \
		--cpu-burst 5000 --cpu-share 512 --pids-limit 20 c1
	is "$(limit memory.max)" 134217728
	is "$(limit memory.low)" 33554432
	is "$(limit cpu.max)" "25000 50000"
	is "$(limit cpu.weight)" 59
	is "$(limit pids.max)" 20
	ok update --cpu-period 100000 c1
	is "$(limit cpu.max)" "25000 100000"
	ok update --cpu-quota -1 --pids-limit -1 c1
	is "$(limit cpu.max)" "max 100000"
	is "$(limit pids.max)" max
	ok update --pids-limit 0 c1
	is "$(limit pids.max)" 1
	ok update --cpu-idle 1 c1
	is "$(limit cpu.idle)" 1
	ok update --memory -1 c1
	is "$(limit memory.max)" max
}

@test "a memory limit alone keeps the total of memory and swap that was asked for last" {
	needs memory
	start c1 '.linux.resources.memory = {limit: 33554432, swap: 67108864}'
	[[ -e $CGROUP/c1/memory.swap.max ]] || skip "the kernel knows no swap"
	is "$(limit memory.swap.max)" 33554432
	ok update --memory 48M c1
	is "$(limit memory.swap.max)" 16777216
	fails 1 "memory+swap limit should be >= memory limit" update --memory 96M c1
	is "$(limit memory.max)" 50331648
	ok update --memory-swap 128M c1
	is "$(limit memory.swap.max)" 83886080
	ok update --memory 96M c1
	is "$(limit memory.swap.max)" 33554432
	ok update --memory -1 c1
	is "$(limit memory.swap.max)" max
	ok update --memory 64M c1
	is "$(limit memory.swap.max)" max
}

@test "swap that was set by its own file is not counted" {
	needs memory
	start c1 '.linux.resources.memory = {limit: 33554432} | .linux.resources.unified = {"memory.swap.max": "0"}'
	ok update --memory 64M c1
	is "$(limit memory.max)" 67108864
	is "$(limit memory.swap.max)" 0
}

@test "checkBeforeUpdate: a limit below the use is rejected" {
	needs memory
	start
	update '{"memory": {"limit": 1024, "checkBeforeUpdate": true}}'
	is "$status" 1
	has "$stderr" "rejecting memory limit 1024 <= usage"
	update '{"memory": {"limit": 1024, "swap": 2048, "checkBeforeUpdate": true}}'
	is "$status" 1
	has "$stderr" "rejecting memory+swap limit 2048 <= usage"
	is_status running
}

@test "a stopped container, an unknown one, and one without a cgroup" {
	start
	ok kill c1 KILL
	eventually is_status stopped
	fails 1 "container not running" update --pids-limit 5 c1
	fails 1 "container does not exist" update --pids-limit 5 c2
	fails 1 "invalid container ID format" update --pids-limit 5 a/b
}
