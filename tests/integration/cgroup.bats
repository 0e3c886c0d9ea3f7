#!/usr/bin/env bats
# The cgroup of a container, on whatever hierarchy the machine has: where it is, who is in it, and how it goes.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

@test "cgroupsPath: absolute, from the hierarchy's root" {
	start
	is "$(cat "$CGROUP/c1/cgroup.procs")" "$(pid_of)"
	has "$(cat "/proc/$(pid_of)/cgroup")" "0::$PARENT/c1"
	ok delete --force c1
	[ -d "$CGROUP" ]
	[ ! -e "$CGROUP/c1" ]
}

@test "cgroupsPath: several levels, of which those that were made go again" {
	start c1 '.linux.cgroupsPath = $parent + "/a/b/c"'
	is "$(cat "$CGROUP/a/b/c/cgroup.procs")" "$(pid_of)"
	ok delete --force c1
	[ ! -e "$CGROUP/a/b/c" ]
	rmdir "$CGROUP/a/b" "$CGROUP/a" 2>/dev/null || :
}

@test "cgroupsPath: relative, or none" {
	for filter in '.linux.cgroupsPath = "kedge-test-relative/x"' 'del(.linux.cgroupsPath)'; do
		sleeper "$filter"
		ok run --detach --bundle "$BUNDLE" c1
		path=$(sed -n 's/^0:://p' "/proc/$(pid_of)/cgroup")
		isnt "$path" /
		is "$(cat "$CGROUP_MOUNT$path/cgroup.procs")" "$(pid_of)"
		ok delete --force c1
		[ ! -e "$CGROUP_MOUNT$path" ]
		rmdir "$CGROUP_MOUNT/kedge-test-relative" 2>/dev/null || :
	done
	[ ! -e "$CGROUP_MOUNT/kedge-test-relative" ]
}

@test "cgroupsPath: .. leads nowhere" {
	for path in '/../../../etc' '../../../tmp/x' '/a/../../x' '..'; do
		sleeper ".linux.cgroupsPath = \"$path\""
		kedge run --detach --bundle "$BUNDLE" c1
		if ((status == 0)); then
			inside=$(sed -n 's/^0:://p' "/proc/$(pid_of)/cgroup")
			hasnt "$inside" ..
			ok delete --force c1
			[ ! -e "$CGROUP_MOUNT$inside" ]
		else
			has "$stderr" cgroupsPath
		fi
		is "$(state_files)" ""
	done
}

@test "a cgroup that was made again since, by somebody else, is left to him" {
	config '.process.args = ["true"]'
	ok run --detach --bundle "$BUNDLE" c1
	eventually rmdir "$CGROUP/c1"
	mkdir "$CGROUP/c1"
	sh -c 'echo $$ >"$1" && exec sleep 1000' - "$CGROUP/c1/cgroup.procs" 3>&- &
	eventually grep -q . "$CGROUP/c1/cgroup.procs"
	ok delete --force c1
	is "$(cat "$CGROUP/c1/cgroup.procs")" "$!"
	kill "$!"
	eventually rmdir "$CGROUP/c1"
}

@test "an existing cgroup that is empty is used and kept" {
	mkdir "$CGROUP/c1"
	start
	is "$(cat "$CGROUP/c1/cgroup.procs")" "$(pid_of)"
	ok delete --force c1
	[ -d "$CGROUP/c1" ]
	is "$(cat "$CGROUP/c1/cgroup.procs")" ""
	rmdir "$CGROUP/c1"
}

@test "an existing cgroup with processes is refused, and they live" {
	mkdir "$CGROUP/c1"
	sleep 1000 3>&- 4>&- &
	echo $! >"$CGROUP/c1/cgroup.procs"
	config
	fails 1 "container's cgroup is not empty: 1 process(es) found" run --bundle "$BUNDLE" c1
	is "$(cat "$CGROUP/c1/cgroup.procs")" "$!"
	kill $!
	wait $! || :
	rmdir "$CGROUP/c1"
	nothing_left
}

