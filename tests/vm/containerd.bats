#!/usr/bin/env bats
# containerd and its shim with the runtime under test: what Kubernetes and
# Docker do with it.
# shellcheck disable=SC2016,SC2153,SC2317 # what is quoted is for the containers' shells

bats_require_minimum_version 1.5.0
load helpers

IMAGE=vm/busybox:1
NS=vm

setup_file() {
	systemctl start containerd
	command podman import -q "$IMAGES/busybox.tar" "localhost/$IMAGE"
	command podman save -q --format oci-archive -o "$BATS_FILE_TMPDIR/image.tar" "localhost/$IMAGE"
	ctr -n "$NS" image import --base-name vm/busybox --index-name "$IMAGE" "$BATS_FILE_TMPDIR/image.tar"
}

teardown_file() { systemctl stop containerd; }

# One name per test: a failed test must not make the next one fail.
setup() { ID=t$BATS_TEST_NUMBER; }

teardown() {
	last_output
	if [[ ${watcher:-} ]]; then
		kill "$watcher"
		cat "$BATS_TEST_TMPDIR/events"
	fi
	ct task kill -a -s KILL "$ID" >/dev/null 2>&1
	eventually 10 stopped >/dev/null 2>&1
	ct task delete -f "$ID" >/dev/null 2>&1
	ct container delete "$ID" >/dev/null 2>&1
	true
}

ct() { timeout --foreground -k 5 120 ctr -n "$NS" "$@" 3>&-; }

# ct_run [OPTION]... -- COMMAND...: to the end, and removed.
ct_run() {
	local options words
	split_options "$@"
	run ct run --rm --runc-binary "$RUNTIME" "${options[@]}" "$IMAGE" "$ID" "${words[@]}"
}

started() {
	local options words
	split_options "$@"
	ct run -d --runc-binary "$RUNTIME" "${options[@]}" "$IMAGE" "$ID" "${words[@]}" </dev/null \
		>"$BATS_TEST_TMPDIR/log" 2>&1 || { cat "$BATS_TEST_TMPDIR/log"; return 1; }
}

task_status() { ct task ls | awk -v id="$ID" '$1 == id {print $3}'; }
task_pid() { ct task ls | awk -v id="$ID" '$1 == id {print $2}'; }
task_cgroup() { echo "$CGROUP$(cut -d: -f3 "/proc/$(task_pid)/cgroup")"; }
running() { [[ $(task_status) == RUNNING ]]; }
# watch_events, saw TEXT: what containerd tells of this test's container, from now on. A client that has just been started may not be
# listening yet: it is when it has told of something that is there to be told.
watch_events() {
	ctr -n "$NS" events >"$BATS_TEST_TMPDIR/events" 2>&1 3>&- &
	watcher=$!
	eventually 20 is_listening
}
is_listening() {
	ctr namespaces label "$NS" "listening=$ID"
	sleep 0.1
	saw "/namespaces/update"
}
saw() { grep -q "$1" "$BATS_TEST_TMPDIR/events"; }
stopped() { [[ $(task_status) != RUNNING ]]; }

# on_terminal COMMAND...: the client needs one for -t.
on_terminal() { timeout --foreground -k 5 120 script -qec "stty rows 30 cols 100; $(printf '%q ' ctr -n "$NS" "$@")" /dev/null </dev/null 3>&-; }

@test "the fragment for containerd gives the CRI plug-in a runtime kedge" {
	local conf=$BATS_TEST_TMPDIR/config.toml version name
	[[ $(runtime_name) == kedge ]] || skip "$(runtime_name) has no such file"
	containerd config default >"$conf"
	version=$(sed -n 's/^version = //p' "$conf")
	cat "${RUNTIME%/bin/*}/engines/containerd-v$version.toml" >>"$conf"
	containerd --config "$conf" config dump >"$BATS_TEST_TMPDIR/dump"
	name=$(grep -A 20 'containerd.runtimes.kedge.options\]' "$BATS_TEST_TMPDIR/dump" | grep -m 1 BinaryName)
	[[ $name == *'= "/usr/local/bin/kedge"' || $name == *"= '/usr/local/bin/kedge'" ]]
}

@test "the shim runs the runtime under test" {
	started -- sleep 1000
	run ct container info "$ID"
	[ "$status" -eq 0 ]
	grep -q "$RUNTIME" <(ct container info "$ID" | jq -r '.Runtime.Options.value // .Runtime.Options | tostring' |
		{ read -r o; echo "$o"; base64 -d <<<"$o" 2>/dev/null || :; })
	[ -e "/run/containerd/runc/$NS/$ID" ]
}

