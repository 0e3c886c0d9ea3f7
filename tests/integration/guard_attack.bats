#!/usr/bin/env bats
# Ways out of a container, and that none of them leads anywhere. What a kernel exploit would do is in tests/vm/guard.bats.
# requires: own-guard
# repeats: never

# shellcheck disable=SC2034,SC2154 # for the helpers, and of them

load guard_helpers

setup_file() { guard_setup_file; }
teardown_file() { guard_teardown_file; }

setup() {
	begin
	WAY=(-f "$T/host/created" -s "$T/host/secret") FILTERS=() LEAK='' SANDBOX=()
}

@test "guard: nothing is found where nothing is done" {
	attack none
	is "$status $stderr" "0 "
	is "$(value survived)" 1
	is "$(drifts)" ""
}

@test "guard: setns to a namespace of the host kills" {
	local type drift
	for type in mnt:mount uts ipc net:network cgroup time; do
		drift=${type#*:} type=${type%:*}
		LEAK=/proc/self/ns/$type
		attack setns "$type" 3
		killed "$drift" || { echo "of setns $type"; return 1; }
		is "$(drifts '.namespaces[] | select(.type == "'"$drift"'").new')" "$(stat -Lc %i "/proc/self/ns/$type")"
		[[ ! -e $HOST/created ]] || ! has_tier lsm
	done
}

@test "guard: setns to a user namespace of the host kills" {
	unshare --user sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
	local pid=$!
	eventually differ /proc/self/ns/user "/proc/$pid/ns/user"
	LEAK=/proc/$pid/ns/user
	attack setns user 3
	kill "$pid"
	killed user
}

@test "guard: the kernel has no way from a pid namespace up" {
	LEAK=/proc/self/ns/pid
	attack setns pid 3
	is "$status $(value error)" "3 22"
	is "$(drifts)" ""
}

@test "guard: unshare of any namespace kills in strict mode" {
	local type drift
	for type in mnt:mount uts ipc net:network pid:pid_for_children cgroup time:time_for_children user; do
		attack unshare "${type%:*}"
		killed "${type#*:}" || { echo "of unshare $type"; return 1; }
	done
}

@test "guard: clone with any new namespace kills in strict mode" {
	local type
	for type in mnt:mount uts ipc net:network pid cgroup user; do
		attack clone "${type%:*}"
		killed "${type#*:}" || { echo "of clone $type"; return 1; }
	done
}

@test "guard: chroot through a leaked directory kills" {
	LEAK=/ attack chroot 3
	killed root
}

@test "guard: a working directory of the host kills (CVE-2024-21626)" {
	mkdir "$T/leaked"
	LEAK=$T/leaked
	WAY=(-f created)
	attack cwd 3
	killed cwd
}

@test "guard: files below a leaked directory are refused where the kernel can" {
	needs_tier lsm
	mkdir "$T/leaked"
	LEAK=$T/leaked
	WAY=(-f created)
	attack openat 3
	is "$(value created)" -1
	[ ! -e "$T/leaked/created" ]
	is "$(drifts '.drift[0]')" '"file"'
}

@test "guard: a member that moves itself out of its cgroup is killed" {
	needs_tier sample
	mkdir "$CGROUP/other"
	LEAK=$CGROUP/other/cgroup.procs
	prepare_attack
	attacker_config '["-t", "400", "cgroup", "3"]'
	status=0
	env -- "$MARK" timeout -k 5 60 "$KEDGE" --root "$STATE" run --preserve-fds 1 --bundle "$BUNDLE" c1 </dev/null \
		>"$T/stdout" 2>"$T/stderr" 3>"$LEAK" 4>&- || status=$?
	stderr=$(<"$T/stderr") outcome=$("$attacker" show "$T/outcome")
	killed cgroup_move
	rmdir "$CGROUP/other"
}

@test "guard: the host may move a container" {
	prepare_attack
	guarded '.process.args = ["sleep", "1000"]'
	ok run --detach --bundle "$BUNDLE" c1
	mkdir "$CGROUP/other"
	pid_of c1 >"$CGROUP/other/cgroup.procs"
	sleep 0.3
	is_status running
	ok exec c1 true
	is "$(drifts)" ""
	pid_of c1 >"$CGROUP/c1/cgroup.procs"
	rmdir "$CGROUP/other"
}

@test "guard: who enters unregistered dies alone" {
	needs_tier sample
	prepare_attack
	guarded '.process.args = ["sleep", "1000"]'
	ok run --detach --bundle "$BUNDLE" c1
	run -137 timeout 20 nsenter --all --target "$(pid_of)" -- sh -c 'while :; do :; done'
	eventually there_is drifts
	is "$(drifts '.drift[0]' | sort -u)" '"joiner"'
	is_status running
}

@test "guard: exec is registered and lives" {
	prepare_attack
	guarded '.process.args = ["sleep", "1000"]'
	ok run --detach --bundle "$BUNDLE" c1
	ok exec c1 sh -c 'sleep 0.2; ls / >/dev/null; (sleep 0.1)'
	ok exec --cap CAP_NET_ADMIN c1 sh -c 'sleep 0.2'
	is "$(drifts)" ""
	is_status running
}

@test "guard: exec with more capabilities than it was to have dies alone" {
	needs_tier sample
	type -P python3 >/dev/null || skip "there is no python3"
	prepare_attack
	guarded '.process.args = ["sleep", "1000"] | caps(["CAP_KILL"])'
	ok run --detach --bundle "$BUNDLE" c1
	local join=("$HELPERS/join" "$GUARD/bpf/1/labels" "$(pid_of)" "$(ls "$GUARD/armed")")
	run -7 "${join[@]}" ffffffffffffffff sh -c 'exec sh -c "sleep 0.1; exit 7"' </dev/null
	is "$(drifts)" ""
	run -137 "${join[@]}" 20 sh -c 'exec sh -c "sleep 0.1; exit 7"' </dev/null
	eventually there_is drifts
	is "$(drifts '"\(.hook) \(.drift | join(" ")) \(.action)"')" '"exec capabilities killed"'
	is_status running
	ok exec c1 true
}

@test "guard: a change of the mounts is registered and lives" {
	prepare_attack
	guarded '.process.args = ["sleep", "1000"]'
	ok run --detach --bundle "$BUNDLE" c1
	local i
	for i in 1 2 3 4 5; do
		echo '[{"destination": "/mnt", "type": "bind", "source": "'"$HOST"'"}, {"destination": "/tmp", "type": "tmpfs"}]' >"$T/list"
		ok mounts add c1 "$T/list"
		ok exec c1 cat /mnt/secret
		ok mounts remove c1 "$T/list"
	done
	is "$(drifts)" ""
	is_status running
}

@test "guard: a killed container says why" {
	prepare_attack
	LEAK=/proc/self/ns/uts
	attacker_config '["-t", "2000", "setns", "uts", "3"]'
	leaking create --bundle "$BUNDLE" c1
	is "$status $stderr" "0 "
	local own
	own=$(state guard.namespaces.uts)
	ok start c1
	eventually is_status stopped
	eventually there_is drifts
	ok state c1
	is "$(jq -r '.guard.drift.reason' <<<"$output")" "uts namespace changed"
	is "$(jq -r '.guard.drift.namespaces[0] | "\(.old) \(.new)"' <<<"$output")" "$own $(stat -Lc %i /proc/self/ns/uts)"
	is "$(drifts .comm)" '"attacker"'
	is "$(drifts .id)" '"c1"'
}

# all_die: and until then as many microseconds passed as $us says.
all_die() {
	prepare_attack
	attacker_config '[]' '.process.args = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done; exec /attacker -o /outcome -c setns uts 3"]'
	leaking run --bundle "$BUNDLE" c1
	outcome=$("$attacker" show "$T/outcome")
	killed uts || return 1
	eventually there_is events 'select(.type == "killed")' || return 1
	is "$(events 'select(.type == "killed").allDead')" true || return 1
	us=$(events 'select(.type == "killed").latencyUs.allDead')
}

@test "guard: with the container goes everything that it started" {
	LEAK=/proc/self/ns/uts
	local n us
	# The time is the guard's when it gets a processor: not each time where others want it, too.
	for n in 1 2 3 4 5 6; do
		all_die
		if ! has_tier sample || ((us < 50000)); then break; fi
	done
	has_tier sample || us=0
	((us < 50000)) || { echo "$us us until all were dead"; return 1; }
}

@test "guard: audit mode lets live and tells" {
	LEAK=/proc/self/ns/uts
	FILTERS=('.annotations["org.kedge.guard.mode"] = "audit"')
	attack setns uts 3
	is "$status $(value survived)" "0 1"
	eventually there_is drifts
	is "$(drifts '"\(.action) \(.drift[0])"' | sort -u)" '"logged uts"'
}

@test "guard: off means off" {
	LEAK=/proc/self/ns/uts
	FILTERS=('.annotations = {}')
	attack setns uts 3
	is "$status $(value survived)" "0 1"
	is "$(drifts)" ""
}

@test "guard: in scope process only the offender dies" {
	LEAK=/proc/self/ns/uts
	FILTERS=('.annotations["org.kedge.guard.scope"] = "process"'
		'.process.args = ["sh", "-c", "/attacker -o /outcome setns uts 3; echo $?; sleep 0.3; echo alive"]')
	attack
	is "$status" 0
	is "$output" $'137\nalive'
	is "$(value survived)" 0
}

@test "guard: nested mode lets make namespaces, and still not join the host's" {
	FILTERS=('.annotations["org.kedge.guard.nesting"] = "nested"')
	attack unshare uts
	is "$status $(value survived)" "0 1"
	is "$(drifts)" ""
	LEAK=/proc/self/ns/uts
	attack setns uts 3
	killed uts
}

# Kernels until 6.17 number only the namespaces of mounts and networks.
numbers_all() { printf '6.18\n%s\n' "$(uname -r)" | sort -VC; }

@test "guard: nested mode lets nobody join the namespaces of a runtime in a sandbox" {
	needs_tier sample
	local type drift types=(mnt:mount net:network)
	if has_tier lsm || numbers_all; then types+=(uts ipc time); fi
	FILTERS=('.annotations["org.kedge.guard.nesting"] = "nested"')
	SANDBOX=(--mount --uts --ipc --net --time)
	for type in "${types[@]}"; do
		drift=${type#*:} type=${type%:*}
		LEAK=/proc/self/ns/$type
		attack setns "$type" 3
		killed "$drift" || { echo "of setns $type"; return 1; }
		isnt "$(drifts '.namespaces[] | select(.type == "'"$drift"'").new')" "$(stat -Lc %i "/proc/self/ns/$type")"
	done
	# What it makes has the inode number of what was somebody else's a moment ago.
	attack unshare uts
	is "$status $(value survived)" "0 1"
	LEAK=/ attack chroot 3
	killed root
	is "$(drifts '.namespaces // [] | length' | sort -u)" 0
	LEAK=
	attack none
	is "$status $(drifts)" "0 "
}

@test "guard: nested mode lets a container join the network of its runtime when it was given that" {
	SANDBOX=(--net)
	LEAK=/proc/self/ns/net
	FILTERS=('.annotations["org.kedge.guard.nesting"] = "nested"' '.linux.namespaces |= map(select(.type != "network"))')
	attack setns net 3
	is "$status $(value survived)" "0 1"
	is "$(drifts)" ""
}
