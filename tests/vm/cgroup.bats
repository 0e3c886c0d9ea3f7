#!/usr/bin/env bats
# Limits: not that a file has the right text, but that the kernel holds the
# container to it. Needs a cgroup v2 with cpu, io, memory and pids and swap.
# shellcheck disable=SC2016 # what is quoted is for the containers' shells, or for eval

load helpers

teardown() {
	last_output
	clean_up
}

# In busybox "tail" of an endless line without an end grows until it is stopped.
hog='["tail", "/dev/zero"]'
spin='["sh", "-c", "while :; do :; done"]'
sleeper='["sleep", "1000"]'

# takes BYTES: a program that touches that much memory at once, then ends.
takes() { printf '["dd", "if=/dev/zero", "of=/dev/null", "bs=%s", "count=1"]' "$1"; }

@test "memory.max: more than the limit is killed, with status 137" {
	bundle busybox "$hog" '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	rt_run c1
	[ "$status" -eq 137 ]
}

@test "memory.max: less than the limit is not killed" {
	bundle busybox "$(takes 16M)" '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	rt_run c1
	[ "$status" -eq 0 ]
}

@test "memory.max: a Debian program over the limit is killed, with status 137" {
	bundle debian '["perl", "-e", "my $x = \"a\" x (200 << 20); print length $x"]' \
		'.linux.resources.memory = {limit: 67108864, swap: 67108864}'
	rt_run c1
	[ "$status" -eq 137 ]
}

@test "memory.max: the OOM killer takes a process of exec, the container lives" {
	bundle busybox "$sleeper" '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	rt_detached c1
	[ "$(cgroup memory.max)" = 33554432 ]
	run rt exec c1 tail /dev/zero
	[ "$status" -eq 137 ]
	[ "$(cgroup_key memory.events oom_kill)" -ge 1 ]
	run rt state c1
	[[ $output == *running* ]]
}

@test "memory.swap.max: is the total less the memory, and is used" {
	bundle busybox "$(takes 64M)" '.linux.resources.memory = {limit: 33554432, swap: 134217728}'
	rt_run c1
	[ "$status" -eq 0 ]
	bundle busybox "$(takes 64M)" '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	rt_run c2
	[ "$status" -eq 137 ]
}

@test "memory.swap.max: the file has what swap and limit say" {
	bundle busybox "$sleeper" '.linux.resources.memory = {limit: 33554432, swap: 134217728}'
	rt_detached c1
	[ "$(cgroup memory.swap.max)" = 100663296 ]
	rt delete --force c1
	bundle busybox "$sleeper" '.linux.resources.memory = {limit: 33554432, swap: -1}'
	rt_detached c2
	[ "$(cgroup memory.swap.max)" = max ]
}

@test "memory.low: is the reservation" {
	bundle busybox "$sleeper" \
		'.linux.resources.memory = {limit: 67108864, reservation: 33554432}'
	rt_detached c1
	[ "$(cgroup memory.low)" = 33554432 ]
}

@test "memory.max: 512 KiB are enough to start a small program" {
	only_kedge "needs megabytes to start a program in the limit, or runs one in 512 KiB only on some kernels"
	bundle busybox '["true"]' '.linux.resources.memory = {limit: 524288, swap: 524288}'
	rt_run c1
	[ "$status" -eq 0 ]
}

