#!/usr/bin/env bats
# What the commands print about containers that exist, and the status they leave with.
# requires: root busybox private-cgroup2

bats_require_minimum_version 1.5.0

setup() {
	ROOT=$BATS_TEST_TMPDIR/root
	BUNDLE=$BATS_TEST_TMPDIR/bundle
	mkdir "$BUNDLE" "$ROOT"
	cd "$BUNDLE" || return
	"$KEDGE" spec
	# shellcheck disable=SC2153 # tests/integration/run sets it
	config --arg root "$ROOTS/busybox" '.root.path = $root | .process.terminal = false | .linux.cgroupsPath = "/cli-test"'
	args sleep 1000
}

teardown() {
	"$KEDGE" --root "$ROOT" list -q | while read -r id; do "$KEDGE" --root "$ROOT" delete --force "$id"; done
}

config() { # JQ-ARGUMENTS...
	jq "$@" <config.json >config.new
	mv config.new config.json
}
# Not jq's --args: its older releases take a word like -c for their own.
args() {
	printf '%s\n' "$@" | jq -Rs 'split("\n")[:-1]' >args.json
	config --slurpfile args args.json '.process.args = $args[0]'
}
cgroup() { config --arg path "/cli-test-$1" '.linux.cgroupsPath = $path'; }
# stdout in $output (its lines in $lines), stderr in $stderr.
kedge() { run --separate-stderr "$KEDGE" --root "$ROOT" "$@"; }
# A detached container keeps the stdio it is given, so it may not get the test's pipes.
detached() { "$KEDGE" --root "$ROOT" "$@" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 || { cat "$BATS_TEST_TMPDIR/out" >&2; return 1; }; }

soon() { # COMMAND...: until it succeeds, at most half a minute
	local i
	for ((i = 0; i < 600; i++)); do
		if "$@"; then return 0; fi
		sleep 0.05
	done
	return 1
}

@test "list prints tables, JSON and ids" {
	for id in box-b box-a a-name-longer-than-twelve; do
		cgroup "$id"
		detached run -d "$id"
	done
	cgroup box-c
	detached create --pid-file "$BATS_TEST_TMPDIR/pid" box-c
	kedge list
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[[ ${lines[0]} =~ ^ID\ +PID\ +STATUS\ +BUNDLE\ +CREATED\ +OWNER$ ]]
	[[ ${lines[1]} == "a-name-longer-than-twelve   "[0-9]* ]]
	[[ ${lines[2]} =~ ^box-a\ +[0-9]+\ +running\ +$BUNDLE\ +2[0-9T:.-]+Z\ +root$ ]]
	[[ ${lines[4]} =~ ^box-c\ +$(cat "$BATS_TEST_TMPDIR/pid")\ +created ]]
	[ "${#lines[@]}" -eq 5 ]
	kedge list -q
	[ "$output" = $'a-name-longer-than-twelve\nbox-a\nbox-b\nbox-c' ]
	kedge list --format json
	[ "${#lines[@]}" -eq 1 ]
	[ "$(jq -c '.[1] | keys_unsorted' <<<"$output")" = \
		'["ociVersion","id","pid","status","bundle","rootfs","created","owner"]' ]
	[[ $output == '[{"ociVersion":"'*'","id":"a-name-longer-than-twelve","pid":'* ]]
	[ "$(jq -r '.[3] | .id, .status, .owner' <<<"$output" | paste -sd' ')" = "box-c created root" ]
}

@test "list shows annotations, and the pid of nobody as 0" {
	config '.annotations = {"org.example.key": "a \"value\""}'
	detached run -d noted
	kedge kill noted KILL
	[ "$status" -eq 0 ]
	stopped() { kedge list -f json && [ "$(jq -r '.[0].status' <<<"$output")" = stopped ]; }
	soon stopped
	[ "$(jq -r '.[0].annotations["org.example.key"]' <<<"$output")" = 'a "value"' ]
	[ "$(jq -r '.[0].pid' <<<"$output")" -eq 0 ]
	[ "$(jq -c '.[0] | keys_unsorted' <<<"$output")" = \
		'["ociVersion","id","pid","status","bundle","rootfs","created","annotations","owner"]' ]
	kedge ps -f json noted
	[ "$output" = "[]" ]
	kedge kill noted
	[ "$status" -eq 1 ]
	[ "$stderr" = "kedge: kill 'noted': container not running" ]
	kedge kill --all noted KILL
	[ "$status" -eq 0 ]
}

