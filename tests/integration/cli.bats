#!/usr/bin/env bats
# The command line as callers see it: words in, status, stdout, stderr and log out. No container is made here; the
# forms of every option are held by tests/unit/test_options.c.

bats_require_minimum_version 1.5.0

setup() {
	KEDGE=${KEDGE:-$BATS_TEST_DIRNAME/../../build/bin/kedge}
	ROOT=$BATS_TEST_TMPDIR/root
	LOG=$BATS_TEST_TMPDIR/log.json
	mkdir "$ROOT"
	cd "$BATS_TEST_TMPDIR" || return
}

# stdout in $output (its lines in $lines), stderr in $stderr.
kedge() { run --separate-stderr "$KEDGE" --root "$ROOT" "$@"; }
plain() { run --separate-stderr "$KEDGE" "$@"; }
logged() { jq -r "$@" "$LOG"; }

@test "no command prints help" {
	plain
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "NAME:" ]
	[ "${lines[1]}" = "   kedge - Open Container Initiative runtime" ]
	[ -z "$stderr" ]
}

@test "help and version have the name that the program was called by" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	for name in runc crun-2.0; do
		ln -s "$KEDGE" "$BATS_TEST_TMPDIR/bin/$name"
		run --separate-stderr "$BATS_TEST_TMPDIR/bin/$name" --help
		[ "${lines[1]}" = "   $name - Open Container Initiative runtime" ]
		run --separate-stderr "$BATS_TEST_TMPDIR/bin/$name" delete --help
		[[ ${lines[1]} == "   $name delete - "* ]]
		run --separate-stderr "$BATS_TEST_TMPDIR/bin/$name" --version
		[[ ${lines[0]} =~ ^$name\ version\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		[[ ${lines[-1]} =~ ^kedge:\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	done
	for name in '' 'a b' $'\e[1m' "$(printf 'x%.0s' {1..64})"; do
		run --separate-stderr bash -c 'exec -a "$1" "$2" --version' - "$name" "$KEDGE"
		[[ ${lines[0]} == "kedge version "* ]]
	done
}

@test "--help, -h, help and h print the same" {
	plain --help
	[ "$status" -eq 0 ]
	want=$output
	for word in -h help h; do
		plain "$word"
		[ "$status" -eq 0 ]
		[ "$output" = "$want" ]
		[ -z "$stderr" ]
	done
}

@test "every command of the help has help of its own" {
	plain --help
	commands=$(sed -n '/^COMMANDS:/,/^$/s/^   \([a-z]*\).*/\1/p' <<<"$output")
	[ "$(wc -w <<<"$commands")" -ge 16 ]
	for command in $commands; do
		for word in -h --help; do
			plain "$command" "$word"
			[ "$status" -eq 0 ]
			[ "${lines[0]}" = "NAME:" ]
			[[ ${lines[1]} == "   kedge $command - "* ]]
			[ -z "$stderr" ]
		done
		plain help "$command"
		[ "$status" -eq 0 ]
		[[ ${lines[1]} == "   kedge $command - "* ]]
	done
}

@test "checkpoint and restore: how engines ask whether they are there" {
	for command in checkpoint restore; do
		kedge "$command" --help
		[ "$status" -eq 0 ]
		[ -z "$stderr" ]
	done
	kedge restore --lsm-mount-context
	[ "$status" -eq 1 ]
	[[ $stderr == *"flag needs an argument: --lsm-mount-context"* ]]
}

@test "unknown commands are not offered" {
	for words in "foo --help" "help foo" "foo"; do
		# shellcheck disable=SC2086 # words
		plain $words
		[ "$status" -eq 1 ]
		[ -z "$output" ]
		[ "$stderr" = "kedge: No help topic for 'foo'" ]
	done
}

@test "version" {
	for word in --version -v; do
		plain "$word"
		[ "$status" -eq 0 ]
		[[ ${lines[0]} =~ ^kedge\ version\ [0-9]+\.[0-9]+\.[0-9]+ ]]
		[[ ${lines[1]} == "commit: "?* ]]
		[[ ${lines[2]} =~ ^spec:\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		[ -z "$stderr" ]
	done
}

@test "version is cheap" {
	type -P strace || skip "no strace"
	if readelf -dW "$KEDGE" | grep -q 'libasan'; then skip "a build with sanitizers"; fi
	calls=$(strace -f "$KEDGE" --version 2>&1 >/dev/null | grep -c '(.*= ')
	[ "$calls" -lt 60 ]
}

@test "an unknown option" {
	plain --foo
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "Incorrect Usage: flag provided but not defined: -foo" ]
	[ "${lines[2]}" = "   kedge - Open Container Initiative runtime" ]
	[ "$stderr" = "kedge: flag provided but not defined: -foo" ]
	plain state --foo x
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "Incorrect Usage: flag provided but not defined: -foo" ]
	[[ ${lines[2]} == "   kedge state - "* ]]
}

@test "a missing value" {
	plain create c --bundle
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "Incorrect Usage: flag needs an argument: --bundle" ]
	[ "$stderr" = "kedge: flag needs an argument: --bundle" ]
	plain --root
	[ "$status" -eq 1 ]
	[[ $stderr == *"flag needs an argument: --root" ]]
}

@test "a wrong number of arguments" {
	for command in create run start state delete pause resume; do
		kedge "$command"
		[ "$status" -eq 1 ]
		[ "${lines[0]}" = "Incorrect Usage." ]
		[ "$stderr" = "kedge: \"$command\" requires exactly 1 argument(s)" ]
		kedge "$command" a b
		[ "$status" -eq 1 ]
		[ "$stderr" = "kedge: \"$command\" requires exactly 1 argument(s)" ]
	done
	for command in exec kill ps; do
		kedge "$command"
		[ "$status" -eq 1 ]
		[ "$stderr" = "kedge: \"$command\" requires a minimum of 1 argument(s)" ]
	done
	kedge kill a b c
	[ "$stderr" = 'kedge: "kill" requires a maximum of 2 argument(s)' ]
	kedge list a
	[ "$stderr" = 'kedge: "list" requires exactly 0 argument(s)' ]
}

@test "an empty id, and one that is no id" {
	kedge state ''
	[ "$status" -eq 1 ]
	[ "$stderr" = "kedge: container id cannot be empty" ]
	for id in a/b .. 'a b' $'a\nb'; do
		kedge create "$id"
		[ "$status" -eq 1 ]
		[[ $stderr == *"invalid container ID format"* ]]
	done
}

@test "an id that does not exist" {
	for command in start state delete kill pause resume ps; do
		kedge "$command" nobody
		[ "$status" -eq 1 ]
		[ -z "$output" ]
		[ "$stderr" = "kedge: $command 'nobody': container does not exist" ]
	done
	kedge exec nobody true
	[ "$status" -eq 255 ]
	[ "$stderr" = "kedge: exec 'nobody': container does not exist" ]
	kedge delete --force nobody
	[ "$status" -eq 0 ]
	[ -z "$output$stderr" ]
	kedge delete nobody --force=true
	[ "$status" -eq 0 ]
	kedge delete --force=false nobody
	[ "$status" -eq 1 ]
}

@test "exec without a command" {
	kedge exec nobody
	[ "$status" -eq 255 ]
	[ "$stderr" = "kedge: exec args cannot be empty" ]
}

@test "an unknown signal" {
	kedge kill nobody NOPE
	[ "$status" -eq 1 ]
	[ "$stderr" = 'kedge: unknown signal "NOPE"' ]
}

@test "the log has one error, as JSON, and stderr its plain message" {
	kedge --log "$LOG" --log-format json state nobody
	[ "$status" -eq 1 ]
	[ "$(wc -l <"$LOG")" -eq 1 ]
	[ "$(logged -c 'keys')" = '["level","msg","time"]' ]
	[ "$(logged .level)" = error ]
	[ "$(logged .msg)" = "state 'nobody': container does not exist" ]
	date -d "$(logged .time)"
	[ "$stderr" = "state 'nobody': container does not exist" ]
	kedge --log "$LOG" --log-format json start nobody
	[ "$(jq -s length "$LOG")" -eq 2 ]
}

@test "usage errors are logged too" {
	kedge --log "$LOG" --log-format json state --foo nobody
	[ "$status" -eq 1 ]
	[ "$(logged .msg)" = "flag provided but not defined: -foo" ]
	rm "$LOG"
	kedge --log "$LOG" --log-format json state
	[ "$(logged .msg)" = '"state" requires exactly 1 argument(s)' ]
}

@test "the log is created when nothing fails, and stays empty" {
	kedge --log "$LOG" --log-format json list
	[ "$status" -eq 0 ]
	[ -e "$LOG" ]
	[ ! -s "$LOG" ]
	[ -z "$stderr" ]
}

@test "text lines are those of logrus" {
	kedge --log "$LOG" state nobody
	[[ $(cat "$LOG") =~ ^time=\"[0-9TZ:-]+\"\ level=error\ msg=\"state\ \'nobody\':\ container\ does\ not\ exist\"$ ]]
}

@test "JSON on stderr when there is no log file" {
	kedge --log-format json state nobody
	[ "$(jq -r .msg <<<"$stderr")" = "state 'nobody': container does not exist" ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test "log options that are wrong" {
	kedge --log-format xml list
	[ "$status" -eq 1 ]
	[ "$stderr" = "kedge: invalid log-format: xml" ]
	kedge --log /nonexistent/log list
	[ "$status" -eq 1 ]
	[ "$stderr" = "kedge: cannot open log file '/nonexistent/log': no such file or directory" ]
}

@test "--root" {
	for root in / // /.. /a/../..; do
		plain --root "$root" list
		[ "$status" -eq 1 ]
		[ "$stderr" = "kedge: Option --root argument should not be set to /" ]
	done
	plain --root= list
	[ "$status" -eq 1 ]
	plain --root "$BATS_TEST_TMPDIR/none" list
	[ "$status" -eq 1 ]
	[[ $stderr == *"$BATS_TEST_TMPDIR/none"*"no such file or directory"* ]]
	plain --root ./root/../root list -q
	[ "$status" -eq 0 ]
	plain list -q --root "$ROOT"
	[ "$status" -eq 0 ]
}

@test "a missing default root is an empty list" {
	if [[ -d /run/kedge ]]; then skip "/run/kedge exists"; fi
	plain list -q
	[ "$status" -eq 0 ]
	[ -z "$output$stderr" ]
}

@test "--rootless takes what Go takes for a boolean, and auto" {
	for word in true false auto AUTO 1 0 t F; do
		kedge "--rootless=$word" list -q
		[ "$status" -eq 0 ]
	done
	kedge --rootless=maybe list
	[ "$status" -eq 1 ]
	[[ $stderr == *'invalid value "maybe" for flag -rootless'* ]]
}

@test "--systemd-cgroup without systemd is refused where a cgroup is made, and accepted elsewhere" {
	[ ! -d /run/systemd/system ] || skip "this host is run by systemd: tests/vm/systemd.bats"
	mkdir rootfs
	kedge spec
	sed -i 's/"terminal": true/"terminal": false/' config.json
	for command in create run; do
		kedge --systemd-cgroup "$command" c </dev/null
		[ "$status" -ne 0 ]
		[[ $stderr == *"cannot connect to systemd"* ]]
	done
	[ -z "$(ls -A "$ROOT")" ]
	kedge --systemd-cgroup list -q
	[ "$status" -eq 0 ]
	kedge --systemd-cgroup delete --force c
	[ "$status" -eq 0 ]
}

@test "list of nothing" {
	kedge list
	[ "$status" -eq 0 ]
	[[ $output =~ ^ID\ +PID\ +STATUS\ +BUNDLE\ +CREATED\ +OWNER$ ]]
	[ "${output%%PID*}" = "ID          " ]
	kedge list --format json
	[ "$output" = null ]
	kedge list --format=json
	[ "$output" = null ]
	kedge list -f table -q
	[ -z "$output" ]
	kedge list -f xml
	[ "$status" -eq 1 ]
	[[ $stderr == *"invalid format option"* ]]
}

@test "features" {
	plain features
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[ "$(jq -r .ociVersionMax <<<"$output")" = "$("$KEDGE" --version | sed -n 's/^spec: //p')" ]
	[ "$(jq -r .ociVersionMin <<<"$output")" = 1.0.0 ]
	jq -e '.mountOptions | index("rro")' <<<"$output"
	jq -e '.hooks == ["prestart","createRuntime","createContainer","startContainer","poststart","poststop"]' <<<"$output"
	jq -e '.linux.cgroup.v2 and (.linux.cgroup.v1 | not)' <<<"$output"
	jq -e '.linux.mountExtensions.idmap.enabled' <<<"$output"
	jq -e '.linux.namespaces | index("time") and index("user")' <<<"$output"
	jq -e '.annotations["org.kedge.version"]' <<<"$output"
	jq -e '.annotations["org.opencontainers.runc.checkpoint.enabled"] == "true"' <<<"$output"
	# each annotation that changes what a container is: by its name, or by a prefix with a dot at its end
	for name in org.criu.config org.systemd.property.MemoryMax run.oci.keep_original_groups run.oci.mount_context_type org.kedge.guard.mode org.kedge.landlock; do
		jq -e --arg name "$name" '.potentiallyUnsafeConfigAnnotations | any(. as $known | $name == $known or
			(($known | endswith(".")) and ($name | startswith($known))))' <<<"$output"
	done
}

@test "spec writes a configuration once" {
	plain spec
	[ "$status" -eq 0 ]
	[ -z "$output$stderr" ]
	jq -e '.ociVersion and .process.args == ["sh"]' config.json
	plain spec
	[ "$status" -eq 1 ]
	[ "$stderr" = "kedge: File config.json exists. Remove it first" ]
	mkdir bundle
	plain spec --bundle bundle --rootless
	[ "$status" -eq 0 ]
	jq -e '.linux.uidMappings[0].containerID == 0' bundle/config.json
	plain spec -b none
	[ "$status" -eq 1 ]
	[[ $stderr == *"no such file or directory" ]]
}

@test "plan needs no container" {
	mkdir rootfs
	plain spec
	plain plan
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[[ $output == *pivot-root* ]]
	[[ $output == *exec* ]]
	plain plan --bundle none
	[ "$status" -eq 1 ]
}

@test "create without a configuration" {
	kedge create c
	[ "$status" -eq 1 ]
	[[ $stderr == "kedge: create 'c': "*"JSON specification file config.json not found"* ]]
	[ -z "$(ls -A "$ROOT")" ]
}

@test "completion scripts are made of the table" {
	plain completion bash
	[ "$status" -eq 0 ]
	bash -n <<<"$output"
	# shellcheck disable=SC2030
	complete_words() {
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_kedge
		echo "${COMPREPLY[*]}"
	}
	eval "$output"
	[ "$(complete_words kedge stat)" = state ]
	[ "$(complete_words kedge list --format '')" = "table json" ]
	[ "$(complete_words kedge list --format = j)" = json ]
	[ "$(complete_words kedge create --console)" = --console-socket ]
	for shell in zsh fish; do
		plain completion "$shell"
		[ "$status" -eq 0 ]
		if type -P "$shell"; then "$shell" -n <(echo "$output"); fi
	done
	plain completion tcsh
	[ "$status" -eq 1 ]
	[[ $stderr == *"no completion for shell 'tcsh'"* ]]
}

@test "output that cannot be written is an error" {
	for command in --version --help features; do
		run -1 bash -c '"$1" "$2" >/dev/full' - "$KEDGE" "$command"
		[[ $output == *"cannot write to standard output: no space left on device"* ]]
	done
}

@test "closed stdio is no trouble" {
	run -0 bash -c '"$1" --version <&- 2>&-' - "$KEDGE"
	run -0 bash -c '"$1" --version >&-' - "$KEDGE"
	run -0 bash -c '"$1" --root "$2" --log "$3" list <&- >&- 2>&-' - "$KEDGE" "$ROOT" "$LOG"
	[ ! -s "$LOG" ]
}

@test "a reader that goes away does not kill the command" {
	run bash -c 'exec 5> >(exec true); wait $!; "$1" features >&5; echo "$?"' - "$KEDGE"
	[[ $output == *"broken pipe"* ]]
	[[ $output == *1 ]]
}

# with_sockets COMMAND...: in a mount namespace where somebody listens for the journal and for syslog; what arrives is in
# $T/heard, a line a datagram.
with_sockets() {
	cat >"$BATS_TEST_TMPDIR/listen" <<-'END'
		import select, socket, subprocess, sys
		socks = []
		for path in "/run/systemd/journal/socket", "/dev/log":
		    socks.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
		    socks[-1].bind(path)
		status = subprocess.call(sys.argv[2:])
		with open(sys.argv[1], "w") as heard:
		    while ready := select.select(socks, [], [], 0)[0]:
		        print(repr(ready[0].recv(65536)), file=heard)
		sys.exit(status)
	END
	# shellcheck disable=SC2016 # expanded by the inner shell
	run --separate-stderr unshare --mount --propagation private bash -euc '
		mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev && mkdir -p /run/systemd/journal
		exec python3 "$@"' bash "$BATS_TEST_TMPDIR/listen" "$BATS_TEST_TMPDIR/heard" "$@"
	heard=$(<"$BATS_TEST_TMPDIR/heard")
}

needs_sockets() {
	((EUID == 0)) || skip "needs root, for a mount namespace"
	type -P python3 || skip "no python3"
}

@test "--log journald: an entry with level, identifier and message" {
	needs_sockets
	with_sockets "$KEDGE" --root "$ROOT" --log journald:engine7 state c1
	[ "$status" -eq 1 ]
	[ "$stderr" = "state 'c1': container does not exist" ]
	[ "$heard" = "b\"PRIORITY=3\\nSYSLOG_IDENTIFIER=kedge\\nID=engine7\\nMESSAGE=state 'c1': container does not exist\\n\"" ]
	with_sockets "$KEDGE" --root "$ROOT" --log journald: --log-format json state c1
	[[ $heard == *'\nID=kedge\nMESSAGE={"level":"error","msg":"state '*'"}\n'* ]]
	with_sockets "$KEDGE" --root "$ROOT" --log journald:x state $'a\nb'
	[[ $heard == *'\nMESSAGE\n'*'\x00\x00\x00'*"state 'a\\nb'"* ]] || [[ $heard == *"MESSAGE="* ]]
}

@test "--log syslog: a line with priority, name and pid" {
	needs_sockets
	with_sockets "$KEDGE" --root "$ROOT" --log syslog:engine7 state c1
	[ "$status" -eq 1 ]
	[[ $heard =~ ^b\"\<11\>engine7\[[0-9]+\]:\ state\ \'c1\':\ container\ does\ not\ exist\"$ ]]
	with_sockets "$KEDGE" --root "$ROOT" --log=syslog: --debug list
	[ "$status" -eq 0 ]
	[[ $heard == *"<15>kedge["* ]]
}

@test "--log: a journal that is not there is an error, a name with a colon is a file" {
	needs_sockets
	# shellcheck disable=SC2016 # expanded by the inner shell
	run --separate-stderr unshare --mount --propagation private bash -euc '
		mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev && "$@"' bash "$KEDGE" --root "$ROOT" --log journald:x list
	[ "$status" -eq 1 ]
	[[ $stderr == *"cannot open log file 'journald:x'"* ]]
	kedge --log "$BATS_TEST_TMPDIR/a:b" state c1
	[ -s "$BATS_TEST_TMPDIR/a:b" ]
	kedge --log "file:$BATS_TEST_TMPDIR/c" state c1
	[ -s "$BATS_TEST_TMPDIR/c" ]
	kedge --log file:syslog:x state c1
	[ -s syslog:x ]
}
