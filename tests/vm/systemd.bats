#!/usr/bin/env bats
# Cgroups by systemd: the scope, its limits, and what becomes of them.
# shellcheck disable=SC2016,SC2154 # what is quoted is for the containers' shells

bats_require_minimum_version 1.5.0
load helpers

setup() {
	NAME=t$BATS_TEST_NUMBER
	UNIT=vm-$NAME.scope
	SCOPE=$CGROUP/system.slice/$UNIT
	BUNDLE=$BATS_TEST_TMPDIR/bundle
	ROOT=$BATS_TEST_TMPDIR/root
	GENERATOR=/run/systemd/system-generators/vm-slow
}

teardown() {
	last_output
	: >/run/vm-idle
	rm -f "$GENERATOR"
	clean_up
	systemctl stop "vm-$NAME*" 2>/dev/null || :
	systemctl reset-failed "vm-$NAME*" 2>/dev/null || :
}

sd() { rt --systemd-cgroup "$@"; }

# prepare ARGS-AS-JSON [JQ-FILTER]: a bundle in a scope of this test's name.
prepare() { bundle busybox "$1" ".linux.cgroupsPath = \"system.slice:vm:$NAME\" | ${2:-.}"; }

# started [JQ-FILTER]: a container that sleeps, called c.
started() {
	prepare '["sleep", "1000"]' "${1:-.}"
	sd run -d --bundle "$BUNDLE" c </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 ||
		{ cat "$BATS_TEST_TMPDIR/log"; return 1; }
}

show() { systemctl show --value -p "$1" "${2:-$UNIT}"; }
shows() { [[ $(show "$1") == "$2" ]]; } # PROPERTY VALUE
status_is() { [[ $(rt state c | jq -r .status) == "$1" ]]; }
is() { [ "$1" = "$2" ] || { printf 'is   %s\nnot  %s\n' "$1" "$2"; return 1; }; }

# Nothing of the container: no unit, no cgroup, no state, and no process of the runtime's. What was killed may be on its way out.
gone() {
	if eventually 10 shows LoadState not-found && [[ ! -e $SCOPE && -z $(in_root) ]] && eventually 10 none_runs 'kedge|kedge-init'; then
		return
	fi
	echo "left: unit $(show LoadState), $(ls -d "$SCOPE"), $(in_root), $(pgrep -a 'kedge|kedge-init')"
	return 1
}

in_root() { find "$ROOT" -mindepth 1 ! -path '*,*' 2>/dev/null; }

all_files() { (cd "$SCOPE" && grep -rH . -- *.max *.low *.min *.high *.weight *.idle 2>/dev/null) || :; }

LIMITS='.linux.resources += {
	memory: {limit: 67108864, swap: 67108864, reservation: 1048576},
	cpu: {shares: 512, quota: 50000, period: 100000, burst: 10000}, pids: {limit: 50},
	unified: {"memory.high": "60000000", "memory.min": "4096"}}'

@test "the scope has the limits as properties, and its cgroup in the files" {
	started "$LIMITS"
	is "$(show ActiveState) $(show Slice) $(show Delegate) $(show Transient)" "active system.slice yes yes"
	is "$(show ControlGroup)" "/system.slice/$UNIT"
	is "$(show Description)" "kedge container c"
	is "$(show MemoryMax) $(show MemorySwapMax) $(show MemoryLow)" "67108864 0 1048576"
	is "$(show MemoryHigh) $(show MemoryMin)" "60000000 4096"
	is "$(show CPUWeight) $(show CPUQuotaPerSecUSec) $(show CPUQuotaPeriodUSec)" "59 500ms 100ms"
	is "$(show TasksMax)" 50
	cd "$SCOPE"
	is "$(cat memory.max memory.swap.max memory.low cpu.weight cpu.max cpu.max.burst pids.max | paste -sd " ")" \
		"67108864 0 1048576 59 50000 100000 10000 50"
	is "$(cat cgroup.procs)" "$(rt state c | jq .pid)"
}

@test "daemon-reload and daemon-reexec change no limit" {
	local before
	started "$LIMITS"
	before=$(all_files)
	[[ $before == *memory.swap.max:0* ]]
	systemctl daemon-reload
	is "$(all_files)" "$before"
	systemctl daemon-reexec
	systemctl daemon-reload
	is "$(all_files)" "$before"
	is "$(rt state c | jq -r .status)" running
}