@test "memory.max: a limit nothing can start in is an error, not a hang" {
	bundle busybox '["true"]' '.linux.resources.memory = {limit: 4096, swap: 4096}'
	run timeout 30 "$RUNTIME" --root "$BATS_TEST_TMPDIR/root" \
		run --bundle "$BATS_TEST_TMPDIR/bundle" c1
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	rt delete --force c1
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

now_us() { echo $(($(date +%s%N) / 1000)); }
used_by() { cgroup_key cpu.stat usage_usec "$(cgroup_name)-$1"; }

@test "cpu.max: a busy container gets its share and is throttled" {
	bundle busybox "$spin" '.linux.resources.cpu = {quota: 20000, period: 100000}'
	rt_detached c1
	[ "$(cgroup cpu.max)" = "20000 100000" ]
	local before used from us
	from=$(now_us)
	before=$(cgroup_key cpu.stat usage_usec)
	eventually 60 eval '(($(cgroup_key cpu.stat usage_usec) - before > 500000))'
	used=$(($(cgroup_key cpu.stat usage_usec) - before))
	us=$(($(now_us) - from))
	echo "used $used of $us us"
	((used < us * 2 / 5))
	[ "$(cgroup_key cpu.stat nr_throttled)" -gt 0 ]
}

@test "cpu.max: without a quota the container is not throttled" {
	bundle busybox "$spin"
	rt_detached c1
	eventually 60 eval '(($(cgroup_key cpu.stat usage_usec) > 500000))'
	[ "$(cgroup cpu.max)" = "max 100000" ]
	[ "$(cgroup_key cpu.stat nr_throttled)" -eq 0 ]
}

# Both containers are tied to one CPU, or a second one would serve both.
@test "cpu.weight: two busy containers share as their weights say" {
	local light heavy from
	bundle busybox "$spin" '.linux.resources.cpu = {shares: 128} |
		.linux.cgroupsPath += "-light"'
	taskset 1 bash -c "$(declare -f rt rt_detached); rt_detached c1"
	bundle busybox "$spin" '.linux.resources.cpu = {shares: 4096} |
		.linux.cgroupsPath += "-heavy"'
	taskset 1 bash -c "$(declare -f rt rt_detached); rt_detached c2"
	light=$(used_by light)
	from=$(used_by heavy)
	eventually 60 eval '(($(used_by heavy) - from > 1000000))'
	heavy=$(($(used_by heavy) - from))
	light=$(($(used_by light) - light))
	echo "light: $light us, heavy: $heavy us"
	((heavy > 3 * light))
}

@test "cpu.idle and cpu.max.burst are set" {
	bundle busybox "$sleeper" '.linux.resources.cpu =
		{quota: 50000, period: 100000, burst: 10000, idle: 1}'
	rt_detached c1
	[ "$(cgroup cpu.idle)" = 1 ]
	[ "$(cgroup cpu.max.burst)" = 10000 ]
}

@test "pids.max: forks over the limit fail" {
	bundle busybox '["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; wait"]' \
		'.linux.resources.pids = {limit: 8}'
	rt_detached c1
	[ "$(cgroup pids.max)" = 8 ]
	eventually 10 eval '(($(cgroup_key pids.events max) > 0))'
	[ "$(cgroup pids.current)" -le 8 ]
}

@test "pids.max: a limit of 1 runs a program" {
	only_kedge "its own threads count while it starts the container"
	bundle busybox '["true"]' '.linux.resources.pids = {limit: 1}'
	rt_run c1
	[ "$status" -eq 0 ]
}

@test "pids.max: with a limit of 1 the program cannot fork" {
	only_kedge "its own threads count while it starts the container"
	bundle busybox '["sh", "-c", "(true); true && exit 3"]' '.linux.resources.pids = {limit: 1}'
	rt_run c1
	[ "$status" -ne 0 ]
	[ "$status" -ne 3 ]
	[[ $output == *fork* ]]
}

@test "pids.max: a limit of 0 is that of 1, -1 is none" {
	only_kedge "its own threads count while it starts the container"
	bundle busybox "$sleeper" '.linux.resources.pids = {limit: 0}'
	rt_detached c1
	[ "$(cgroup pids.max)" = 1 ]
	rt delete --force c1
	bundle busybox "$sleeper" '.linux.resources.pids = {limit: -1}'
	rt_detached c1
	[ "$(cgroup pids.max)" = max ]
}

writes_at_once() {
	seconds=$SECONDS
	rt_run c2
	[ "$status" -eq 0 ] && ((SECONDS - seconds < 2))
}

@test "io.max: writes are slowed to the limit" {
	local number seconds
	number=$(disk_number)
	mkdir -p /var/tmp/io
	bundle busybox '["dd", "if=/dev/zero", "of=/io/file", "bs=256k", "count=12", "oflag=direct"]' \
		".mounts += [{destination: \"/tmp/io\", source: \"/var/tmp/io\", options: [\"bind\", \"rw\"]}] |
		.process.args[2] = \"of=/tmp/io/file\" |
		.linux.resources.blockIO.throttleWriteBpsDevice = [
			{major: ${number%:*}, minor: ${number#*:}, rate: 1048576}]"
	seconds=$SECONDS
	rt_run c1
	[ "$status" -eq 0 ]
	seconds=$((SECONDS - seconds))
	echo "3 MiB took $seconds s"
	((seconds >= 2))
	bundle busybox '["dd", "if=/dev/zero", "of=/tmp/io/file", "bs=256k", "count=12", "oflag=direct"]' \
		'.mounts += [{destination: "/tmp/io", source: "/var/tmp/io", options: ["bind", "rw"]}]'
	# At least once, whatever else the disk has to do.
	eventually 60 writes_at_once
	rm -r /var/tmp/io
}

@test "io.max: all four limits of a device are in one line" {
	local number rate
	number=$(disk_number)
	rate="{major: ${number%:*}, minor: ${number#*:}, rate:"
	bundle busybox "$sleeper" ".linux.resources.blockIO = {
		throttleReadBpsDevice: [$rate 1000000}], throttleWriteBpsDevice: [$rate 2000000}],
		throttleReadIOPSDevice: [$rate 300}], throttleWriteIOPSDevice: [$rate 400}]}"
	rt_detached c1
	[ "$(cgroup io.max)" = "$number rbps=1000000 wbps=2000000 riops=300 wiops=400" ]
}

