#!/usr/bin/env bats
# From create to delete: states, exit statuses, signals, what each command refuses, and the words it does so with.

# shellcheck disable=SC2154 # what kedge() sets

load helpers

@test "create, start, kill, delete: the state follows" {
	sleeper
	ok create --bundle "$BUNDLE" --pid-file "$T/pid" c1
	is "$output" ""
	is "$(state status)" created
	is "$(state pid)" "$(cat "$T/pid")"
	ok start c1
	is "$(state status)" running
	ok kill c1 KILL
	eventually is_status stopped
	is "$(state pid)" 0
	ok delete c1
	nothing_left
	fails 1 "container does not exist" state c1
}

@test "the state is the specification's document" {
	sleeper '.annotations = {"org.test.one": "1"}'
	create
	ok state c1
	is "$(jq -c 'del(.pid, .created, .guard)' <<<"$output")" "$(jq -nc --arg b "$BUNDLE" --arg r "$ROOTFS" '
		{ociVersion: "1.0.2", id: "c1", status: "created", bundle: $b, rootfs: $r,
		 annotations: {"org.test.one": "1"}, owner: ""}')"
	is "$(jq -r '.pid | type' <<<"$output")" number
	date -d "$(jq -r .created <<<"$output")" >/dev/null
	matches "$(jq -r .created <<<"$output")" '^20[0-9-]+T[0-9:]+\.[0-9]{9}Z$'
}

@test "the program does not run before start" {
	mkdir "$T/shared"
	script 'echo ran >/mnt/ran' 'bind($T + "/shared"; "/mnt"; ["rw"])'
	create
	sleep 0.2
	[ ! -e "$T/shared/ran" ]
	ok start c1
	eventually is_status stopped
	is "$(cat "$T/shared/ran")" ran
}

@test "a later change of config.json does not reach the container" {
	mkdir "$T/shared"
	script 'echo old >/mnt/ran' 'bind($T + "/shared"; "/mnt"; ["rw"])'
	create
	script 'echo new >/mnt/ran' 'bind($T + "/shared"; "/mnt"; ["rw"])'
	ok start c1
	eventually is_status stopped
	is "$(cat "$T/shared/ran")" old
}

@test "run: the program's output and status are the command's" {
	for want in 0 1 7 125 126 127 254 255; do
		script "echo out; echo err >&2; exit $want"
		kedge run --bundle "$BUNDLE" c1
		is "$status" "$want"
		is "$output" out
		is "$stderr" err
		nothing_left
	done
}

@test "run: a program ended by a signal gives 128 and its number" {
	for signal in KILL:137 TERM:143 USR1:138; do
		start_foreground "$([[ ${signal%:*} == KILL ]] || echo 'without("pid")')"
		ok kill c1 "${signal%:*}"
		status=0
		wait "$pid" || status=$?
		is "$status" "${signal#*:}"
		nothing_left
	done
}

# An init of a pid namespace goes by no signal of its own but KILL.
start_foreground() { # [FILTER]
	sleeper "${1:-.}"
	background out run --bundle "$BUNDLE" c1
	pid=$!
	eventually is_status running
	eventually runs sleep "$(pid_of)" # before, its end is that of a start
}

@test "run: the program's stdin is the command's" {
	config '.process.args = ["cat"]'
	echo hello >"$T/in"
	STDIN=$T/in ok run --bundle "$BUNDLE" c1
	is "$output" hello
}

@test "run in the foreground forwards signals" {
	script 'trap "echo got TERM" TERM; trap "echo got USR1" USR1; trap "echo got HUP; exit 9" HUP
		echo ready; while :; do sleep 0.05; done'
	background out run --bundle "$BUNDLE" c1
	pid=$!
	n=1
	for signal in TERM USR1 HUP; do
		eventually has_lines "$n" "$T/out"
		kill -"$signal" "$pid"
		n=$((n + 1))
	done
	status=0
	wait "$pid" || status=$?
	is "$status" 9
	is "$(cat "$T/out")" $'ready\ngot TERM\ngot USR1\ngot HUP'
	nothing_left
}

