#!/usr/bin/env bats
# kedge-guard and the command guard. Process 1 is the file's own, and so are /run and the logs: each test has a guard of its own.
# requires: own-guard

# shellcheck disable=SC2154 # what kedge() sets

load helpers

GUARD_DIR=/run/kedge-guard
GUARD_LOG=/var/log/kedge/guard.jsonl

setup() {
	# Its bpffs stays, wherever it can be made: one of an earlier test or of none.
	if ! mountpoint -q "$GUARD_DIR/bpf"; then
		"$KEDGE" guard start >/dev/null
		"$KEDGE" guard stop
		rm -f "$GUARD_DIR"/*.json "$GUARD_LOG"
	fi
	begin
	GUARD=$(dirname "$KEDGE")/kedge-guard
}

teardown() {
	local status=0
	finish || status=1
	"$KEDGE" guard stop --force || status=1
	rm -rf "$GUARD_DIR"/*.json "$GUARD_LOG" /etc/kedge/policy.json
	return "$status"
}

# --- what the tests ask

guard_pid() { cat "$GUARD_DIR/lock"; }
guard_runs() { "$KEDGE" guard status >/dev/null; }
no_guard_runs() { ! guard_runs; }
has_programs() { [[ $("$KEDGE" guard status --json | jq -r '.tiers - ["poll"] | length') != 0 ]]; }
need_programs() { has_programs || skip "no programs in the kernel: $("$KEDGE" guard status --json | jq -r '.whyNot.sample')"; }
rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$(guard_pid)/status"; }
audit() { jq -c "select(.type == \"$1\")${2:+ | $2}" "$GUARD_LOG"; } # TYPE [FILTER]
has_audit() { [[ -n $(audit "$@" 2>/dev/null) ]]; }
count_audit() { audit "$@" | wc -l; }

policy() { # JSON
	mkdir -p /etc/kedge
	echo "$1" >/etc/kedge/policy.json
}

# No bpf(2): capabilities are taken from the guard, as on a host that gives a container none of them.
start_without_bpf() {
	setpriv --bounding-set -bpf,-perfmon,-sys_admin "$KEDGE" guard start
	! has_programs
}

# A program that leaves its network namespace when it is told to, and goes on.
leaver() {
	mkdir -p "$T/shared"
	rm -f "$T/shared/go"
	sleeper '.process.args = ["sh", "-c", "until [ -e /mnt/go ]; do sleep 0.05; done; exec unshare -n sleep 1000"]' \
		'caps(["CAP_SYS_ADMIN"]) | bind($T + "/shared"; "/mnt"; ["rw"])' \
		'.annotations["org.kedge.guard.nesting"] = "strict" | .annotations["org.kedge.guard.sweep-ms"] = "50"'
	ok run --detach --bundle "$BUNDLE" c1
}
leave() { touch "$T/shared/go"; }

# --- starting and ending

@test "the first create starts the guard, which leaves its caller" {
	umount "$GUARD_DIR/bpf" 2>/dev/null || :
	rm -r "$GUARD_DIR"
	start c1
	guard_runs
	cat /proc/self/mountinfo >"$T/mounts-before" # its bpffs stays
	local pid
	pid=$(guard_pid)
	is "$(readlink "/proc/$pid/cwd")" /
	is "$(readlink "/proc/$pid/fd/0" "/proc/$pid/fd/1" "/proc/$pid/fd/2" | sort -u)" /dev/null
	is "$(sed -n 's/^0:://p' "/proc/$pid/cgroup")" /kedge-guard
	is "$(ns "$pid" mnt)" "$(ns 1 mnt)"
	is "$(awk '{ print $6 }' "/proc/$pid/stat")" "$pid" # setsid
	is "$(find "/proc/$pid/fd" -type l -lname '*bats*')" ""
}

@test "it is confined, and small" {
	ok guard start
	local pid status
	pid=$(guard_pid)
	status=$(cat "/proc/$pid/status")
	is "$(awk '/^CapBnd:/ { print $2 }' <<<"$status")" 000000c000080020 # kill, sys_ptrace, perfmon, bpf
	is "$(awk '/^(CapInh|CapAmb):/ { print $2 }' <<<"$status" | sort -u)" 0000000000000000
	is "$(awk '/^NoNewPrivs:/ { print $2 }' <<<"$status")" 1
	is "$(awk '/^Seccomp:/ { print $2 }' <<<"$status")" 2
	is "$(find "$GUARD_DIR" "$GUARD_DIR/armed" "$GUARD_DIR/bpf" -maxdepth 0 -perm /077)" ""
	is "$(stat -c %a "$GUARD_LOG")" 600
	if grep -q libasan "/proc/$pid/maps"; then skip "a build with sanitizers is not small"; fi
	(($(rss) < 1024)) || { echo "$(rss) kB"; return 1; }
}

# From its first page on.
stays_small() {
	local peak
	peak=$(awk '/^VmHWM:/ { print $2 }' "/proc/$(guard_pid)/status")
	((peak <= 1024)) || { echo "$1: $peak kB"; return 1; }
}

@test "its log may grow beyond what whoever started it may write" {
	local ignored
	prlimit --fsize=4096: "$KEDGE" guard start
	matches "$(grep '^Max file size' "/proc/$(guard_pid)/limits")" 'size +unlimited +unlimited'
	ignored=$(awk '/^SigIgn:/ { print $2 }' "/proc/$(guard_pid)/status")
	((0x$ignored >> 24 & 1)) # SIGXFSZ
}

@test "it never needs more than a megabyte: not to start, with a hundred containers, at events, or when it starts again" {
	ok guard start
	if grep -q libasan "/proc/$(guard_pid)/maps"; then skip "a build with sanitizers is not small"; fi
	stays_small "started"
	local n
	sleeper '.linux.cgroupsPath = $parent + "/hundred"'
	cp "$BUNDLE/config.json" "$T/hundred"
	for ((n = 0; n < 100; n++)); do
		sed "s,/hundred,/h$n," "$T/hundred" >"$BUNDLE/config.json"
		"$KEDGE" --root "$STATE" run --detach --bundle "$BUNDLE" "h$n" </dev/null >"$T/out" 2>&1 3>&- 4>&- ||
			{ cat "$T/out"; return 1; }
	done
	eventually is_count 100 armed
	sleep 1 # some sweeps
	stays_small "with 100 containers"
	leaver
	leave
	eventually is_status stopped
	eventually has_audit killed
	stays_small "after an event"
	kill -KILL "$(guard_pid)"
	eventually no_guard_runs
	ok guard start
	eventually is_count 202 armed
	stays_small "started again"
	ok guard status
	has "$output" "101 armed"
	for ((n = 0; n < 100; n++)); do "$KEDGE" --root "$STATE" delete --force "h$n"; done
	eventually is_count 100 disarmed
	stays_small "when they are gone"
}

no_files() { [[ -z $(find "$@" -type f) ]]; } # DIRECTORY...
is_count() { (($(count_audit "$2") == $1)); }

@test "there is one a host" {
	ok guard start
	local pid
	pid=$(guard_pid)
	ok guard start
	is "$(guard_pid)" "$pid"
	status=0
	"$GUARD" 2>"$T/stderr" || status=$?
	is "$status" 1
	has "$(cat "$T/stderr")" "another one guards this host"
	is "$("$GUARD" --daemon && guard_pid)" "$pid"
}

# As a guard does that is starting: others wait.
keep_others_waiting() {
	type -P python3 >/dev/null || skip "there is no python3"
	python3 -c '
import fcntl, sys, time
with open(sys.argv[1], "a") as only:
	fcntl.lockf(only, fcntl.LOCK_EX)
	print("held", flush=True)
	time.sleep(60)' "$GUARD_DIR/only" >"$T/held" 3>&- 4>&- &
	holder=$!
	eventually has_lines 1 "$T/held"
}

@test "a guard whose starter has given up goes on" {
	local starter holder
	keep_others_waiting
	"$GUARD" --daemon </dev/null >"$T/out" 2>&1 3>&- 4>&- &
	starter=$!
	eventually pgrep -P "$starter" >"$T/daemon"
	kill -KILL "$starter"
	eventually gone "$starter"
	kill "$holder"
	eventually guard_runs
	is "$(guard_pid)" "$(<"$T/daemon")"
	kedge guard stop
}

@test "eight first creates at once start one" {
	local n pids=()
	config '.process.args = ["true"]'
	for n in 1 2 3 4 5 6 7 8; do
		mkdir "$T/b$n"
		jq ".linux.cgroupsPath = \"$PARENT/c$n\"" "$BUNDLE/config.json" >"$T/b$n/config.json"
		"$KEDGE" --root "$STATE" run --bundle "$T/b$n" "c$n" </dev/null >"$T/out$n" 2>&1 3>&- 4>&- &
		pids+=($!)
	done
	for n in "${pids[@]}"; do wait "$n" || { cat "$T"/out*; return 1; }; done
	is "$(cat "$T"/out*)" ""
	is "$(count_audit started)" 1
	# Most of them have come and gone before it looks.
	eventually is_count 8 disarmed
	is "$(count_audit armed)" 8
	eventually no_files "$GUARD_DIR"/{armed,past,drift}
}

@test "what is disarmed while nobody guards is forgotten by the next guard" {
	sleeper
	ok run --detach --bundle "$BUNDLE" c1
	kill -KILL "$(guard_pid)"
	eventually no_guard_runs
	ok delete --force c1
	is "$(find "$GUARD_DIR"/{armed,drift} -type f)" ""
	ok guard start
	eventually no_files "$GUARD_DIR/past"
}

@test "status says what is on and why not more; verify compares" {
	kedge guard status
	is "$status" 1
	has "$output" "not running"
	start c1
	ok guard status
	has "$output" "1 armed"
	matches "$output" 'process [0-9]+, [0-9]+ kB'
	ok guard status --json
	is "$(jq -r '.running, .containers, .events.drift' <<<"$output" | xargs)" "true 1 0"
	is "$(jq -r '(.tiers + (.whyNot | keys)) | unique | contains(["lsm", "sample", "sweep", "syscall"])' <<<"$output")" true
	ok guard verify c1
	matches "${lines[1]}" "^$(pid_of) +sleep +ok$"
	ok guard verify --json c1
	is "$(jq -c . <<<"$output")" "[{\"pid\":$(pid_of),\"comm\":\"sleep\",\"drift\":[]}]"
	ok guard metrics
	has "$output" "kedge_guard_up 1"
	has "$output" "kedge_guard_containers 1"
}

@test "words, options and ids that are wrong" {
	fails 1 "no such word 'wrong'" guard wrong
	fails 1 "takes no such option" guard status --force
	fails 1 "requires exactly 1 argument" guard verify
	fails 1 "container does not exist" guard verify c1
}

# Unless there is another guard in it: of the machine itself, or one that is just being ended elsewhere.
no_empty_cgroup() { [[ ! -d $CGROUP_MOUNT/kedge-guard || $(cat "$CGROUP_MOUNT/kedge-guard/cgroup.procs") ]]; }

@test "stop refuses while containers are guarded" {
	start c1
	fails 1 "1 container(s) are guarded, among them 'c1'" guard stop
	guard_runs
	ok guard stop --force
	kedge guard status
	is "$status" 1
	is "$(find "$GUARD_DIR/bpf" -mindepth 2 -type f 2>/dev/null | head -n 3)" ""
	is "$(find "$GUARD_DIR"/{armed,drift} -type f)" ""
	eventually no_empty_cgroup
	is_status running
	ok delete --force c1
	ok guard stop
}

# --- drift

@test "stop --force ends a guard that does not react" {
	start c1
	kill -STOP "$(guard_pid)"
	ok guard stop --force
	kedge guard status
	is "$status" 1
	ok delete --force c1
}

@test "who leaves is found and killed with the whole container, and the log says so" {
	leaver
	local before
	before=$(pid_of)
	leave
	eventually is_status stopped
	eventually has_audit killed
	local line
	line=$(audit drift | head -n 1)
	is "$(jq -r '.id, .root, .action' <<<"$line" | xargs)" "c1 $STATE killed"
	is "$(jq -r '.namespaces[0].type' <<<"$line")" network
	is "$(jq -r '.drift | contains(["network"])' <<<"$line")" true
	isnt "$(jq -r '.namespaces[0].old' <<<"$line")" "$(jq -r '.namespaces[0].new' <<<"$line")"
	has "$(jq -r .reason <<<"$line")" "network namespace changed"
	matches "$(jq -r .time <<<"$line")" '^20[0-9-]+T[0-9:]+\.[0-9]{6}Z$'
	is "$(jq -r '.allDead' <<<"$(audit killed)")" true
	is "$(state guard.drift.reason)" "$(jq -r .reason <<<"$line")"
	gone "$before"
	ok guard events
	has "$output" "network namespace changed"
	ok guard events --json
	is "$output" "$(cat "$GUARD_LOG")"
	is "$("$KEDGE" guard status --json | jq -r '.events.killed')" 1
	ok delete c1
	is "$(ls "$GUARD_DIR/armed" "$GUARD_DIR/drift")" "$(printf '%s:\n\n%s:' "$GUARD_DIR/armed" "$GUARD_DIR/drift")"
	eventually has_audit disarmed
}

@test "without BPF it polls, says why, and kills all the same" {
	start_without_bpf
	ok guard status --json
	is "$(jq -c .tiers <<<"$output")" '["poll"]'
	isnt "$(jq -r .whyNot.sample <<<"$output")" null
	leaver
	leave
	eventually is_status stopped
	eventually has_audit killed
	is "$(audit drift .tier)" '"poll"'
	is "$(audit drift .hook)" '"poll"'
}

# polls_because REASON COMMAND...: that starts the guard
polls_because() {
	local reason=$1
	shift
	"$@"
	ok guard status --json
	is "$(jq -c .tiers <<<"$output")" '["poll"]'
	matches "$(jq -r .whyNot.sample <<<"$output")" "$reason"
	is "$(jq -r '.whyNot | [.lsm, .sweep, .syscall] | unique | length' <<<"$output")" 1
	config '.annotations = {"org.kedge.guard.require": "sample"}'
	refused "org.kedge.guard.require 'sample': drift guard: this host cannot: "
	leaver
	leave
	eventually is_status stopped
	eventually has_audit drift
	is "$(audit drift .tier)" '"poll"'
	ok delete c1
}

no_bpffs() {
	umount "$GUARD_DIR/bpf"
	setpriv --bounding-set -sys_admin "$KEDGE" guard start
}

@test "no bpf file system, no capability, no bpf(2): it polls, and says which" {
	ok guard start
	need_programs
	ok guard stop
	polls_because 'cannot mount a bpf file system: .*permitted' no_bpffs
	ok guard stop
	rm "$GUARD_LOG"
	mount -t bpf bpf "$GUARD_DIR/bpf" -o nosuid,nodev,noexec,mode=0700
	cat /proc/self/mountinfo >"$T/mounts-before" # as it was
	polls_because 'the kernel refuses the programs' setpriv --bounding-set -bpf,-perfmon,-sys_admin "$KEDGE" guard start
	type -P python3 >/dev/null || skip "bpf(2) is not tried: there is no python3"
	ok guard stop
	rm "$GUARD_LOG"
	polls_because 'the kernel refuses the programs' "$HELPERS/refuse" bpf "$KEDGE" guard start
}

# A process that gets this number: of what is told to be next.
becomes() { # PID
	local n
	for n in {1..50}; do
		echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
		sleep 1000 3>&- 4>&- &
		if (($! == $1)); then return 0; fi
		kill $!
	done
	return 1
}

@test "a number that is used again is not the process that had it" {
	local pid way
	for way in start_without_bpf "ok guard start"; do
		$way
		start c1 '.annotations["org.kedge.guard.sweep-ms"] = "10"'
		pid=$(pid_of)
		kill -KILL "$pid"
		eventually is_status stopped
		becomes "$pid" || skip "process numbers cannot be chosen here"
		sleep 0.1
		is "$(audit drift)" ""
		ok guard verify c1
		hasnt "$output" "$pid"
		ok delete c1
		kill "$pid" # it was there
		ok guard stop
	done
}

@test "of an audit alone the container lives, and one line a cause is written" {
	policy '{"mode": "audit", "nesting": "strict"}'
	start_without_bpf
	leaver
	leave
	eventually has_audit drift
	sleep 0.3
	is "$(count_audit drift)" 1
	is "$(audit drift .action)" '"logged"'
	is "$(state status)" running
	kedge guard verify c1
	is "$status" 1
	matches "${lines[1]}" 'network [0-9]+ -> [0-9]+'
}

has_members() { (($(wc -l <"$CGROUP/c1/cgroup.procs") == $1)); } # COUNT

@test "with the scope of a process the others live" {
	start_without_bpf
	mkdir "$T/shared"
	sleeper '.process.args = ["sh", "-c", "(until [ -e /mnt/go ]; do sleep 0.05; done; exec unshare -n sleep 1000) & exec sleep 1001"]' \
		'caps(["CAP_SYS_ADMIN"]) | bind($T + "/shared"; "/mnt"; ["rw"])' \
		'.annotations["org.kedge.guard.nesting"] = "strict" | .annotations["org.kedge.guard.sweep-ms"] = "50"'
	policy '{"scope": "process"}'
	ok run --detach --bundle "$BUNDLE" c1
	leave
	eventually has_audit drift
	eventually has_members 1
	sleep 0.2
	is "$(state status)" running
	is "$("$KEDGE" --root "$STATE" ps --format json c1 | jq length)" 1
}

@test "polling lets exec in, and finds a stranger in the cgroup" {
	start_without_bpf
	start c1 '.annotations["org.kedge.guard.sweep-ms"] = "10"'
	local n
	for n in 1 2 3 4 5; do ok exec c1 true; done
	is "$(state status)" running || { cat "$GUARD_LOG"; return 1; }
	ok guard verify c1
	# A process of the host, put into the container's cgroup.
	sleep 1000 3>&- 4>&- &
	echo $! >"$CGROUP/c1/cgroup.procs"
	eventually is_status stopped
	eventually gone $!
	eventually has_audit drift
	has "$(audit drift .reason)" "root directory on a foreign mount"
}

# --- being killed

@test "kill -9 loses nothing: what happens meanwhile is told by the next one" {
	ok guard start
	need_programs
	leaver
	kill -KILL "$(guard_pid)"
	eventually no_guard_runs
	leave
	eventually is_status stopped # the kernel programs go on
	is "$(count_audit drift)" 0
	ok guard start
	eventually has_audit killed
	is "$(audit drift .id | head -n 1)" '"c1"'
	isnt "$(audit drift .hook | head -n 1)" '"poll"'
}

@test "kill -9 loses nothing where it polls either" {
	start_without_bpf
	leaver
	local pid
	pid=$(guard_pid)
	kill -KILL "$pid"
	leave
	eventually runs sleep "$(pid_of)"
	eventually gone "$pid" # one that is dying is still one
	is "$(state status)" running
	start_without_bpf
	eventually is_status stopped
	eventually has_audit drift
}

@test "kill -9 under load: every container that drifts dies and is in the log once" {
	ok guard start
	local n pid
	mkdir "$T/shared"
	for n in 1 2 3 4 5 6; do
		sleeper ".linux.cgroupsPath = \$parent + \"/c$n\"" \
			'.process.args = ["sh", "-c", "until [ -e /mnt/go ]; do sleep 0.05; done; exec unshare -n sleep 1000"]' \
			'caps(["CAP_SYS_ADMIN"]) | bind($T + "/shared"; "/mnt"; ["rw"])' \
			'.annotations["org.kedge.guard.nesting"] = "strict" | .annotations["org.kedge.guard.sweep-ms"] = "50"'
		ok run --detach --bundle "$BUNDLE" "c$n"
	done
	leave
	for n in 1 2 3 4 5; do
		pid=$(guard_pid)
		kill -KILL "$pid"
		eventually gone "$pid" # one that is dying is still one
		"$KEDGE" guard start
	done
	for n in 1 2 3 4 5 6; do
		eventually is_status stopped "c$n" || { echo "c$n lives"; cat "$GUARD_LOG"; return 1; }
	done
	for n in 1 2 3 4 5 6; do
		eventually has_audit drift "select(.id == \"c$n\")" || { cat "$GUARD_LOG"; return 1; }
		# A cause and process: one that is polled for is seen by each guard anew until it is dead.
		! has_programs || is "$(count_audit drift "select(.id == \"c$n\")")" 1 || { cat "$GUARD_LOG"; return 1; }
	done
}

@test "kill -9 between the line and the record: the next guard does not tell it again" {
	ok guard start
	need_programs
	policy '{"mode": "audit", "nesting": "strict"}'
	leaver
	strace -o "$T/trace" -e trace=/rename -e inject=/rename:signal=KILL -p "$(guard_pid)" </dev/null >"$T/strace" 2>&1 3>&- 4>&- &
	eventually grep -q attached "$T/strace"
	traced
	leave
	eventually no_guard_runs
	wait $! || :
	is "$(count_audit drift)" 1
	ok guard start
	eventually has_audit started 'select(.time > "'"$(audit drift .time | tr -d '"')"'")'
	is "$(count_audit drift)" 1
	# And what comes next is told.
	ok exec c1 unshare -u true
	eventually has_audit drift 'select(.drift | index("uts"))'
}

traced() { grep -q '^TracerPid:.[1-9]' "/proc/$(guard_pid)/status"; }

# Of another build, as an update brings it: a name in what the programs know of their own source.
other_build() {
	mkdir "$T/new"
	cp "$(dirname "$KEDGE")"/{kedge,kedge-guard} "$T/new"
	sed 's/label_arrive/label_ARRIVE/g' "$(dirname "$KEDGE")/kedge-guard-load" >"$T/new/kedge-guard-load"
	chmod 755 "$T/new/kedge-guard-load"
	if cmp -s "$T/new/kedge-guard-load" "$(dirname "$KEDGE")/kedge-guard-load"; then skip "the build cannot be told apart"; fi
}

@test "update while containers run: who drifts before, meanwhile or after dies, and the log has it once" {
	ok guard start
	need_programs
	other_build
	local n build line
	build=$("$KEDGE" guard status --json | jq -r .build)
	mkdir "$T/shared"
	for n in 1 2 3 4 5 6; do
		sleeper ".linux.cgroupsPath = \$parent + \"/c$n\"" 'caps(["CAP_SYS_ADMIN"]) | bind($T + "/shared"; "/mnt"; ["rw"])' \
			'.process.args = ["sh", "-c", "until [ -e /mnt/'"$n"' ]; do sleep 0.05; done; exec unshare -n sleep 1000"]' \
			'.annotations["org.kedge.guard.nesting"] = "strict"'
		ok run --detach --bundle "$BUNDLE" "c$n"
	done
	for n in 1 2 3 4 5; do
		touch "$T/shared/$n"
		sleep 0.15
	done 3>&- 4>&- &
	kill -TERM "$(guard_pid)"
	eventually no_guard_runs
	"$T/new/kedge" guard start
	wait $!
	isnt "$("$KEDGE" guard status --json | jq -r .build)" "$build"
	is "$(find "$GUARD_DIR"/bpf/*/ -mindepth 1 -maxdepth 1 -type d | wc -l)" 1
	touch "$T/shared/6"
	for n in 1 2 3 4 5 6; do
		eventually is_status stopped "c$n" || { echo "c$n lives"; cat "$GUARD_LOG"; return 1; }
		eventually has_audit drift "select(.id == \"c$n\")" || { cat "$GUARD_LOG"; return 1; }
		is "$(count_audit drift "select(.id == \"c$n\")")" 1
		is "$(audit drift "select(.id == \"c$n\") | .hook != \"poll\"")" true
	done
}