@test "an existing cgroup that is frozen is refused" {
	mkdir "$CGROUP/c1"
	echo 1 >"$CGROUP/c1/cgroup.freeze"
	config
	LIMIT=60 fails 1 "container's cgroup unexpectedly frozen" run --bundle "$BUNDLE" c1
	echo 0 >"$CGROUP/c1/cgroup.freeze"
	rmdir "$CGROUP/c1"
	nothing_left
}

@test "delete removes the cgroups that the container made" {
	start c1 'unmount("/sys/fs/cgroup") | mount("/sys/fs/cgroup"; "cgroup"; "cgroup"; ["rw"])'
	ok exec c1 sh -c 'mkdir -p /sys/fs/cgroup/a/b /sys/fs/cgroup/c; sleep 1000 >/dev/null 2>&1 & echo $! >/sys/fs/cgroup/a/b/cgroup.procs'
	is "$(wc -l <"$CGROUP/c1/a/b/cgroup.procs")" 1
	ok delete --force c1
	nothing_left
}

@test "delete ends what is frozen deep below" {
	start c1 'unmount("/sys/fs/cgroup") | mount("/sys/fs/cgroup"; "cgroup"; "cgroup"; ["rw"])' 'without("pid")'
	ok exec c1 sh -c 'mkdir -p /sys/fs/cgroup/a; sleep 1000 >/dev/null 2>&1 & echo $! >/sys/fs/cgroup/a/cgroup.procs; echo 1 >/sys/fs/cgroup/a/cgroup.freeze'
	ok delete --force c1
	nothing_left
}

@test "a container whose cgroup someone has removed can be deleted" {
	script 'exit 0'
	kedge run --keep --bundle "$BUNDLE" c1
	rmdir "$CGROUP/c1"
	ok delete c1
	nothing_left
}

@test "a container whose init was moved elsewhere can be killed and deleted" {
	start
	mkdir "$CGROUP/elsewhere"
	pid=$(pid_of)
	echo "$pid" >"$CGROUP/elsewhere/cgroup.procs"
	is "$(state status)" running
	ok kill c1 KILL
	eventually is_status stopped
	ok delete c1
	gone "$pid"
	rmdir "$CGROUP/elsewhere"
	nothing_left
}

@test "init never runs outside of its cgroup" {
	run_ok 'grep ^0:: /proc/self/cgroup' 'without("cgroup")'
	is "$output" "0::$PARENT/c1"
	mkdir "$T/shared"
	config 'hook("createContainer"; "grep ^0:: /proc/$PPID/cgroup >\($T)/shared/init")' 'without("cgroup") | without("pid")'
	ok run --bundle "$BUNDLE" c1
	is "$(cat "$T/shared/init")" "0::$PARENT/c1"
}

@test "unified: files of the cgroup are written, unknown ones refused" {
	start c1 '.linux.resources.unified = {"cgroup.max.depth": "3", "cgroup.max.descendants": "7"}'
	is "$(cat "$CGROUP/c1/cgroup.max.depth" "$CGROUP/c1/cgroup.max.descendants" | xargs)" "3 7"
	ok delete --force c1
	config '.linux.resources.unified = {"nosuch.file": "1"}'
	refused "nosuch"
	config '.linux.resources.unified = {"cgroup.max.depth": "many"}'
	refused "cgroup.max.depth"
	for key in ../x a/b nodot .x x.; do
		config ".linux.resources.unified = {\"$key\": \"1\"}"
		refused "linux.resources.unified[\"$key\"]"
	done
}

@test "a limit whose controller is missing is refused" {
	if grep -qw memory "$CGROUP/cgroup.controllers"; then skip "the memory controller is here"; fi
	config '.linux.resources.memory.limit = 33554432'
	refused memory
	config '.linux.resources.pids.limit = 5'
	refused pids
}