@test "run: output and status" {
	ct_run -- sh -c 'echo out; echo err >&2; exit 3'
	[ "$status" -eq 3 ]
	[[ $output == *out* && $output == *err* ]]
}

@test "run: a Debian system from its folder" {
	run ct run --rm --runc-binary "$RUNTIME" --rootfs "$IMAGES/debian" "$ID" /bin/cat /etc/os-release
	[ "$status" -eq 0 ]
	[[ $output == *"Debian GNU/Linux 12"* ]]
}

@test "run: a program that does not exist is an error with its name" {
	ct_run -- /no/such/program
	[ "$status" -ne 0 ]
	[[ $output == *"OCI runtime create failed"* ]]
	[[ $output == */no/such/program* ]]
	[[ $output != *"unable to retrieve OCI runtime error"* ]]
	[ -z "$(task_status)" ]
}

@test "run: a program that is none is 'permission denied'" {
	ct_run -- /etc/passwd
	[ "$status" -ne 0 ]
	[[ ${output,,} == *"permission denied"* ]]
}

@test "run: status 137 of a killed program" {
	started -- sleep 1000
	ct task kill -s KILL "$ID"
	eventually 10 stopped
	run ct task delete "$ID"
	[[ $output == *"exit code 137"* ]]
}

# The client loses an end of input that comes before the start, which is over when containerd tells of it.
input_after() {
	eventually 40 saw "/tasks/$1 .*$ID" && echo hello
}

@test "run --log-uri: what it prints is in the file" {
	started --log-uri "file://$BATS_TEST_TMPDIR/printed" -- sh -c 'echo out; echo err >&2'
	eventually 20 grep -q out "$BATS_TEST_TMPDIR/printed"
	eventually 20 grep -q err "$BATS_TEST_TMPDIR/printed"
}

@test "run: standard input" {
	fed() { input_after start | ct run --rm --runc-binary "$RUNTIME" "$IMAGE" "$ID" cat; }
	watch_events
	run fed
	[ "$status" -eq 0 ]
	[ "$output" = hello ]
}

@test "run -t: a terminal with the size of the client's" {
	run on_terminal run --rm -t --runc-binary "$RUNTIME" "$IMAGE" "$ID" \
		sh -c 'tty; for i in $(seq 300); do [ "$(stty size)" = "30 100" ] && break; sleep 0.1; done; stty size; exit 4'
	[ "$status" -eq 4 ]
	[[ $output == */dev/pts/0* ]]
	[[ $output == *"30 100"* ]]
}

@test "run --user, --cwd, --env, --read-only" {
	ct_run --user 1000:2000 --cwd /tmp --env WORD=hello --read-only -- \
		sh -c 'echo $(id -u):$(id -g) $PWD $WORD; echo x >/tmp/file'
	[ "$status" -ne 0 ]
	[[ $output == *"1000:2000 /tmp hello"* ]]
	[[ $output == *Read-only* ]]
}

@test "run --mount: a folder of the host" {
	echo text >"$BATS_TEST_TMPDIR/file"
	ct_run --mount "type=bind,src=$BATS_TEST_TMPDIR,dst=/mnt,options=rbind:ro" -- \
		sh -c 'cat /mnt/file; echo no >/mnt/file'
	[ "$status" -ne 0 ]
	[[ $output == *text* && $output == *Read-only* ]]
}

@test "run --memory-limit, --cpus: are the container's" {
	started --memory-limit 67108864 --cpus 0.5 -- sleep 1000
	[ "$(<"$(task_cgroup)/memory.max")" = 67108864 ]
	[ "$(<"$(task_cgroup)/cpu.max")" = "50000 100000" ]
}

@test "run: over the memory limit is status 137 and an OOM event" {
	swapoff -a
	watch_events
	# The shim does not tell of what was before it looked, nor of what it has not read when the cgroup is empty.
	started --memory-limit 33554432 -- sh -c 'until [ -e /seen ]; do tail /dev/zero; done; exec tail /dev/zero'
	eventually 20 saw "/tasks/oom .*$ID"
	: >"/proc/$(task_pid)/root/seen"
	eventually 20 stopped
	run ct task delete "$ID"
	[[ $output == *"exit code 137"* ]]
}

@test "run --seccomp: the default profile is on" {
	ct_run --seccomp -- grep Seccomp: /proc/self/status
	[ "$status" -eq 0 ]
	[ "$output" = $'Seccomp:\t2' ]
	ct_run -- grep Seccomp: /proc/self/status
	[ "$output" = $'Seccomp:\t0' ]
}

