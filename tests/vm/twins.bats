#!/usr/bin/env bats
# The validation programs of runtime-tools that read files of cgroup v1, again for v2: the same properties, each with an
# absolute and a relative cgroupsPath as in the programs' pairs. What v2 has no file for must be an error, not ignored.
# shellcheck disable=SC2016 # what is quoted is for jq

load helpers

teardown() {
	last_output
	rt delete --force twin >/dev/null 2>&1 || :
	clean_up
}

needs_controller() {
	grep -qw "$1" "$CGROUP/cgroup.controllers" || skip "this kernel has no controller '$1'"
}

# created PATH FILTER: a created container; its cgroup's directory is then $dir.
created() {
	bundle busybox '["true"]' ".linux.cgroupsPath = \"$1\" | $2"
	rt create --bundle "$BATS_TEST_TMPDIR/bundle" twin </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 ||
		{ cat "$BATS_TEST_TMPDIR/log"; return 1; }
	dir=$CGROUP$(sed -n 's/^0:://p' "/proc/$(rt state twin | jq .pid)/cgroup")
	[[ $dir == */${1#/} ]]
}

deleted() {
	rt delete --force twin
	[ ! -e "$dir" ]
}

# twins FILTER CHECK: both kinds of path; CHECK looks at the files in $dir.
twins() {
	local path
	for path in "$(cgroup_name)" "kedge-vm-relative-$BATS_TEST_NUMBER"; do
		created "$path" "$1"
		"$2"
		deleted
	done
}

# refused FILTER TEXT: the error says what, and nothing is left.
refused() {
	bundle busybox '["true"]' "$1"
	run rt create --bundle "$BATS_TEST_TMPDIR/bundle" twin
	[ "$status" -ne 0 ]
	[[ $output == *"$2"* ]]
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "blkio, relative_blkio: throttling of a device" {
	needs_controller io
	local disk rate
	disk=$(disk_number)
	check_io() { grep -qx "$disk rbps=$rate wbps=$rate riops=$rate wiops=$rate" "$dir/io.max"; }
	for rate in 102400 204800; do
		twins "[{major: ${disk%:*}, minor: ${disk#*:}, rate: $rate}] as \$r | .linux.resources.blockIO = {
			throttleReadBpsDevice: \$r, throttleWriteBpsDevice: \$r,
			throttleReadIOPSDevice: \$r, throttleWriteIOPSDevice: \$r}" check_io
	done
	refused '.linux.resources.blockIO.leafWeight = 300' leafWeight
}

@test "cpus, relative_cpus: shares, quota and period" {
	needs_controller cpu
	check_cpu() { [ "$(cat "$dir/cpu.weight") $(cat "$dir/cpu.max")" = "100 50000 1000000" ]; }
	twins '.linux.resources.cpu = {shares: 1024, quota: 50000, period: 1000000}' check_cpu
	check_small() { [ "$(cat "$dir/cpu.weight") $(cat "$dir/cpu.max")" = "1 max 100000" ]; }
	twins '.linux.resources.cpu = {shares: 2, quota: -1, period: 100000}' check_small
}

@test "cpus, relative_cpus: cpus and mems" {
	needs_controller cpuset
	check_set() { [ "$(cat "$dir/cpuset.cpus") $(cat "$dir/cpuset.mems")" = "0 0" ]; }
	twins '.linux.resources.cpu = {cpus: "0", mems: "0"}' check_set
	refused '.linux.resources.cpu.realtimePeriod = 1000000' realtimePeriod
}

@test "devices, relative_devices: only what is allowed" {
	local look='mknod /tmp/a c 10 229; mknod /tmp/b b 8 20; mknod /tmp/c b 10 200; mknod /tmp/d c 10 1
		for file in a b c d; do
			(: </tmp/$file) 2>&1 | grep -q permitted && echo "$file is not read"
			(: >/tmp/$file) 2>&1 | grep -q permitted && echo "$file is not written"
		done
		:'
	check_devices() { :; }
	twins '.linux.resources.devices += [{allow: true, type: "c", major: 10, minor: 229, access: "rwm"},
		{allow: true, type: "b", major: 8, minor: 20, access: "rw"},
		{allow: true, type: "b", major: 10, minor: 200, access: "r"}]' check_devices
	bundle busybox "$(jq -cn --arg text "$look" '["sh", "-c", $text]')" \
		'.linux.resources.devices += [{allow: true, type: "c", major: 10, minor: 229, access: "rwm"},
			{allow: true, type: "b", major: 8, minor: 20, access: "rwm"},
			{allow: true, type: "b", major: 10, minor: 200, access: "rm"}, {allow: true, type: "c", major: 10, minor: 1, access: "m"}]'
	rt_run twin
	[ "$output" = $'c is not written\nd is not read\nd is not written' ]
}

@test "hugetlb, relative_hugetlb: a limit for each page size" {
	needs_controller hugetlb
	check_huge() { [ "$(cat "$dir/hugetlb.2MB.max")" = 8388608 ]; }
	twins '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 8388608}]' check_huge
	refused '.linux.resources.hugepageLimits = [{pageSize: "3MB", limit: 1}]' hugetlb.3MB.max
}

@test "memory, relative_memory: limit, reservation and swap" {
	needs_controller memory
	local limit
	check_memory() {
		[ "$(cat "$dir/memory.max") $(cat "$dir/memory.low") $(cat "$dir/memory.swap.max")" = "$limit $limit 0" ]
	}
	for limit in 50593792 151781376; do
		twins ".linux.resources.memory = {limit: $limit, reservation: $limit, swap: $limit}" check_memory
	done
	refused '.linux.resources.memory.swappiness = 10' swappiness
	refused '.linux.resources.memory.kernel = 50593792' memory.kernel
	refused '.linux.resources.memory.kernelTCP = 50593792' kernelTCP
	refused '.linux.resources.memory.disableOOMKiller = true' disableOOMKiller
}

@test "network, relative_network: cgroup v2 has none" {
	refused '.linux.resources.network = {classID: 255}' classID
	refused '.linux.resources.network = {priorities: [{name: "lo", priority: 10}]}' priorities
}

@test "pids, relative_pids: the limit" {
	needs_controller pids
	check_pids() { [ "$(cat "$dir/pids.max")" = 1000 ]; }
	twins '.linux.resources.pids.limit = 1000' check_pids
}

@test "delete_resources: the cgroup goes with the container" {
	created "$(cgroup_name)" '.linux.resources.unified = {"cgroup.max.depth": "5"}'
	rt start twin
	eventually 10 eval 'rt state twin | grep -q stopped'
	rt delete twin
	[ ! -e "$dir" ]
}

@test "delete_only_create_resources: another's cgroup stays, with the container's process in it" {
	local other
	other=$CGROUP$(cgroup_name)-other
	mkdir "$other"
	created "$(cgroup_name)" .
	rt state twin | jq .pid >"$other/cgroup.procs"
	rt start twin
	eventually 10 eval 'rt state twin | grep -q stopped'
	rt delete twin
	[ ! -e "$dir" ]
	[ -d "$other" ]
	rmdir "$other"
}
