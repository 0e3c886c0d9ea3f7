#!/usr/bin/env bats
# Seccomp: each action, arguments, the cache, and the agent of SCMP_ACT_NOTIFY.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# seccomp RULES [MORE]: a filter that sets the profile; everything else is allowed
profile() { echo ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$1]} ${2:-}"; }
mkdirs='names: ["mkdir", "mkdirat"]'

@test "seccomp: no profile, no filter" {
	run_ok 'grep ^Seccomp: /proc/self/status'
	is "$output" $'Seccomp:\t0'
}

@test "seccomp: errno" {
	script 'mkdir /tmp/x' tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\"}")"
	kedge run --bundle "$BUNDLE" c1
	is "$status" 1
	has "$stderr" "Operation not permitted"
	script 'mkdir /tmp/x; grep ^Seccomp: /proc/self/status' tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\", errnoRet: 22}")"
	kedge run --bundle "$BUNDLE" c1
	has "$stderr" "Invalid argument"
	is "$output" $'Seccomp:\t2'
}

@test "seccomp: a profile that denies everything, also to end, is told" {
	config "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\", errnoRet: 5}")" '.process.args = ["sh", "-c", "mkdir /tmp/x 2>&1; echo $?"]' tmp
	ok run --bundle "$BUNDLE" c1
	has "$output" "Input/output error"
	config '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 5, syscalls: [{names: ["no_such_call"], action: "SCMP_ACT_ALLOW"}]}'
	LIMIT=20 refused "container init"
}

@test "seccomp: kill" {
	for action in SCMP_ACT_KILL SCMP_ACT_KILL_PROCESS SCMP_ACT_KILL_THREAD; do
		script 'mkdir /tmp/x; echo $?' tmp "$(profile "{$mkdirs, action: \"$action\"}")"
		kedge run --bundle "$BUNDLE" c1
		is "$action $(tail -n 1 <<<"$output")" "$action 159"
	done
}

@test "seccomp: trap, log and trace" {
	script 'mkdir /tmp/x; echo $?' tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_TRAP\"}")"
	kedge run --bundle "$BUNDLE" c1
	is "$(tail -n 1 <<<"$output")" 159
	run_ok 'mkdir /tmp/x; echo $?' tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_LOG\"}")"
	is "$output" 0
	script 'mkdir /tmp/x; echo $?' tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_TRACE\"}")"
	kedge run --bundle "$BUNDLE" c1
	has "$stderr" "Function not implemented"
}

@test "seccomp: arguments" {
	[[ $(uname -m) == x86_64 ]] || skip "chmod has other arguments on $(uname -m)"
	script 'touch /tmp/f; chmod 711 /tmp/f; echo $?; chmod 755 /tmp/f; echo $?' tmp \
		"$(profile '{names: ["chmod"], action: "SCMP_ACT_ERRNO", errnoRet: 1, args: [{index: 1, value: 457, op: "SCMP_CMP_EQ"}]}')"
	kedge run --bundle "$BUNDLE" c1
	is "$output" $'1\n0'
	script 'touch /tmp/f; chmod 711 /tmp/f; echo $?; chmod 4755 /tmp/f; echo $?' tmp \
		"$(profile '{names: ["chmod"], action: "SCMP_ACT_ERRNO", errnoRet: 1, args: [{index: 1, value: 2048, valueTwo: 2048, op: "SCMP_CMP_MASKED_EQ"}]}')"
	kedge run --bundle "$BUNDLE" c1
	is "$output" $'0\n1'
}

@test "seccomp: without no_new_privs the filter is there, the right to load one is not" {
	run_ok 'grep -e ^Seccomp: -e ^NoNewPrivs -e ^CapEff -e ^CapBnd /proc/self/status | xargs' '.process.noNewPrivileges = false' \
		"$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\"}")"
	is "$output" "CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 0 Seccomp: 2"
	run_ok 'grep -e ^Seccomp: -e ^CapEff /proc/self/status | xargs' '.process.noNewPrivileges = false | .process.user.uid = 1000' \
		"$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\"}")"
	is "$output" "CapEff: 0000000000000000 Seccomp: 2"
	run_ok 'grep -e ^Seccomp: /proc/self/status | xargs' userns "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\"}")"
	is "$output" "Seccomp: 2"
}

@test "seccomp: a second container with the profile gets the same, from the cache" {
	for id in c1 c2 c3; do
		script 'mkdir /tmp/x' tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\", errnoRet: 28}")"
		kedge run --bundle "$BUNDLE" "$id"
		has "$stderr" "No space left"
		is "$(find "$STATE/seccomp,cache" -name '*.bpf' | wc -l)" 1
	done
	script 'mkdir /tmp/x' tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\", errnoRet: 30}")"
	kedge run --bundle "$BUNDLE" c4
	has "$stderr" "Read-only file system"
	is "$(find "$STATE/seccomp,cache" -name '*.bpf' | wc -l)" 2
}