@test "run --detach returns at once, delete removes what is left" {
	start
	is "$(state status)" running
	is "$output" ""
	ok delete --force c1
	nothing_left
}

@test "run --detach: the pid file has the pid and no newline" {
	sleeper
	ok run --detach --bundle "$BUNDLE" --pid-file "$T/pid" c1
	is "$(tr -d '0-9' <"$T/pid" | wc -c)" 0
	is "$(cat "$T/pid")" "$(pid_of)"
	is "$(tr '\0' ' ' <"/proc/$(cat "$T/pid")/cmdline")" "sleep 1000 "
	is "$(find "$T" -maxdepth 1 -name '.*pid*')" ""
}

@test "run --keep leaves a stopped container" {
	script 'exit 3'
	kedge run --keep --bundle "$BUNDLE" c1
	is "$status" 3
	is "$(state status)" stopped
	ok delete c1
	nothing_left
}

@test "run without --keep deletes the container while its children are left" {
	script 'sleep 1000 & sleep 1000 & exit 5'
	kedge run --bundle "$BUNDLE" c1
	is "$status" 5
	nothing_left
}

@test "the bundle is the current directory unless told" {
	script 'echo here'
	cd "$BUNDLE"
	ok run c1
	is "$output" here
}

@test "--config names another document" {
	script 'echo other'
	mv "$BUNDLE/config.json" "$T/other.json"
	ok run --bundle "$BUNDLE" --config "$T/other.json" c1
	is "$output" other
	refused "JSON specification file config.json not found"
}

@test "start: not twice, not when stopped" {
	sleeper
	create
	ok start c1
	fails 1 "cannot start an already running container" start c1
	ok kill c1 KILL
	eventually is_status stopped
	fails 1 "cannot start a container that has stopped" start c1
}

@test "start: a created container that was killed" {
	sleeper
	create
	ok kill c1 KILL
	eventually is_status stopped
	fails 1 "cannot start a container that has stopped" start c1
	ok delete c1
}

@test "start: a program that is not there is told by create" {
	config '.process.args = ["/no/such/program"]'
	refused 'exec: "/no/such/program": stat /no/such/program: no such file or directory' create --bundle "$BUNDLE" c1
}

count_winners() {
	local job
	winners=0
	for job in "${jobs[@]}"; do
		if wait "$job"; then winners=$((winners + 1)); fi
	done
	jobs=()
}

@test "eight starters: one starts it, the others say so" {
	sleeper
	create
	for i in {1..8}; do background "start$i" start c1; done
	count_winners
	is "$winners" 1
	is "$(cat "$T"/start? | grep -c 'cannot start an already running container$')" 7
	is "$(state status)" running
}

@test "eight creators of one id: one container, seven errors, nothing else" {
	sleeper
	for _ in 1 2 3; do
		for i in {1..8}; do background "create$i" create --bundle "$BUNDLE" c1; done
		count_winners
		is "$winners" 1
		is "$(cat "$T"/create? | grep -c 'container with given ID already exists$')" 7
		is "$(find "$CGROUP" -mindepth 1 -type d | wc -l)" 1
		is "$(wc -l <"$CGROUP/c1/cgroup.procs")" 1
		ok delete --force c1
		nothing_left
	done
}

@test "creators against delete --force: nothing is left" {
	sleeper
	for i in {1..12}; do
		background "create$i" create --bundle "$BUNDLE" c1
		background "delete$i" delete --force c1
	done
	wait "${jobs[@]}" || :
	ok delete --force c1
	nothing_left
}

@test "an id is taken once" {
	start
	fails 1 "container with given ID already exists" create --bundle "$BUNDLE" c1
	fails 1 "container with given ID already exists" run --bundle "$BUNDLE" c1
	is "$(state status)" running
}