has_more() { (($(count_audit "$2") > $1)); } # COUNT TYPE
lost_more() { (($("$KEDGE" guard status --json | jq .events.recordsLost) > $1)); } # COUNT

@test "a ring that overflows loses records, which is told, but no kill" {
	ok guard start
	need_programs
	local pid
	pid=$(guard_pid)
	policy '{"nesting": "strict"}'
	# Its init sleeps, and has no event by which it could die itself.
	mkdir "$T/shared"
	sleeper 'caps(["CAP_SYS_ADMIN"]) | bind($T + "/shared"; "/mnt"; ["rw"])' '.process.args = ["sh", "-c",
		"(until [ -e /mnt/go ]; do sleep 0.1; done; unshare -n true) & exec sleep 1000"]'
	ok run --detach --bundle "$BUNDLE" c1
	policy '{"mode": "audit", "nesting": "strict"}'
	sleeper '.linux.cgroupsPath = $parent + "/c2"' 'caps(["CAP_SYS_ADMIN"])' \
		'.process.args = ["sh", "-c", "i=0; while [ $i -lt 500 ]; do unshare -u true; i=$((i + 1)); done; echo done"]'
	kill -STOP "$pid"
	ok run --bundle "$BUNDLE" c2
	is "$output" "done"
	leave
	eventually has_members 1 # who drifted is dead
	kill -CONT "$pid"
	eventually has_audit drift
	eventually has_audit records-lost # it looks every ten seconds
	eventually is_status stopped
	eventually has_more 300 drift
	(($(count_audit drift) < 500))
	eventually lost_more 50
	is "$(audit drift 'select(.id == "c1")')" ""
	# Those that come later are there again.
	ok delete --force c1
	policy '{}'
	leaver
	leave
	eventually is_status stopped
	eventually has_audit drift 'select(.id == "c1")'
}