@test "what only cgroup v1 has is refused" {
	while IFS='|' read -r object name; do
		config ".linux.resources |= . + $object"
		refused "linux.resources.$name: cgroup v2 has no equivalent"
	done <<-'END'
		{memory: {kernel: 4096}}|memory.kernel
		{memory: {kernelTCP: 4096}}|memory.kernelTCP
		{memory: {swappiness: 60}}|memory.swappiness
		{memory: {disableOOMKiller: true}}|memory.disableOOMKiller
		{memory: {useHierarchy: false}}|memory.useHierarchy: false
		{cpu: {realtimeRuntime: 950000}}|cpu.realtimeRuntime
		{cpu: {realtimePeriod: 1000000}}|cpu.realtimePeriod
		{blockIO: {leafWeight: 50}}|blockIO.leafWeight
		{blockIO: {weightDevice: [{major: 8, minor: 0, leafWeight: 50}]}}|blockIO.weightDevice[0].leafWeight
		{network: {classID: 1048577}}|network.classID
		{network: {priorities: [{name: "eth0", priority: 5}]}}|network.priorities
	END
}

@test "hugepages: limits" {
	grep -qw hugetlb "$CGROUP/cgroup.controllers" || skip "there is no controller for huge pages"
	start c1 '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
	is "$(cat "$CGROUP/c1/hugetlb.2MB.max")" 4194304
	is "$(cat "$CGROUP/c1/hugetlb.2MB.rsvd.max")" 4194304
	ok delete --force c1
	config '.linux.resources.hugepageLimits = [{pageSize: "3XB", limit: 1}]'
	refused "linux.resources.hugepageLimits[0].pageSize"
}

@test "--cgroup-manager disabled: the container stays in the caller's cgroup" {
	sleeper 'del(.linux.cgroupsPath) | del(.linux.resources)'
	ok --cgroup-manager disabled run --detach --bundle "$BUNDLE" c1
	is "$(cat "/proc/$(pid_of)/cgroup")" "$(cat /proc/self/cgroup)"
	ok exec c1 true
	ok ps --format json c1
	is "$output" "[$(pid_of)]"
	ok state c1
	fails 1 "has no cgroup" pause c1
	fails 1 "has no cgroup" update --pids-limit 5 c1
	fails 1 "has no cgroup" events --stats c1
	ok kill c1 KILL
	eventually is_status stopped
	ok delete c1
	nothing_left
}

@test "--cgroup-manager disabled: create, start, and delete --force of what runs" {
	sleeper 'del(.linux.cgroupsPath) | del(.linux.resources)'
	ok --cgroup-manager=disabled create --bundle "$BUNDLE" c1
	is_status created
	ok start c1
	is_status running
	pid=$(pid_of)
	ok delete --force c1
	gone "$pid"
}

@test "--cgroup-manager disabled: what needs a cgroup is refused, device rules are a warning" {
	sleeper
	refused "linux.cgroupsPath: cannot be applied with cgroups disabled" \
		--cgroup-manager disabled run --detach --bundle "$BUNDLE" c1
	sleeper 'del(.linux.cgroupsPath) | .linux.resources.pids = {limit: 5}'
	refused "linux.resources: cannot be applied with cgroups disabled" \
		--cgroup-manager disabled run --detach --bundle "$BUNDLE" c1
	config 'del(.linux.cgroupsPath)'
	kedge --cgroup-manager disabled run --bundle "$BUNDLE" c1
	is "$status" 0
	has "$stderr" "linux.resources.devices: not enforced with cgroups disabled, ignoring"
}

@test "--cgroup-manager: cgroupfs is the default, others are refused" {
	config
	ok --cgroup-manager cgroupfs run --bundle "$BUNDLE" c1
	refused 'invalid value "v1" for flag -cgroup-manager' --cgroup-manager v1 run --bundle "$BUNDLE" c1
	refused "--systemd-cgroup contradicts --cgroup-manager disabled" \
		--systemd-cgroup --cgroup-manager disabled run --bundle "$BUNDLE" c1
}