@test "ids that are paths are refused" {
	sleeper
	for id in .. . a/b /a ../a 'a b' $'a\nb' 'ä' 'a*'; do
		refused "invalid container ID format" create --bundle "$BUNDLE" "$id"
	done
	for id in a.b _x +1 A-b 0; do
		ok run --detach --bundle "$BUNDLE" "$id"
		ok delete --force "$id"
	done
}

@test "delete: a running container is refused and goes on" {
	start
	pid=$(pid_of)
	fails 1 "cannot delete container c1 that is not stopped: running" delete c1
	is "$(state status)" running
	is "$(pid_of)" "$pid"
}

@test "delete: a paused container is refused, --force ends it" {
	start
	ok pause c1
	fails 1 "cannot delete container c1 that is not stopped: paused" delete c1
	ok delete --force c1
	nothing_left
}

@test "delete: a created container" {
	sleeper
	create
	pid=$(pid_of)
	ok delete c1
	nothing_left
	gone "$pid"
}

@test "delete --force: unknown ids are no error" {
	ok delete --force nobody
	is "$output" ""
	fails 1 "container does not exist" delete nobody
}

@test "delete --force: a container that ignores every signal" {
	script 'trap "" TERM HUP INT QUIT; while :; do sleep 1; done'
	ok run --detach --bundle "$BUNDLE" c1
	ok delete --force c1
	nothing_left
}

@test "kill: signals by name and number, in any case" {
	script 'for s in TERM HUP USR1 USR2; do trap "echo $s >>/mnt/got" $s; done; echo >/mnt/ready
		while :; do sleep 0.05; done' 'bind($T + "/shared"; "/mnt"; ["rw"])'
	mkdir "$T/shared"
	ok run --detach --bundle "$BUNDLE" c1
	eventually test -e "$T/shared/ready"
	n=0
	for signal in "" TERM SIGTERM sigterm 15 HUP usr1 SIGUSR2 12; do
		# shellcheck disable=SC2086 # none is no argument
		ok kill c1 $signal
		n=$((n + 1))
		eventually has_lines "$n" "$T/shared/got"
	done
	is "$(xargs <"$T/shared/got")" "TERM TERM TERM TERM TERM HUP USR1 USR2 USR2"
}

@test "kill: unknown signals, and a container that has stopped" {
	start
	ok kill c1 0
	for signal in FOO 65 -1 999999999999 '9 ' 'S IGTERM'; do
		fails 1 "unknown signal \"$signal\"" kill c1 "$signal"
	done
	ok kill c1 KILL
	eventually is_status stopped
	fails 1 "container not running" kill c1 TERM
	fails 1 "container not running" kill c1 KILL
	ok kill --all c1 KILL
}

no_processes() { [[ ! -s $CGROUP/c1/cgroup.procs ]]; }

@test "kill KILL without a pid namespace ends every process" {
	script 'sleep 1000 & sleep 1000 & wait' 'without("pid")'
	ok run --detach --bundle "$BUNDLE" c1
	eventually has_lines 3 "$CGROUP/c1/cgroup.procs"
	ok kill c1 KILL
	eventually no_processes
	eventually is_status stopped
	ok delete c1
}

@test "delete --force without a pid namespace ends every process" {
	script 'sleep 1000 & sleep 1000 & wait' 'without("pid")'
	ok run --detach --bundle "$BUNDLE" c1
	ok delete --force c1
	nothing_left
}