@test "a link that was taken away is noticed and made anew" {
	ok guard start
	need_programs
	local link
	link=$(find "$GUARD_DIR/bpf" -mindepth 3 -type f -name fork)
	rm "$link"
	eventually has_audit link-lost # it looks every ten seconds
	is "$(audit link-lost .text)" '"fork"'
	eventually has_audit reloaded
	test -e "$link"
	leaver
	leave
	eventually is_status stopped
	eventually has_audit killed
}

# --- the log

@test "events --follow goes on, over a rotation too" {
	ok guard start
	background follow guard events --follow --json
	eventually has_lines 1 "$T/follow"
	mv "$GUARD_LOG" "$GUARD_LOG.1"
	start c1
	eventually grep -q '"type":"armed"' "$T/follow"
	is "$(cat "$T/follow")" "$(cat "$GUARD_LOG.1" "$GUARD_LOG")"
	kill "${jobs[@]}"
	wait "${jobs[@]}" || :
	rm "$GUARD_LOG.1"
}

@test "where the policy says, and a policy that is wrong" {
	policy "{\"log\": \"$T/elsewhere.jsonl\"}"
	ok guard start
	[ -s "$T/elsewhere.jsonl" ]
	ok guard stop
	policy '{"log": 1}'
	fails 1 "/etc/kedge/policy.json" guard start
	no_guard_runs
}

# --- what lies beside its maps

device_program() { bpftool cgroup show "$CGROUP/$1" --json | jq '.[0].id'; }

@test "containers of equal device rules share a program, whatever is at its name" {
	type -P bpftool >/dev/null || skip "bpftool is not installed"
	ok guard start
	need_programs
	rm -rf "$GUARD_DIR"/bpf/devices
	start c1
	start c2
	start c3 '.linux.resources.devices = [{allow: true, type: "c", major: 1, minor: 11, access: "r"}]'
	is "$(device_program c2)" "$(device_program c1)"
	isnt "$(device_program c3)" "$(device_program c1)"
	ok delete --force c1
	ok delete --force c2
	# Programs of other rules in all places: none is taken for what it is not.
	for name in "$GUARD_DIR"/bpf/devices/*; do
		rm "$name"
		bpftool prog pin id "$(device_program c3)" "$name"
	done
	start c4
	isnt "$(device_program c4)" "$(device_program c3)"
	rm -r "$GUARD_DIR"/bpf/devices
}
