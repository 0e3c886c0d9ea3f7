#!/usr/bin/env bats
# What only Debian's real kernel has: the controllers that User Mode Linux
# lacks, several processors, block device weights and security modules.
# shellcheck disable=SC2016 # what is quoted is for the containers' shells

load helpers

teardown() {
	last_output
	clean_up
}

sleeper='["sleep", "1000"]'

@test "cpuset: the container runs where it may" {
	bundle busybox '["sh", "-c", "grep Cpus_allowed_list /proc/self/status; cat /sys/fs/cgroup/cpuset.cpus.effective"]' \
		'.linux.resources.cpu = {cpus: "1", mems: "0"}'
	rt_run c1
	[ "$status" -eq 0 ]
	[ "$output" = $'Cpus_allowed_list:\t1\n1' ]
}

@test "cpuset: a processor that does not exist is an error and leaves nothing" {
	bundle busybox '["true"]' '.linux.resources.cpu = {cpus: "77"}'
	rt_run c1
	[ "$status" -ne 0 ]
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "hugetlb: the limit is set" {
	bundle busybox "$sleeper" '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
	rt_detached c1
	[ "$(cgroup hugetlb.2MB.max)" = 4194304 ]
}

@test "rdma: a device that is not there is an error that names it, and leaves nothing" {
	only_kedge "tells the file alone"
	bundle busybox '["true"]' '.linux.resources.rdma = {nosuch0: {hcaHandles: 2}}'
	rt_run c1
	[ "$status" -ne 0 ]
	[[ $output == *"linux.resources.rdma.nosuch0"* ]]
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "memory and hugetlb: unified keys" {
	bundle busybox "$sleeper" '.linux.resources.unified = {"memory.oom.group": "1", "hugetlb.2MB.max": "2097152"}'
	rt_detached c1
	[ "$(cgroup memory.oom.group)" = 1 ]
	[ "$(cgroup hugetlb.2MB.max)" = 2097152 ]
}

@test "memory.oom.group: the whole container goes, not one process" {
	bundle busybox '["sh", "-c", "sleep 900 & tail /dev/zero; sleep 900"]' \
		'.linux.resources.memory = {limit: 33554432, swap: 33554432} |
		.linux.resources.unified = {"memory.oom.group": "1"}'
	rt_run c1
	[ "$status" -eq 137 ]
}

@test "memory.max: 512 KiB are enough to start a small program" {
	only_kedge "needs megabytes to start a program in the limit"
	bundle busybox '["true"]' '.linux.resources.memory = {limit: 524288, swap: 524288}'
	rt_run c1
	[ "$status" -eq 0 ]
}

@test "pids.max: a limit of 1 runs a program" {
	only_kedge "its own threads count while it starts the container"
	bundle busybox '["true"]' '.linux.resources.pids = {limit: 1}'
	rt_run c1
	[ "$status" -eq 0 ]
}

@test "exec: with several processors, twenty at once" {
	local i pids=()
	bundle busybox "$sleeper"
	rt_detached c1
	for i in {1..20}; do
		rt exec c1 sh -c "exit $i" </dev/null >/dev/null 2>&1 &
		pids+=($!)
	done
	for i in {1..20}; do
		status=0
		wait "${pids[i - 1]}" || status=$?
		[ "$status" -eq "$i" ]
	done
	alone() { [[ $(cgroup pids.current) == 1 ]]; }
	eventually 10 alone
}

@test "devices: default-deny holds on a kernel with a BPF JIT" {
	bundle busybox '["sh", "-c", "mknod /tmp/disk b 254 0; head -c 1 /tmp/disk >/dev/null"]'
	rt_run c1
	[ "$status" -ne 0 ]
	[[ $output == *"not permitted"* ]]
}

@test "AppArmor: a profile is applied, one that is not loaded is an error" {
	[[ $(cat /sys/module/apparmor/parameters/enabled) = Y ]]
	bundle busybox '["cat", "/proc/self/attr/apparmor/current"]' '.process.apparmorProfile = "unconfined"'
	rt_run c1
	[ "$status" -eq 0 ]
	[[ $output == unconfined* ]]
	bundle busybox '["true"]' '.process.apparmorProfile = "nosuch"'
	rt_run c1
	[ "$status" -ne 0 ]
	[[ $output == *apparmor* ]]
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "Landlock: what this kernel's version has, and not what it lacks" {
	only_kedge "has no annotation for it"
	local abi
	abi=$(rt check --json | jq -r '.checks[] | select(.name == "Landlock").detail' | sed -n 's/^version \([0-9]*\).*/\1/p')
	bundle busybox '["sh", "-c", "cp /bin/busybox /tmp/sh && mkdir /tmp/d && mv /tmp/sh /tmp/d && /tmp/d/sh -c :; echo $?"]' \
		'.annotations["org.kedge.landlock"] = "{\"execute\": [\"/bin\"]}"'
	rt_run c1
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" -eq 126 ]
	bundle busybox '["sh", "-c", "echo x >/tmp/x; echo x >/dev/shm/x"]' '.annotations["org.kedge.landlock"] = "{\"write\": [\"/tmp\"]}"'
	rt_run c2
	[ "$status" -ne 0 ]
	if ((abi < 3)); then
		[[ $output == *"Landlock of this kernel is too old"* ]]
	else
		[[ $output == *"/dev/shm/x: Permission denied"* ]]
	fi
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "time namespace: the clock is moved" {
	bundle busybox '["sh", "-c", "read -r up rest </proc/uptime; echo ${up%.*}"]' \
		'.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1000000}}'
	rt_run c1
	[ "$status" -eq 0 ]
	[ "$output" -gt 1000000 ]
}