@test "pause and resume" {
	script 'while :; do echo >>/mnt/ticks; sleep 0.01; done' 'bind($T + "/shared"; "/mnt"; ["rw"])'
	mkdir "$T/shared"
	ok run --detach --bundle "$BUNDLE" c1
	eventually test -s "$T/shared/ticks"
	fails 1 "container not paused" resume c1
	ok pause c1
	is "$(state status)" paused
	is "$(cat "$CGROUP/c1/cgroup.freeze")" 1
	before=$(wc -l <"$T/shared/ticks")
	sleep 0.2
	is "$(wc -l <"$T/shared/ticks")" "$before"
	fails 1 "cannot start a container in the paused state" start c1
	ok resume c1
	is "$(state status)" running
	eventually has_lines "$((before + 1))" "$T/shared/ticks"
	ok kill c1 KILL
	eventually is_status stopped
	fails 1 "container not running" pause c1
	fails 1 "container not paused" resume c1
}

@test "kill KILL ends a paused container" {
	start
	ok pause c1
	ok kill c1 KILL
	eventually is_status stopped
	ok delete c1
}

@test "list: a table, objects, ids" {
	ok list
	is "${#lines[@]}" 1
	matches "${lines[0]}" '^ID +PID +STATUS +BUNDLE +CREATED +OWNER$'
	ok list --format json
	is "$output" null
	ok list --quiet
	is "$output" ""
	start b
	sleeper '.linux.cgroupsPath = $parent + "/a"'
	create a
	ok list --quiet
	is "$output" $'a\nb'
	ok list
	is "${#lines[@]}" 3
	matches "${lines[1]}" "^a +$(pid_of a) +created +$BUNDLE +[0-9T:.-]+Z +root$"
	matches "${lines[2]}" "^b +$(pid_of b) +running +$BUNDLE +[0-9T:.-]+Z +root$"
	ok list --format json
	is "$(jq -c 'map([.id, .status, .pid, .bundle, .rootfs, .owner])' <<<"$output")" "$(jq -nc \
		--argjson a "$(pid_of a)" --argjson b "$(pid_of b)" --arg bundle "$BUNDLE" --arg rootfs "$ROOTFS" \
		'[["a", "created", $a, $bundle, $rootfs, "root"], ["b", "running", $b, $bundle, $rootfs, "root"]]')"
	matches "$output" '^\[\{"ociVersion":"1.0.2","id":"a","pid":[0-9]+,"status":"created","bundle":"[^"]*","rootfs":"[^"]*","created":"[^"]*","owner":"root"\}'
}

@test "list: a state directory that is not there is an error when asked for" {
	kedge --root "$T/none" list
	is "$status" 1
	has "$stderr" "$T/none"
}

comms() { [[ $(while read -r pid; do cat "/proc/$pid/comm"; done <"$CGROUP/c1/cgroup.procs" | sort | xargs) == "$1" ]]; }

@test "ps: the container's processes, as pids of the host" {
	script 'sleep 1000 & wait'
	ok run --detach --bundle "$BUNDLE" c1
	eventually comms "sh sleep"
	ok ps --format json c1
	is "$(jq -c sort <<<"$output")" "$(jq -sc sort "$CGROUP/c1/cgroup.procs")"
	ok ps c1
	is "${#lines[@]}" 3
	matches "${lines[0]}" '^UID +PID +PPID '
	has "$output" "sleep 1000"
	ok ps c1 -o pid,comm
	is "$(awk 'NR > 1 { print $2 }' <<<"$output" | sort | xargs)" "sh sleep"
}

@test "the waiting init is no file of the host, and holds nothing of the host but stdio and its fifos" {
	sleeper
	create
	pid=$(pid_of)
	matches "$(readlink "/proc/$pid/exe")" '^/memfd:kedge-init'
	isnt "$(stat -Lc %d:%i "/proc/$pid/exe")" "$(stat -Lc %d:%i "$KEDGE")"
	for fd in "/proc/$pid"/fd/*; do
		if ((${fd##*/} <= 2)); then continue; fi
		if [[ $(readlink "$fd") =~ /c1/(exec|result)\.fifo$ ]]; then continue; fi
		mount=$(awk '/^mnt_id:/ { print $2 }' "/proc/$pid/fdinfo/${fd##*/}")
		has "$(awk '{ print "mount", $1, "." }' "/proc/$pid/mountinfo")" "mount $mount ."
	done
	ok start c1
	is "$(cd "/proc/$pid/fd" && echo *)" "0 1 2"
	is "$(readlink "/proc/$pid/exe")" /bin/busybox
}