@test "run --cap-drop, --cap-add" {
	ct_run --cap-drop CAP_CHOWN --cap-add CAP_SYS_TIME -- grep CapEff /proc/self/status
	[ "$status" -eq 0 ]
	(((0x${output##*$'\t'} & 1) == 0))
	(((0x${output##*$'\t'} & (1 << 25)) != 0))
}

@test "run --privileged: sees all devices" {
	ct_run --privileged -- sh -c 'grep CapEff /proc/self/status; ls -l /dev/loop-control'
	[ "$status" -eq 0 ]
	[[ $output == *loop-control* ]]
}

@test "run --uidmap: a user namespace" {
	ct_run --uidmap 0:100000:65536 --gidmap 0:100000:65536 -- \
		sh -c 'read -r a b c </proc/self/uid_map; echo $a $b $c; id -u'
	[ "$status" -eq 0 ]
	[ "$output" = $'0 100000 65536\n0' ]
}

@test "run with systemd's cgroups: the scope has the limits" {
	started --runc-systemd-cgroup --cgroup "system.slice:vm:$ID" --memory-limit 67108864 -- sleep 1000
	# crun puts a cgroup of its own into the scope.
	[[ $(task_cgroup) == "$CGROUP/system.slice/vm-$ID.scope"* ]]
	[ "$(systemctl show --value -p MemoryMax "vm-$ID.scope")" = 67108864 ]
	ct task kill -s KILL "$ID"
	eventually 10 stopped
	ct task delete "$ID" || :
	eventually 10 test ! -e "$CGROUP/system.slice/vm-$ID.scope"
}

@test "task ls, task ps: what runs" {
	started -- sh -c 'sleep 900 & exec sleep 1000'
	running
	eventually 10 eval '(($(ct task ps "$ID" | tail -n +2 | wc -l) == 2))'
	ct task ps "$ID" | awk '{print $1}' | grep -qx "$(task_pid)"
}

@test "task exec: output and status" {
	started -- sleep 1000
	run ct task exec --exec-id e1 "$ID" sh -c 'echo inside $PWD; exit 9'
	[ "$status" -eq 9 ]
	[ "$output" = "inside /" ]
}

@test "task exec: user, folder" {
	started -- sleep 1000
	run ct task exec --exec-id e1 --user 1000 --cwd /tmp "$ID" sh -c 'id -u; pwd'
	[ "$status" -eq 0 ]
	[ "$output" = $'1000\n/tmp' ]
}

@test "task exec: a program that does not exist is an error with its name" {
	started -- sleep 1000
	run ct task exec --exec-id e1 "$ID" nosuchprogram
	[ "$status" -ne 0 ]
	[[ $output == *"OCI runtime exec failed"* ]]
	[[ $output == *nosuchprogram* ]]
	[[ $output != *"unable to retrieve OCI runtime error"* ]]
	running
}

@test "task exec -t: a terminal" {
	started -- sleep 1000
	run on_terminal task exec -t --exec-id e1 "$ID" sh -c 'tty; exit 6'
	[ "$status" -eq 6 ]
	[[ $output == */dev/pts/* ]]
}

@test "task exec: standard input" {
	fed() { input_after exec-started | ct task exec --exec-id e1 "$ID" cat; }
	watch_events
	started -- sleep 1000
	run fed
	[ "$status" -eq 0 ]
	[ "$output" = hello ]
}

@test "task exec: megabytes through it, more than the container may have" {
	started --memory-limit 67108864 -- sleep 1000
	run bash -c "ctr -n $NS task exec --exec-id e1 $ID dd if=/dev/zero bs=1M count=${MEGABYTES:-64} 2>/dev/null | wc -c"
	[ "$output" = $((${MEGABYTES:-64} << 20)) ]
	running
}

@test "task exec: its process is in the container's cgroup" {
	started -- sleep 1000
	run ct task exec --exec-id e1 "$ID" cat /proc/self/cgroup
	[ "$output" = "$(<"/proc/$(task_pid)/cgroup")" ]
}

@test "task kill: a signal arrives" {
	started -- sh -c 'trap "exit 42" USR1; touch /ready; while :; do sleep 0.1; done'
	eventually 20 test -e "/proc/$(task_pid)/root/ready"
	ct task kill -s USR1 "$ID"
	eventually 20 stopped
	run ct task delete "$ID"
	[[ $output == *"exit code 42"* ]]
}

@test "task kill: of a task that has ended says that there is none" {
	started -- true
	eventually 20 stopped
	run ct task kill "$ID"
	[ "$status" -ne 0 ]
	[[ $output == *"not found"* || $output == *"already finished"* ]]
}

@test "task kill -a: without a pid namespace all end" {
	local path
	started --with-ns pid:/proc/1/ns/pid -- sh -c 'sleep 900 & sleep 900 & wait'
	path=$(task_cgroup)
	eventually 10 eval "((\$(wc -l <$path/cgroup.procs) == 3))"
	ct task kill -a -s KILL "$ID"
	eventually 20 stopped
	eventually 10 nobody_in "$path"
}

@test "task pause, resume" {
	started -- sh -c 'while :; do :; done'
	ct task pause "$ID"
	[ "$(task_status)" = PAUSED ]
	run ct task exec --exec-id e1 "$ID" true
	[ "$status" -ne 0 ]
	ct task resume "$ID"
	running
	run ct task exec --exec-id e2 "$ID" true
	[ "$status" -eq 0 ]
}

@test "task metrics: of the container's own cgroup" {
	started --memory-limit 67108864 -- sleep 1000
	run ct task metrics --format json "$ID"
	[ "$status" -eq 0 ]
	jq -e '(.pids.current == 1) and (.memory.usage > 0) and (.memory.usage_limit == 67108864)' <<<"$output"
}

@test "task delete: of a running task is refused, --force takes it" {
	started -- sleep 1000
	run ct task delete "$ID"
	[ "$status" -ne 0 ]
	running
	local pid path
	pid=$(task_pid)
	path=$(task_cgroup)
	run ct task delete --force "$ID"
	eventually 10 no_process "$pid"
	[ -z "$(task_status)" ]
	eventually 10 test ! -e "/run/containerd/runc/$NS/$ID"
	eventually 10 test ! -e "$path"
}

@test "events: from create to exit" {
	local topic
	watch_events
	started -- sleep 1000
	ct task exec --exec-id e1 "$ID" true
	ct task pause "$ID"
	ct task resume "$ID"
	ct task kill -s KILL "$ID"
	eventually 20 stopped
	for topic in create start exec-added exec-started paused resumed exit; do
		eventually 20 saw "/tasks/$topic .*$ID"
	done
	# What tells of this is the shim, which ends with it, now and then before it has told.
	run ct task delete "$ID"
	[[ $output == *"exit code 137"* ]]
}

@test "a shim that is killed leaves nothing once containerd has noticed" {
	local pid shim
	started -- sleep 1000
	pid=$(task_pid)
	shim=$(awk '{print $4}' "/proc/$pid/stat")
	kill -KILL "$shim"
	eventually 20 no_process "$pid"
	eventually 20 test ! -e "/run/containerd/runc/$NS/$ID"
}

@test "containers outlive a restart of containerd" {
	local pid
	started -- sleep 1000
	pid=$(task_pid)
	systemctl restart containerd
	eventually 20 running
	[ "$(task_pid)" = "$pid" ]
	run ct task exec --exec-id e1 "$ID" echo still here
	[ "$output" = "still here" ]
}

@test "restart policy: started again until it was enough" {
	only_full
	started --label containerd.io/restart.status=running --label containerd.io/restart.policy=on-failure:2 \
		--mount "type=bind,src=$BATS_TEST_TMPDIR,dst=/mnt,options=rbind:rw" -- sh -c 'echo again >>/mnt/count; exit 1'
	three() { [[ $(wc -l <"$BATS_TEST_TMPDIR/count") == 3 ]]; }
	eventually 60 three
	eventually 60 stopped
	three
}

@test "everything killed and /run lost, as by a reboot: the container is there, and can be started again" {
	local pid path
	started -- sleep 1000
	pid=$(task_pid)
	path=$(task_cgroup)
	systemctl stop containerd
	end_all containerd-shim
	end_cgroup "$path"
	eventually 10 no_process "$pid"
	eventually 10 rmdir "$path"
	lose /run/containerd
	systemctl start containerd
	ct container ls -q | grep -qx "$ID"
	ct task start -d "$ID" </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1
	eventually 10 running
	run ct task exec --exec-id e1 "$ID" echo runs
	[ "$output" = runs ]
}

@test "many containers at once" {
	local i n=${CONTAINERS:-10} pids=()
	for ((i = 1; i <= n; i++)); do
		timeout --foreground -k 5 600 ctr -n "$NS" run --rm --runc-binary "$RUNTIME" "$IMAGE" "$ID-$i" sh -c "exit $i" \
			</dev/null >"$BATS_TEST_TMPDIR/$i" 2>&1 3>&- &
		pids+=($!)
	done
	for ((i = 1; i <= n; i++)); do
		status=0
		wait "${pids[i - 1]}" || status=$?
		echo "container $i: status $status, $(<"$BATS_TEST_TMPDIR/$i")"
		[ "$status" -eq "$i" ]
	done
}