@test "daemon-reload and daemon-reexec change no device rule" {
	started '.linux.resources.devices += [{allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
	# fuse, and the control of loop devices.
	local look='rm -f /tmp/[ab]; mknod /tmp/a c 10 229; mknod /tmp/b c 10 237
		(: </tmp/a) && echo allowed; (: </tmp/b) 2>/dev/null || echo denied'
	is "$(rt exec c sh -c "$look")" $'allowed\ndenied'
	systemctl daemon-reload
	is "$(rt exec c sh -c "$look")" $'allowed\ndenied'
	systemctl daemon-reexec
	is "$(rt exec c sh -c "$look")" $'allowed\ndenied'
}

@test "a part of a per cent of CPU is never less than asked for" {
	started '.linux.resources.cpu = {quota: 33300, period: 100000}'
	is "$(cat "$SCOPE/cpu.max")" "34000 100000"
	systemctl daemon-reload
	is "$(cat "$SCOPE/cpu.max")" "34000 100000"
	rt update --cpu-period 90000 --cpu-quota 50000 c
	is "$(cat "$SCOPE/cpu.max") $(show CPUQuotaPerSecUSec) $(show CPUQuotaPeriodUSec)" "50400 90000 560ms 90ms"
	rt update --cpu-quota 60000 c
	is "$(cat "$SCOPE/cpu.max") $(show CPUQuotaPerSecUSec)" "60300 90000 670ms"
	rt update --cpu-quota -1 c
	is "$(cat "$SCOPE/cpu.max") $(show CPUQuotaPerSecUSec) $(show CPUQuotaPeriodUSec)" "max 90000 infinity 90ms"
}

@test "exec, ps, pause, kill: without the option" {
	started
	is "$(rt exec c grep ^0: /proc/self/cgroup)" "0::/"
	is "$(rt ps -f json c)" "[$(rt state c | jq .pid)]"
	rt pause c
	is "$(rt state c | jq -r .status)" paused
	is "$(cat "$SCOPE/cgroup.freeze")" 1
	rt resume c
	rt kill c KILL
	eventually 10 status_is stopped
	rt delete c
	gone
}

@test "the init is the only process there, and never anywhere else" {
	prepare '["sh", "-c", "grep ^0: /proc/self/cgroup; while read -r pid; do echo $pid; done </sys/fs/cgroup/cgroup.procs"]'
	run sd run --bundle "$BUNDLE" c
	is "$status $output" $'0 0::/\n1'
	gone
}

@test "delete ends the unit before it returns, so that the name is free" {
	local i
	for i in 1 2 3 4; do
		started
		rt delete --force c
		is "$(show LoadState)" not-found
		gone
	done
}

@test "a limit of one process, and of little memory" {
	prepare '["sh", "-c", "cat /sys/fs/cgroup/pids.max"]' '.process.args = ["cat", "/sys/fs/cgroup/pids.max"] |
		.linux.resources += {pids: {limit: 1}, memory: {limit: 4194304}}'
	run sd run --bundle "$BUNDLE" c
	is "$status $output" "0 1"
	started '.linux.resources.pids.limit = 1'
	is "$(show TasksMax) $(cat "$SCOPE/pids.max") $(rt exec c cat /sys/fs/cgroup/pids.max)" "1 1 1"
}

@test "out of memory: the unit is gone, the name free" {
	prepare '["tail", "/dev/zero"]' '.linux.resources.memory = {limit: 16777216, swap: 16777216}'
	run sd run --bundle "$BUNDLE" c
	is "$status" 137
	gone
	started
}

# Long enough for what starts in it.
@test "a unit that failed is there to be looked at until delete" {
	started '.annotations = {"org.systemd.property.RuntimeMaxSec": "5", "org.systemd.property.TimeoutStopSec": "1"}'
	is "$(show CollectMode)" inactive
	eventually 30 eval '[[ $(show ActiveState) == failed ]]'
	is "$(show Result) $(rt state c | jq -r .status)" "timeout stopped"
	rt delete c
	gone
	started '.annotations = {"org.systemd.property.CollectMode": "'\''inactive-or-failed'\''"}'
	is "$(show CollectMode)" inactive-or-failed
}