@test "the caller's open files do not reach the container" {
	exec 8<"$T" 9<"$STATE"
	start
	exec 8<&- 9<&-
	is "$(cd "/proc/$(pid_of)/fd" && echo *)" "0 1 2"
}

@test "--preserve-fds passes so many more" {
	script 'cat <&3; cat <&4; exec ls /proc/self/fd'
	echo three >"$T/three"
	echo four >"$T/four"
	status=0
	"$KEDGE" --root "$STATE" run --preserve-fds 2 --bundle "$BUNDLE" c1 </dev/null >"$T/out" 2>&1 \
		3<"$T/three" 4<"$T/four" 5<"$T" || status=$?
	is "$status" 0
	is "$(cat "$T/out")" $'three\nfour\n0\n1\n2\n3\n4\n5' # the last is the directory that is read
	fails 1 "unable to stat preserved-fd" run --preserve-fds 40 --bundle "$BUNDLE" c1
	nothing_left
}

@test "closed stdio does not become another file" {
	script 'for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done >/mnt/out' 'bind($T + "/shared"; "/mnt"; ["rw"])'
	mkdir "$T/shared"
	"$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1 <&- >&- 2>&- 3>&- 4>&-
	is "$(sed -n 1p "$T/shared/out")" /dev/null
	is "$(sed -n 3p "$T/shared/out")" /dev/null
}

@test "--pidfd-socket sends a pidfd of the init" {
	"$HELPERS/recvfd" "$T/socket" pidfd >"$T/received" 3>&- 4>&- &
	eventually test -S "$T/socket"
	sleeper
	ok run --detach --pidfd-socket "$T/socket" --bundle "$BUNDLE" c1
	wait $!
	is "$(cat "$T/received")" "$(pid_of)"
}

@test "a Debian root: dpkg, glibc, perl, symlinked /bin" {
	use_debian
	run_ok 'readlink /bin; dpkg -s libc6 | grep ^Status; dpkg -S /usr/bin/perl
		getent passwd user; perl -e "print 6 * 7, qq(\n)"; bash -c "echo \${BASH_VERSINFO[0]}"' tmp
	is "$output" $'usr/bin\nStatus: install ok installed\nperl-base: /usr/bin/perl\nuser:x:1000:1000:a user:/home/user:/bin/bash\n42\n5'
}

@test "--regex: kill and delete all that match" {
	for id in web-1 web-2 db-1; do start "$id"; done
	ok kill --regex '^web-[0-9]+$' KILL
	eventually is_status stopped web-1
	eventually is_status stopped web-2
	is "$(state status db-1)" running
	ok delete -r '^web'
	is "$(cd "$STATE" && echo [a-z]*)" db-1
	ok delete --regex nothing
	ok delete --regex --force '.*'
	is "$(state_files)" ""
}

@test "--regex: one that fails is told, and the others have their turn" {
	for id in a1 a2 a3; do start "$id"; done
	ok kill a2 KILL
	eventually is_status stopped a2
	kedge delete --regex 'a[123]'
	is "$status" 1
	has "$stderr" "2 of 3 containers failed, the first: container 'a1': cannot delete container a1 that is not stopped: running"
	has "$stderr" "container 'a3': cannot delete"
	is "$(cd "$STATE" && echo [a-z]*)" "a1 a3"
	fails 1 "1 of 1 containers failed, the first: container 'a1'" delete --regex '^a1$'
	fails 1 "invalid regular expression 'a['" kill --regex 'a[' KILL
	fails 1 'unknown signal "NONE"' kill --regex a NONE
}