@test "seccomp: a damaged cache is not believed" {
	for damage in 'truncate -s 10' 'truncate -s 0' 'truncate -s 100000' 'sed -i s/./x/g' 'chmod 000'; do
		script 'mkdir /tmp/x' tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\", errnoRet: 28}")"
		kedge run --bundle "$BUNDLE" c1
		has "$stderr" "No space left"
		$damage "$STATE"/seccomp,cache/*.bpf
	done
	kedge run --bundle "$BUNDLE" c1
	has "$stderr" "No space left"
}

@test "seccomp: unknown names of calls are left out, unknown words are refused" {
	run_ok 'true' "$(profile '{names: ["no_such_call", "mkdir"], action: "SCMP_ACT_ERRNO"}')"
	while IFS=@ read -r change text; do
		config "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\"}")" "$change"
		refused "$text"
	done <<-'END'
		.linux.seccomp.defaultAction = "SCMP_ACT_NOSUCH"@linux.seccomp.defaultAction: unknown action 'SCMP_ACT_NOSUCH'
		del(.linux.seccomp.defaultAction)@linux.seccomp.defaultAction: is required
		.linux.seccomp.syscalls[0].action = "ERRNO"@linux.seccomp.syscalls[0].action: unknown action 'ERRNO'
		.linux.seccomp.syscalls[0].names = []@linux.seccomp.syscalls[0].names
		.linux.seccomp.syscalls[0].args = [{index: 6, value: 0, op: "SCMP_CMP_EQ"}]@linux.seccomp.syscalls[0].args[0].index
		.linux.seccomp.syscalls[0].args = [{index: 0, value: 0, op: "EQ"}]@linux.seccomp.syscalls[0].args[0].op
		.linux.seccomp.syscalls[0].errnoRet = 70000@linux.seccomp.syscalls[0].errnoRet
		.linux.seccomp.syscalls[0] |= (.action = "SCMP_ACT_KILL" | .errnoRet = 1)@linux.seccomp.syscalls[0].errnoRet
		.linux.seccomp.architectures = ["SCMP_ARCH_NOSUCH"]@linux.seccomp.architectures[0]
		.linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_NOSUCH"]@linux.seccomp.flags[0]
		.linux.seccomp.syscalls[0].action = "SCMP_ACT_NOTIFY"@linux.seccomp.listenerPath: is required by the action SCMP_ACT_NOTIFY
		.linux.seccomp.listenerMetadata = "x"@linux.seccomp.listenerMetadata: must not be set without listenerPath
	END
}

@test "seccomp: flags" {
	for flag in SECCOMP_FILTER_FLAG_TSYNC SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW; do
		run_ok 'grep ^Seccomp: /proc/self/status' "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\"}" "| .linux.seccomp.flags = [\"$flag\"]")"
		is "$flag $output" "$flag "$'Seccomp:\t2'
	done
	start c1 "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\"}" '| .linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]')"
	hasnt "$(grep Speculation_Store "/proc/$(pid_of)/status")" "force mitigated"
}

notified() { # FILTER...
	"$HELPERS/agent" seccomp "$T/agent" >"$T/said" 2>&1 3>&- 4>&- &
	agent=$!
	eventually test -S "$T/agent"
	script 'mkdir /tmp/fake && [ ! -e /tmp/fake ] && echo faked; mkdir /tmp/denied 2>/dev/null || echo denied; mkdir /tmp/real && ls /tmp' \
		tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_NOTIFY\"}" '| .linux.seccomp.listenerPath = $T + "/agent"')" "$@"
}

@test "seccomp notify: the agent decides" {
	notified '.linux.seccomp.listenerMetadata = "from the configuration"'
	ok run --bundle "$BUNDLE" c1
	wait "$agent"
	is "$output" $'faked\ndenied\nreal'
	is "$(jq -c '[.ociVersion, .fds, .metadata, .state.id, .state.status, .state.bundle, (.pid == .state.pid), (.pid > 1)]' "$T/said")" \
		"[\"1.0.2\",[\"seccompFd\"],\"from the configuration\",\"c1\",\"creating\",\"$BUNDLE\",true,true]"
}

@test "seccomp notify: without no_new_privs" {
	notified '.process.noNewPrivileges = false'
	ok run --bundle "$BUNDLE" c1
	wait "$agent"
	is "$output" $'faked\ndenied\nreal'
}

@test "seccomp notify: exec sends a listener of its own" {
	notified '.process.args = ["sleep", "1000"]'
	ok run --detach --bundle "$BUNDLE" c1
	pid=$(pid_of)
	eventually has_lines 1 "$T/said"
	is "$(jq .pid "$T/said")" "$pid"
	first=$agent
	rm "$T/agent"
	"$HELPERS/agent" seccomp "$T/agent" >"$T/said" 2>&1 3>&- 4>&- &
	agent=$!
	eventually test -S "$T/agent"
	ok exec c1 sh -c 'mkdir /tmp/fake && [ ! -e /tmp/fake ] && echo faked'
	is "$output" faked
	is "$(jq -r .state.status "$T/said")" running
	isnt "$(jq .pid "$T/said")" "$pid"
	ok delete --force c1
	wait "$first" "$agent"
}

@test "seccomp notify: no agent, no container" {
	config "$(profile "{$mkdirs, action: \"SCMP_ACT_NOTIFY\"}" '| .linux.seccomp.listenerPath = $T + "/none"')"
	refused "failed to connect with seccomp agent '$T/none'"
}

@test "seccomp: a Debian root" {
	use_debian
	script 'perl -e "mkdir q(/tmp/x) or print \$! + 0"' tmp "$(profile "{$mkdirs, action: \"SCMP_ACT_ERRNO\", errnoRet: 99}")"
	ok run --bundle "$BUNDLE" c1
	is "$output" 99
}