@test "a weight and idle, which exclude each other" {
	started '.linux.resources.cpu = {shares: 512, idle: 1}'
	[[ $(<"$BATS_TEST_TMPDIR/log") == *"unable to apply both shares and idle"* ]]
	is "$(cat "$SCOPE/cpu.idle") $(show CPUWeight)" "1 idle"
	run rt update --cpu-share 200 c
	is "$status $output" "0 "
	is "$(cat "$SCOPE/cpu.idle" "$SCOPE/cpu.weight" | paste -sd " ") $(show CPUWeight)" "0 29 29"
	run rt update -r - c <<<'{"unified": {"cpu.idle": "1", "cpu.weight": "8"}}'
	[[ $status -eq 0 && $output == *"unable to apply both cpu.weight and cpu.idle"* ]]
	is "$(cat "$SCOPE/cpu.idle") $(show CPUWeight)" "1 idle"
	rt update -r - c <<<'{"unified": {"cpu.weight": "8"}}'
	is "$(cat "$SCOPE/cpu.idle" "$SCOPE/cpu.weight" | paste -sd " ") $(show CPUWeight)" "0 8 8"
}

@test "systemctl stop ends the container, delete the rest" {
	started '.annotations = {"org.systemd.property.TimeoutStopSec": "1"}'
	systemctl stop "$UNIT"
	eventually 10 status_is stopped
	rt delete c
	gone
}

@test "slices: made on the way, one within the other" {
	prepare '["sleep", "1000"]' ".linux.cgroupsPath = \"vmtest-a-b.slice:vm:$NAME\""
	sd run -d --bundle "$BUNDLE" c </dev/null >/dev/null 2>&1
	[ -d "$CGROUP/vmtest.slice/vmtest-a.slice/vmtest-a-b.slice/$UNIT" ]
	rt delete --force c
	gone
	prepare '["sleep", "1000"]' ".linux.cgroupsPath = \"-:vm:$NAME\""
	sd run -d --bundle "$BUNDLE" c </dev/null >/dev/null 2>&1
	[ -d "$CGROUP/$UNIT" ]
	rt delete --force c
	prepare '["sleep", "1000"]' 'del(.linux.cgroupsPath)'
	sd run -d --bundle "$BUNDLE" "$NAME" </dev/null >/dev/null 2>&1
	[ -d "$CGROUP/system.slice/kedge-$NAME.scope" ]
	rt delete --force "$NAME"
	[ ! -e "$CGROUP/system.slice/kedge-$NAME.scope" ]
}

@test "annotations are properties" {
	started '.annotations = {
		"org.systemd.property.TimeoutStopUSec": "uint64 10000000",
		"org.systemd.property.RuntimeMaxSec": "3600",
		"org.systemd.property.After": "['\''a.service'\'', '\''b.service'\'']",
		"org.systemd.property.Description": "'\''of the annotation'\''",
		"org.systemd.property.MemoryHigh": "uint64 50331648",
		"org.systemd.property.KillSignal": "15"}'
	is "$(show TimeoutStopUSec) $(show RuntimeMaxUSec) $(show Description) $(show KillSignal)" \
		"10s 1h of the annotation 15"
	is "$(cat "$SCOPE/memory.high")" 50331648
	[[ " $(show After) " == *" a.service "* && " $(show After) " == *" b.service "* ]]
}

@test "annotations that are wrong are errors, ours or systemd's, and leave nothing" {
	refused() {
		prepare '["true"]' ".annotations = {\"org.systemd.property.$1\": \"$2\"}"
		run sd create --bundle "$BUNDLE" c
		[ "$status" -ne 0 ]
		[[ $output == *"$3"* ]]
		gone
	}
	refused MemoryMax '5 apples' "has something after its end"
	refused MemoryMax "'much'" "cannot start unit '$UNIT'"
	refused NoSuchThing true "cannot start unit '$UNIT'"
	refused PIDs '[uint32 1]' "is for the runtime to set"
}

@test "a cgroupsPath that is none for systemd is refused" {
	local path
	for path in /vm/a vm.slice:a a.slice:b:c:d 'vm:p:n' 'vm--a.slice:p:n' 'a.slice/b.slice:p:n' ':p:a+b' ':p:n.slice'; do
		bundle busybox '["true"]' ".linux.cgroupsPath = \"$path\""
		run sd create --bundle "$BUNDLE" c
		[ "$status" -ne 0 ]
		[[ $output == *cgroupsPath* ]]
		gone
	done
}