@test "state is an object of two blanks, without a newline at its end" {
	detached create box
	"$KEDGE" --root "$ROOT" state box >"$BATS_TEST_TMPDIR/state"
	[ "$(tail -c 1 "$BATS_TEST_TMPDIR/state")" = "}" ]
	[ "$(tail -c 1 "$BATS_TEST_TMPDIR/state" | wc -l)" -eq 0 ]
	[ "$(sed -n 3p "$BATS_TEST_TMPDIR/state")" = '  "id": "box",' ]
	jq -e '.status == "created" and .pid > 0' "$BATS_TEST_TMPDIR/state"
	kedge create box
	[ "$status" -eq 1 ]
	[ "$stderr" = "kedge: create 'box': container with given ID already exists" ]
}

@test "ps filters the host's table" {
	args sh -c 'sleep 1000 & sleep 2000; :'
	detached run -d box
	three() { kedge ps --format json box && [ "$(jq length <<<"$output")" -eq 3 ]; }
	soon three
	pids=$(jq -r '.[]' <<<"$output" | sort -n)
	kedge ps box
	[[ ${lines[0]} =~ ^UID\ +PID\ +PPID ]]
	[ "$(awk 'NR > 1 { print $2 }' <<<"$output" | sort -n)" = "$pids" ]
	# As go-runc hands them over, and as a person does.
	for form in "-o pid,args" "-e -o pid,args" "-eo pid,args"; do
		kedge ps --format table box "$form"
		[ "$status" -eq 0 ]
		[ "$(awk 'NR > 1 { print $1 }' <<<"$output" | sort -n)" = "$pids" ]
		[[ $output == *"sleep 2000"* ]]
	done
	kedge ps box -e -o args,pid
	[ "$(awk 'NR > 1 { print $NF }' <<<"$output" | wc -l)" -le 3 ]
	kedge ps box -o comm
	[ "$status" -eq 1 ]
	[[ $stderr == *"couldn't find PID field in ps output"* ]]
	kedge ps box --nonsense
	[ "$status" -eq 1 ]
	[[ $stderr == "kedge: ps 'box': ps failed with status 1: "* ]]
	kedge ps -f xml box
	[ "$status" -eq 1 ]
}

@test "exec takes its words as they are, and leaves with the program's status" {
	detached run -d box
	# shellcheck disable=SC2016
	kedge exec -e A=1,2 --env B= box sh -c 'echo "$A|$B|$1"; exit 3' -- --help
	[ "$status" -eq 3 ]
	[ "$output" = "1,2||--help" ]
	kedge exec box sh -c 'kill -TERM $$'
	[ "$status" -eq 143 ]
	kedge exec box no-such-program
	[ "$status" -eq 255 ]
	[[ $stderr == *'executable file not found in $PATH'* ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	kedge exec --user 1000:1000 --cwd /tmp box sh -c 'id -u; pwd'
	[ "$output" = $'1000\n/tmp' ]
	kedge pause box
	kedge exec box true
	[ "$status" -eq 255 ]
	[ "$stderr" = "kedge: exec 'box': cannot exec in a paused container (use --ignore-paused to override)" ]
	kedge resume box
	[ "$status" -eq 0 ]
}

@test "run leaves with the program's status" {
	args sh -c 'exit 42'
	kedge run box
	[ "$status" -eq 42 ]
	args no-such-program
	kedge run box
	[ "$status" -eq 1 ]
	[[ $stderr == "kedge: run 'box': "*'executable file not found in $PATH'* ]]
	kedge list -q
	[ -z "$output" ]
	args true
	kedge run --keep box
	[ "$status" -eq 0 ]
	kedge list -q
	[ "$output" = box ]
}

@test "kill takes names and numbers" {
	# shellcheck disable=SC2016
	args sh -c 'trap "echo usr1 >>/tmp/log" USR1; : >/tmp/log; while :; do sleep 0.01; done'
	config '.mounts += [{"destination": "/tmp", "type": "bind", "source": $dir, "options": ["bind", "rw"]}]' \
		--arg dir "$BATS_TEST_TMPDIR"
	detached run -d box
	ready() { [ -e "$BATS_TEST_TMPDIR/log" ]; }
	soon ready
	n=0
	for signal in USR1 SIGUSR1 usr1 sigusr1 10; do
		kedge kill box "$signal"
		[ "$status" -eq 0 ]
		n=$((n + 1))
		heard() { [ "$(grep -c usr1 "$BATS_TEST_TMPDIR/log")" -eq "$n" ]; }
		soon heard
	done
	kedge delete box
	[ "$status" -eq 1 ]
	[[ $stderr == *"cannot delete container box that is not stopped: running" ]]
	kedge delete --force box
	[ "$status" -eq 0 ]
}

@test "--debug speaks of the command, and into the log" {
	kedge --debug --log "$BATS_TEST_TMPDIR/log" list
	[ -z "$stderr" ]
	grep -q 'level=debug msg="kedge .*: list' "$BATS_TEST_TMPDIR/log"
	kedge --debug list
	[[ $stderr == *"level=debug"* ]]
}