@test "unified: keys are written as they are, and hold" {
	bundle busybox "$hog" '.linux.resources.unified = {
		"memory.max": "33554432", "memory.swap.max": "0", "pids.max": "7"}'
	rt_run c1
	[ "$status" -eq 137 ]
	bundle busybox "$sleeper" '.linux.resources.unified = {
		"memory.high": "16777216", "pids.max": "7", "cpu.weight": "321"}'
	rt_detached c2
	[ "$(cgroup memory.high)" = 16777216 ]
	[ "$(cgroup pids.max)" = 7 ]
	[ "$(cgroup cpu.weight)" = 321 ]
}

@test "unified: a file that does not exist is an error and leaves nothing" {
	bundle busybox '["true"]' '.linux.resources.unified = {"memory.nonsense": "1"}'
	rt_run c1
	[ "$status" -ne 0 ]
	[[ $output == *memory.nonsense* ]]
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "unified: a key that is a path is refused" {
	bundle busybox '["true"]' '.linux.resources.unified = {"../kedge-escape": "1"}'
	rt_run c1
	[ "$status" -ne 0 ]
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "a limit whose controller the kernel lacks is an error" {
	local missing
	for missing in cpuset hugetlb; do
		if ! grep -qw "$missing" "$CGROUP/cgroup.controllers"; then break; fi
	done
	case $missing in
	cpuset) bundle busybox '["true"]' '.linux.resources.cpu = {cpus: "0"}' ;;
	hugetlb)
		grep -qw hugetlb "$CGROUP/cgroup.controllers" && skip "this kernel has every controller"
		bundle busybox '["true"]' '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 0}]'
		;;
	esac
	rt_run c1
	[ "$status" -ne 0 ]
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "update: a smaller pids and memory limit holds at once" {
	needs_command update
	bundle busybox "$sleeper" '.linux.resources.memory = {limit: 134217728, swap: 134217728}'
	rt_detached c1
	run rt exec c1 dd if=/dev/zero of=/dev/null bs=64M count=1
	[ "$status" -eq 0 ]
	rt update --memory 33554432 --memory-swap 33554432 --pids-limit 20 c1
	[ "$(cgroup memory.max)" = 33554432 ]
	[ "$(cgroup pids.max)" = 20 ]
	run rt exec c1 dd if=/dev/zero of=/dev/null bs=64M count=1
	[ "$status" -eq 137 ]
}

@test "update: resources as JSON from a file" {
	needs_command update
	bundle busybox "$sleeper"
	rt_detached c1
	echo '{"cpu": {"quota": 30000, "period": 100000}, "pids": {"limit": 33}}' \
		>"$BATS_TEST_TMPDIR/resources.json"
	rt update --resources "$BATS_TEST_TMPDIR/resources.json" c1
	[ "$(cgroup cpu.max)" = "30000 100000" ]
	[ "$(cgroup pids.max)" = 33 ]
}

@test "events --stats: tells the limit and the use" {
	needs_command events
	bundle busybox "$sleeper" '.linux.resources.memory = {limit: 33554432} |
		.linux.resources.pids = {limit: 9}'
	rt_detached c1
	run rt events --stats c1
	[ "$status" -eq 0 ]
	jq -e '.type == "stats" and .data.memory.usage.limit == 33554432 and
		.data.memory.usage.usage > 0 and .data.pids.limit == 9 and
		.data.pids.current == 1' <<<"$output"
}

@test "pause: the container gets no processor time, resume: it does" {
	local before
	bundle busybox "$spin"
	rt_detached c1
	eventually 10 eval '(($(cgroup_key cpu.stat usage_usec) > 0))'
	rt pause c1
	[ "$(cgroup_key cgroup.events frozen)" = 1 ]
	before=$(cgroup_key cpu.stat usage_usec)
	sleep 1
	[ "$(cgroup_key cpu.stat usage_usec)" = "$before" ]
	rt resume c1
	[ "$(cgroup_key cgroup.events frozen)" = 0 ]
	eventually 10 eval "((\$(cgroup_key cpu.stat usage_usec) > $before))"
}

@test "delete --force: a paused container goes too" {
	bundle busybox "$sleeper"
	rt_detached c1
	rt pause c1
	timeout 30 "$RUNTIME" --root "$BATS_TEST_TMPDIR/root" delete --force c1
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "devices: what is not allowed cannot be opened, whoever may mknod" {
	local number
	number=$(disk_number)
	bundle busybox '["sh", "-c", "mknod /tmp/disk b $0 $1; head -c 1 /tmp/disk >/dev/null"]' \
		".process.args += [\"${number%:*}\", \"${number#*:}\"]"
	rt_run c1
	[ "$status" -ne 0 ]
	[[ $output == *"not permitted"* ]]
	bundle busybox '["sh", "-c", "mknod /tmp/disk b $0 $1; head -c 1 /tmp/disk >/dev/null"]' \
		".process.args += [\"${number%:*}\", \"${number#*:}\"] |
		.linux.resources.devices += [{allow: true, type: \"b\", access: \"rm\",
			major: ${number%:*}, minor: ${number#*:}}]"
	rt_run c2
	[ "$status" -eq 0 ]
}

@test "nested: a container makes cgroups in its own, and all go with it" {
	bundle busybox '["sh", "-c", "cd /sys/fs/cgroup && mkdir -p a/b leaf && echo 1 >a/b/cgroup.procs && sleep 1000 & wait"]'
	rt_detached c1
	eventually 10 grep -q . "$CGROUP$(cgroup_name)/a/b/cgroup.procs"
	rt delete --force c1
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "nested: exec works while the container hands controllers down" {
	bundle busybox '["sh", "-c", "cd /sys/fs/cgroup && mkdir init && echo 1 >init/cgroup.procs && echo +pids >cgroup.subtree_control; exec sleep 1000"]'
	rt_detached c1
	eventually 10 grep -qw pids "$CGROUP$(cgroup_name)/cgroup.subtree_control"
	run rt exec c1 cat /proc/self/cgroup
	[ "$status" -eq 0 ]
	[ "$output" = "0::/init" ]
}

@test "nested: the limit of the outer cgroup holds for inner ones" {
	bundle busybox '["sh", "-c", "mkdir /sys/fs/cgroup/in && echo $$ >/sys/fs/cgroup/in/cgroup.procs && exec tail /dev/zero"]' \
		'.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	rt_run c1
	[ "$status" -eq 137 ]
}

@test "exec: its process is in the container's cgroup" {
	local pid
	bundle debian '["sleep", "1000"]'
	rt_detached c1
	rt exec -d --pid-file "$BATS_TEST_TMPDIR/pid" c1 sleep 500 \
		</dev/null >/dev/null 2>&1
	pid=$(<"$BATS_TEST_TMPDIR/pid")
	grep -qx "0::$(cgroup_name)" "/proc/$pid/cgroup"
	[ "$(cgroup pids.current)" -eq 2 ]
}

@test "kill: without a pid namespace all processes of the cgroup end" {
	bundle busybox '["sh", "-c", "sleep 1000 & sleep 1000 & wait"]' \
		'.linux.namespaces |= map(select(.type != "pid"))'
	rt_detached c1
	eventually 10 eval '(($(cgroup pids.current) == 3))'
	rt kill c1 KILL
	eventually 10 eval '(($(cgroup pids.current) == 0))'
	rt delete c1
	[ ! -e "$CGROUP$(cgroup_name)" ]
}

@test "the container sees its own cgroup as the root" {
	bundle busybox '["cat", "/proc/self/cgroup"]'
	rt_run c1
	[ "$status" -eq 0 ]
	[ "$output" = "0::/" ]
}

@test "rlimits above the caller's own are set by a privileged runtime" {
	bundle busybox '["sh", "-c", "ulimit -Hn; ulimit -Hl"]' \
		'.process.rlimits = [{type: "RLIMIT_NOFILE", hard: 70000, soft: 70000},
			{type: "RLIMIT_MEMLOCK", hard: 268435456, soft: 65536}]'
	run bash -c "ulimit -n 4096; exec '$RUNTIME' --root '$BATS_TEST_TMPDIR/root' \
		run --bundle '$BATS_TEST_TMPDIR/bundle' c1 3>&-"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 70000 ]
	[ "${lines[1]}" = 262144 ]
}