@test "a unit of the name that failed makes room" {
	systemd-run -q --scope --unit "${UNIT%.scope}" -p RuntimeMaxSec=1 sleep 100 || :
	eventually 10 shows ActiveState failed
	started
	is "$(show ActiveState) $(show Result)" "active success"
	rt delete --force c
	gone
}

@test "a unit of the name that runs is an error, and goes on" {
	systemd-run -q --scope --unit "${UNIT%.scope}" sleep 100 >/dev/null 2>&1 3>&- &
	eventually 10 shows ActiveState active
	eventually 10 grep -q . "$SCOPE/cgroup.procs"
	prepare '["true"]'
	run sd create --bundle "$BUNDLE" c
	[ "$status" -ne 0 ]
	[[ $output == *"container's cgroup is not empty: cannot start unit '$UNIT': systemd has a unit of this name"* ]]
	rt delete --force c
	is "$(show ActiveState)" active
	systemctl stop "$UNIT"
}

@test "two containers of one scope: the second is refused, the first goes on" {
	started
	run sd create --bundle "$BUNDLE" d
	[ "$status" -ne 0 ]
	[[ $output == *"systemd has a unit of this name"* ]]
	rt delete --force d
	is "$(rt state c | jq -r .status)" running
}

@test "the name of a container that has ended may be another's: it is not deleted with it" {
	prepare '["sleep", "0.2"]'
	sd run -d --bundle "$BUNDLE" c </dev/null >/dev/null 2>&1
	eventually 10 shows LoadState not-found
	prepare '["sleep", "1000"]'
	sd run -d --bundle "$BUNDLE" d </dev/null >/dev/null 2>&1
	rt delete c
	is "$(rt state d | jq -r .status)" running
	is "$(show ActiveState)" active
}

@test "systemd that is busy is waited for" {
	local reload
	mkdir -p "${GENERATOR%/*}"
	# All that it may write to is its first argument.
	printf '#!/bin/sh\n>"$1/vm-busy"\nuntil [ -e /run/vm-idle ]; do sleep 0.1; done\n' >"$GENERATOR"
	chmod +x "$GENERATOR"
	rm -f /run/vm-idle
	systemctl daemon-reload 3>&- &
	reload=$!
	eventually 20 test -e /run/systemd/generator/vm-busy
	started 3>&- &
	sleep 3
	kill -0 "$!"
	: >/run/vm-idle
	wait "$!"
	is "$(show ActiveState)" active
	wait "$reload"
	rm "$GENERATOR" /run/vm-idle
	systemctl daemon-reload
	rt delete --force c
	gone
}

@test "systemd that never answers is given up" {
	mkdir -p "$BATS_TEST_TMPDIR/xdg/systemd"
	python3 -c 'import os, socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1] + ".new"); s.listen(); os.rename(sys.argv[1] + ".new", sys.argv[1]); time.sleep(600)' \
		"$BATS_TEST_TMPDIR/xdg/systemd/private" 3>&- &
	local mute=$!
	eventually 10 test -S "$BATS_TEST_TMPDIR/xdg/systemd/private"
	prepare '["true"]'
	SECONDS=0
	XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/xdg run sd --rootless=true create --bundle "$BUNDLE" c
	kill "$mute"
	[ "$status" -ne 0 ]
	((SECONDS >= 29 && SECONDS < 50))
	[[ $output == *"cannot connect to systemd: no answer from systemd in 30 s"* ]]
	gone
}

# hidden COMMAND...: without systemd's own socket.
hidden() { unshare -m sh -c 'mount --bind /dev/null /run/systemd/private && exec "$@"' - "$@"; }

@test "by the message bus, where systemd's own socket is not to be had" {
	prepare '["sleep", "1000"]' "$LIMITS"
	hidden "$RUNTIME" --root "$ROOT" --systemd-cgroup run -d --bundle "$BUNDLE" c </dev/null >/dev/null 2>&1 3>&-
	is "$(show ActiveState) $(show MemoryMax)" "active 67108864"
	hidden "$RUNTIME" --root "$ROOT" delete --force c
	gone
	started
	run hidden "$RUNTIME" --root "$ROOT" --systemd-cgroup create --bundle "$BUNDLE" d
	[ "$status" -ne 0 ]
	[[ $output == *"systemd has a unit of this name"* ]]
	rt delete --force d
	prepare '["true"]' '.annotations = {"org.systemd.property.NoSuchThing": "true"}'
	rt delete --force c
	run hidden "$RUNTIME" --root "$ROOT" --systemd-cgroup create --bundle "$BUNDLE" c
	[ "$status" -ne 0 ]
	[[ $output == *"cannot start unit '$UNIT'"* ]]
	gone
}

