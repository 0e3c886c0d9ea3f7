#!/usr/bin/env bats
# What a container uses and what befalls it, as lines of JSON. The numbers themselves are compared with the kernel's in
# tests/unit/test_cgroup_stats.c and, where there are limits, in tests/vm/cgroup.bats.
# shellcheck disable=SC2154 # what kedge() and background() set

load helpers

teardown() {
	local pid
	for pid in "${jobs[@]}"; do kill -KILL "$pid" 2>/dev/null || :; done
	finish
}

# ended PID STATUS: in time, and with this status.
ended() {
	eventually gone "$1" || { echo "process $1 goes on"; return 1; }
	local status=0
	wait "$1" || status=$?
	is "$status" "$2"
}

# Whatever comes now is seen.
watching() { # PID
	readlink "/proc/$1"/fd/* 2>/dev/null | grep -q '/cgroup\.events$' && grep -q '^State:.S' "/proc/$1/status"
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }

has_type() { grep -q "^{\"type\":\"$1\"" "$T/$2"; }

@test "--stats: one line, the same for every spelling" {
	start
	for word in --stats -stats --stats=true; do
		ok events "$word" c1
		is "${#lines[@]}" 1
		matches "${lines[0]}" '^\{"type":"stats","id":"c1","data":\{"cpu":\{'
	done
	jq -e '.data | .pids.current == 1 and (.hugetlb | type) == "object" and .intel_rdt == {} and
		.network_interfaces == null and (has("memory") and has("blkio") and has("cpuset"))' <<<"$output"
	is "$(jq -c 'keys_unsorted' <<<"$output")" '["type","id","data"]'
	is "$(jq -c '.data | keys_unsorted' <<<"$output")" \
		'["cpu","cpuset","memory","pids","blkio","hugetlb","intel_rdt","network_interfaces"]'
}

@test "--stats: huge pages and pressure, where the kernel counts them" {
	start
	ok events --stats c1
	for size in $(cd "$CGROUP/c1" && compgen -G 'hugetlb.*.max' | sed -n 's/^hugetlb\.\([^.]*\)\.max$/\1/p'); do
		jq -e ".data.hugetlb[\"$size\"].failcnt == 0" <<<"$output"
	done
	if [[ -e $CGROUP/c1/cpu.pressure ]]; then
		jq -e '.data.cpu | has("psi")' <<<"$output"
		jq -e '.data.memory | has("psi")' <<<"$output"
		jq -e '.data.blkio | has("psi")' <<<"$output"
	fi
}

@test "--stats: created and paused containers are measured too" {
	sleeper
	create
	ok events --stats c1
	has "$output" '"type":"stats"'
	ok start c1
	ok pause c1
	ok events --stats c1
	has "$output" '"type":"stats"'
	ok resume c1
}

@test "a stream: statistics at each interval, until the container ends" {
	start
	background log events --interval 50ms c1
	eventually has_lines 3 "$T/log"
	ok kill c1 KILL
	ended "${jobs[0]}" 0
	is "$(jq -r 'select(.type == "stats").id' "$T/log" | sort -u)" c1
	is "$(jq -s 'map(select(.type != "stats" and .type != "oom")) | length' "$T/log")" 0
}

@test "a stream: the interval is kept" {
	start
	local before n ms
	before=$(now_ms)
	background log events -interval=400ms c1
	eventually has_lines 2 "$T/log"
	n=$(wc -l <"$T/log")
	ms=$(($(now_ms) - before))
	((n <= ms / 400)) || { echo "$n lines in $ms ms"; return 1; }
}

@test "a stream ends when the container is deleted, whatever the interval" {
	start
	background log events c1
	eventually watching "${jobs[0]}"
	ok delete --force c1
	ended "${jobs[0]}" 0
	is "$(<"$T/log")" ""
}

@test "a stream ends when its reader goes" {
	start
	timeout 60 bash -c '"$0" --root "$1" events --interval 1h c1 </dev/null 3>&- 4>&- | sleep 0.3' "$KEDGE" "$STATE"
	is_status running
}

@test "a stream into a full device fails" {
	start
	timeout 60 "$KEDGE" --root "$STATE" events --interval 10ms c1 </dev/null >/dev/full 2>"$T/stderr" 3>&- 4>&- && return 1
	has "$(<"$T/stderr")" "cannot write to standard output"
}

@test "oom: each time that the kernel killed somebody" {
	grep -qw memory "$CGROUP_MOUNT/cgroup.controllers" || skip "cgroup v2 has no memory controller here"
	start c1 '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	background log events --interval 1h c1
	eventually watching "${jobs[0]}"
	for n in 1 2; do
		kedge exec c1 tail /dev/zero
		is "$status" 137
		eventually has_lines "$n" "$T/log"
	done
	is "$(sort -u "$T/log")" '{"type":"oom","id":"c1"}'
	is "$(wc -l <"$T/log")" 2
	ok delete --force c1
	ended "${jobs[0]}" 0
}

@test "oom: of init itself comes before the end" {
	grep -qw memory "$CGROUP_MOUNT/cgroup.controllers" || skip "cgroup v2 has no memory controller here"
	config '.process.args = ["sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.05; done; exec tail /dev/zero"]' tmp \
		'.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	ok run --detach --bundle "$BUNDLE" c1
	background log events --interval 1h c1
	eventually watching "${jobs[0]}"
	ok exec c1 touch /tmp/go
	ended "${jobs[0]}" 0
	is "$(<"$T/log")" '{"type":"oom","id":"c1"}'
}

@test "what cannot be watched is refused" {
	start
	for text in 0 0s -1s -5; do
		fails 1 "duration interval must be greater than 0" events --interval "$text" c1
	done
	for text in 5 1x now; do
		fails 1 "invalid value \"$text\" for flag -interval" events --interval "$text" c1
	done
	fails 1 "container does not exist" events --stats c2
	ok kill c1 KILL
	eventually is_status stopped
	fails 1 "container with id c1 is not running" events --stats c1
	fails 1 "container with id c1 is not running" events c1
}