@test "no systemd to talk to is an error" {
	prepare '["true"]'
	run unshare -m sh -c 'mount --bind /dev/null /run/systemd/private && mount --bind /dev/null /run/dbus/system_bus_socket &&
		exec "$@"' - "$RUNTIME" --root "$ROOT" --systemd-cgroup create --bundle "$BUNDLE" c
	[ "$status" -ne 0 ]
	[[ $output == *"cannot connect to systemd"* ]]
	gone
}

# traced OPTIONS-OF-STRACE...: a create of c below strace, which follows nobody.
traced() {
	strace -qq "$@" "$RUNTIME" --root "$ROOT" --systemd-cgroup create --bundle "$BUNDLE" c \
		</dev/null >/dev/null 2>&1 3>&-
}

@test "a create that is killed leaves nothing that delete --force does not remove" {
	local calls name number i killed=0
	prepare '["sleep", "1000"]' "$LIMITS"
	traced -o "$BATS_TEST_TMPDIR/trace"
	rt delete --force c
	gone
	# strace counts the calls of each name.
	mapfile -t calls < <(sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/trace" | awk '{ print $1, ++n[$1] }')
	# What comes before talks to nobody yet.
	for ((i = ${#calls[@]} / 3; i < ${#calls[@]}; i += ${KILL_STEP:-15})); do
		read -r name number <<<"${calls[i]}"
		traced -o /dev/null -e "inject=$name:signal=KILL:when=$number" || killed=$((killed + 1))
		rt delete --force c
		gone || { echo "killed at ${calls[i]}"; return 1; }
	done
	echo "${#calls[@]} calls, $killed killed"
	((killed > 10))
}

@test "a run that is killed while its container runs leaves nothing, either" {
	prepare '["sleep", "1000"]'
	"$RUNTIME" --root "$ROOT" --systemd-cgroup run --bundle "$BUNDLE" c </dev/null >/dev/null 2>&1 3>&- &
	eventually 10 status_is running
	kill -KILL "$!"
	rt delete --force c
	gone
}

@test "features tells of the driver" {
	is "$("$RUNTIME" features | jq -c '[.linux.cgroup.systemd, .linux.cgroup.systemdUser]')" '[true,true]'
	"$RUNTIME" features | jq -e '.potentiallyUnsafeConfigAnnotations | index("org.systemd.property.")'
}

# A library that is loaded late may mean to execute another program: what was read is not lost with it.
@test "update: resources on standard input, as the shim of containerd gives them" {
	started
	sd update --resources=- c <<<'{"memory": {"limit": 100663296}, "pids": {"limit": 40}}'
	is "$(cat "$SCOPE/memory.max" "$SCOPE/pids.max")" $'100663296\n40'
	is "$(show MemoryMax)" 100663296
}

# refused_as_frozen: at once, and nothing is started
refused_as_frozen() {
	run timeout 20 "$RUNTIME" --root "$ROOT" --systemd-cgroup run -d --bundle "$BUNDLE" c </dev/null 3>&-
	is "$status" 1
	[[ $output == *"container's cgroup unexpectedly frozen"* ]]
	is "$(show LoadState)" not-found
	[ -z "$(find "$ROOT" -mindepth 1 ! -path '*,*' 2>/dev/null)" ]
}

@test "a scope in what is frozen is refused, and what was there stays" {
	mkdir "$SCOPE"
	echo 1 >"$SCOPE/cgroup.freeze"
	prepare '["sleep", "1000"]'
	refused_as_frozen
	is "$(cat "$SCOPE/cgroup.freeze")" 1
	rmdir "$SCOPE"
	systemctl start vmfrozen.slice
	echo 1 >"$CGROUP/vmfrozen.slice/cgroup.freeze"
	prepare '["sleep", "1000"]' '.linux.cgroupsPath = "vmfrozen.slice:vm:'"$NAME"'"'
	refused_as_frozen
	echo 0 >"$CGROUP/vmfrozen.slice/cgroup.freeze"
	systemctl stop vmfrozen.slice
}
