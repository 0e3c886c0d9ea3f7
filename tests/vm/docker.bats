#!/usr/bin/env bats
# Docker with the runtime under test as the default one and by name. Without
# networks: a bridge needs nf_tables for IPv4, which the bed's kernel has not.
# shellcheck disable=SC2016,SC2153,SC2317 # what is quoted is for the containers' shells

bats_require_minimum_version 1.5.0
load helpers

IMAGE=vm/busybox:1

# What a person writes into daemon.json, and what this bed cannot do.
daemon_settings() { # JQ-FILTER
	mkdir -p /etc/docker
	jq -n --arg path "$RUNTIME" '{
		"default-runtime": "tested",
		"runtimes": {"tested": {"path": $path}},
		"bridge": "none", "iptables": false, "ip6tables": false, "ip-forward": false
	} | '"${1:-.}" >/etc/docker/daemon.json
	systemctl reset-failed docker 2>/dev/null || :
	systemctl restart docker
}

setup_file() {
	sysctl -q net.ipv4.ip_forward=1 # or each container warns
	daemon_settings || { journalctl -u docker --no-pager | tail -n 30; return 1; }
	command docker import -c 'CMD ["sh"]' "$IMAGES/busybox.tar" "$IMAGE" >/dev/null
}

teardown_file() { systemctl stop docker.socket docker containerd; }

# One name per test: what a failed one leaves must not fail the next.
setup() { NAME=vm$BATS_TEST_NUMBER; }

teardown() {
	last_output
	dk ps -aq | xargs -r docker rm -f >/dev/null 2>&1
	dk volume prune -af >/dev/null 2>&1
	true
}

dk() { timeout --foreground -k 5 120 docker "$@" 3>&-; }

typed() { timeout --foreground -k 5 120 script -qec "docker $(printf '%q ' "$@")" /dev/null </dev/null 3>&-; }

# dk_run [OPTION]... -- COMMAND...: to the end, and removed.
dk_run() {
	local options words
	split_options "$@"
	run dk run --rm "${options[@]}" "$IMAGE" "${words[@]}"
}

# started [OPTION]... -- COMMAND...: in the background, called $NAME.
started() {
	local options words
	split_options "$@"
	dk run -d --name "$NAME" "${options[@]}" "$IMAGE" "${words[@]}" >/dev/null
}

inspect() { dk inspect --format "{{$1}}" "$NAME"; }
inspect_is() { [[ $(inspect "$1") == "$2" ]]; }
logs_have() { dk logs "$NAME" 2>&1 | grep -e "$1" >/dev/null; }
logs_are() { [[ $(dk logs "$NAME") == "$1" ]]; }
in_cgroup() { dk exec "$NAME" sh -c "cd /sys/fs/cgroup; cat $*"; }

@test "docker uses the runtime under test" {
	run dk info --format '{{.DefaultRuntime}} {{(index .Runtimes "tested").Path}} {{.CgroupDriver}}'
	[ "$output" = "tested $RUNTIME systemd" ]
	started -- sleep 1000
	[ "$(inspect .HostConfig.Runtime)" = tested ]
}

@test "docker reads the runtime's features without a warning" {
	run journalctl -u docker --no-pager --boot
	[[ $output != *"Failed to determine runtime"* && $output != *"does not support"* ]]
}

@test "run --runtime: by the shim's name of it" {
	dk_run --runtime tested -- echo hello
	[ "$output" = hello ]
	run -125 dk run --rm --runtime nosuch "$IMAGE" true
	[[ $output == *nosuch* ]]
}

@test "run: output and status" {
	dk_run -- sh -c 'echo out; echo err >&2; exit 3'
	[ "$status" -eq 3 ]
	[[ $output == *out* && $output == *err* ]]
}

@test "run: status 127 where there is no such program" {
	run -127 dk run --rm "$IMAGE" /no/such/program
	[[ $output == *"no such file or directory"* ]]
}

@test "run: status 126 where the program is none" {
	run -126 dk run --rm "$IMAGE" /etc/passwd
	[[ ${output,,} == *"permission denied"* ]]
}

@test "run -i: standard input" {
	run dk run --rm -i "$IMAGE" cat <<<hello
	[ "$output" = hello ]
}

@test "run -it: a terminal with its size, and the program's status" {
	run typed run --rm -it "$IMAGE" sh -c 'tty; test -t 0 && test -t 1 && echo both; exit 5'
	[ "$status" -eq 5 ]
	[[ $output == */dev/pts/0* && $output == *both* ]]
}

@test "run -d, logs, wait" {
	started -- sh -c 'echo first; sleep 1; echo second; exit 7'
	[ "$(dk wait "$NAME")" = 7 ]
	eventually 10 logs_are $'first\nsecond'
	[ "$(inspect .State.ExitCode)" = 7 ]
}

@test "stop: the program is asked to end" {
	started -- sh -c 'trap "echo bye; exit 42" TERM; echo up; while :; do sleep 0.1; done'
	eventually 20 logs_have up
	dk stop -t 20 "$NAME"
	[ "$(inspect .State.ExitCode)" = 42 ]
	eventually 10 logs_have bye
}

@test "stop: who does not listen is killed" {
	started -- sh -c 'trap "" TERM; echo up; while :; do sleep 0.1; done'
	eventually 20 logs_have up
	dk stop -t 1 "$NAME"
	[ "$(inspect .State.ExitCode)" = 137 ]
}

@test "kill: a signal arrives" {
	started -- sh -c 'trap "echo got usr1" USR1; echo up; while :; do sleep 0.1; done'
	eventually 20 logs_have up
	dk kill -s USR1 "$NAME"
	eventually 20 logs_have 'got usr1'
	dk kill "$NAME"
	dk wait "$NAME"
	[ "$(inspect .State.ExitCode)" = 137 ]
}

@test "create, start -a, start again, restart" {
	dk create --name "$NAME" "$IMAGE" sh -c 'echo run >>/count; wc -l </count' >/dev/null
	run dk start -a "$NAME"
	[ "$output" = 1 ]
	run dk start -a "$NAME"
	[ "$output" = 2 ]
	dk restart "$NAME"
	dk wait "$NAME"
	run dk start -a "$NAME"
	[ "$output" = 4 ]
}

@test "restart policy: started again until it was enough" {
	started --restart on-failure:2 -- sh -c 'echo again >>/count; exit 1'
	eventually 60 inspect_is .RestartCount 2
	eventually 20 inspect_is .State.Status exited
	[ "$(inspect .State.ExitCode)" = 1 ]
	run bash -c "docker cp $NAME:/count - | tar -xOf - | wc -l"
	[ "$output" = 3 ]
}

@test "exec: output, status, user, folder, environment" {
	started -- sleep 1000
	run dk exec -u 1000:2000 -w /tmp -e WORD=hello "$NAME" \
		sh -c 'echo $(id -u):$(id -g) $PWD $WORD; exit 9'
	[ "$status" -eq 9 ]
	[ "$output" = "1000:2000 /tmp hello" ]
}

@test "exec: status 127 and the reason where there is no such program" {
	started -- sleep 1000
	run -127 dk exec "$NAME" nosuchprogram
	[[ $output == *nosuchprogram* ]]
}

@test "exec: status 126 where the program is none" {
	started -- sleep 1000
	run -126 dk exec "$NAME" /etc/passwd
	[[ ${output,,} == *"permission denied"* ]]
}

@test "exec -it: a terminal of its own" {
	started -- sleep 1000
	run typed exec -it "$NAME" sh -c 'tty; exit 6'
	[ "$status" -eq 6 ]
	[[ $output == */dev/pts/0* ]]
}

@test "exec -d, several at once, top" {
	local i pids=()
	started -- sleep 1000
	dk exec -d "$NAME" sleep 500
	for i in 1 2 3; do
		dk exec "$NAME" sh -c "sleep 1; echo $i >/done-$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	run dk exec "$NAME" sh -c 'cat /done-*'
	[ "$output" = $'1\n2\n3' ]
	run dk top "$NAME"
	[[ $output == *"sleep 1000"*"sleep 500"* ]]
}

@test "exec: megabytes through it, more than the container may have" {
	started -m 64m -- sleep 1000
	run bash -c "docker exec $NAME sh -c 'dd if=/dev/zero bs=1M count=${MEGABYTES:-128} 2>/dev/null' | wc -c"
	[ "$output" = $((${MEGABYTES:-128} << 20)) ]
	[ "$(inspect .State.Running)" = true ]
}

@test "pause: nothing runs, unpause: it goes on" {
	started -- sh -c 'while :; do date +%s%N >/now; done'
	dk pause "$NAME"
	[ "$(inspect .State.Status)" = paused ]
	run ! dk exec "$NAME" true
	dk unpause "$NAME"
	[ "$(inspect .State.Status)" = running ]
	dk exec "$NAME" true
}

@test "stats: memory and processes" {
	used() { [[ $(dk stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' "$NAME") == [23]" "*"/ 64MiB" ]]; }
	started -m 64m -- sh -c 'sleep 1000 & sleep 1000'
	eventually 20 used
}

@test "limits: are what the container sees" {
	dk_run -m 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --pids-limit 50 -- \
		sh -c 'cd /sys/fs/cgroup; cat memory.max memory.swap.max memory.low cpu.max pids.max'
	[ "$status" -eq 0 ]
	[[ $output == *$'67108864\n33554432\n33554432\n50000 100000\n50' ]]
}

@test "update: new limits of a running container" {
	needs_command update
	started -m 64m --memory-swap 64m -- sleep 1000
	dk update -m 96m --memory-swap 96m --cpus 0.25 --pids-limit 40 "$NAME"
	run in_cgroup memory.max cpu.max pids.max
	[ "$output" = $'100663296\n25000 100000\n40' ]
	systemctl daemon-reload
	run in_cgroup memory.max cpu.max pids.max
	[ "$output" = $'100663296\n25000 100000\n40' ]
}

@test "over the memory: killed, and the state says so" {
	# The shim does not tell of what was before it looked, nor of what it has not read when the cgroup is empty.
	started -m 32m --memory-swap 32m -- sh -c 'until [ -e /seen ]; do tail /dev/zero; s=$?; done; exit $s'
	eventually 30 inspect_is .State.OOMKilled true
	: >"/proc/$(inspect .State.Pid)/root/seen"
	[ "$(dk wait "$NAME")" = 137 ]
	[ "$(inspect .State.OOMKilled)" = true ]
}

@test "healthcheck: unhealthy, then healthy" {
	started --health-cmd 'test -e /healthy' --health-interval 1s --health-retries 1 -- sleep 1000
	eventually 30 inspect_is .State.Health.Status unhealthy
	dk exec "$NAME" touch /healthy
	eventually 30 inspect_is .State.Health.Status healthy
}

@test "rm -f: leaves no cgroup, no mount and no process" {
	local id pid
	started -- sleep 1000
	id=$(inspect .Id)
	pid=$(inspect .State.Pid)
	[ -d "/proc/$pid" ]
	dk rm -f "$NAME"
	eventually 10 no_process "$pid"
	eventually 10 no_cgroup "$id"
	run ! grep -q "$id" /proc/self/mountinfo
	[ ! -e "/run/docker/runtime-runc/moby/$id" ]
}

@test "volumes: a folder of the host, read-only, a named one, tmpfs" {
	mkdir -p "$BATS_TEST_TMPDIR/v"
	dk_run -v "$BATS_TEST_TMPDIR/v:/v" -v named:/data -- sh -c 'echo text >/v/file; echo kept >/data/file'
	[ "$(<"$BATS_TEST_TMPDIR/v/file")" = text ]
	dk_run -v "$BATS_TEST_TMPDIR/v:/v:ro" -v named:/data --tmpfs /t:size=1m,mode=1770 -- \
		sh -c 'exec 2>&1; cat /v/file /data/file; stat -c %a /t; echo no >/v/file'
	[ "$status" -ne 0 ]
	[[ $output == $'text\nkept\n1770\n'*Read-only* ]]
}

@test "--read-only, --hostname, --user, --cap-drop, --security-opt, --ulimit, --sysctl" {
	dk_run --read-only --hostname box --user 1000 --cap-drop all --cap-add net_raw --security-opt no-new-privileges \
		--ulimit nofile=1234:2345 --sysctl kernel.msgmax=4321 -- sh -c 'hostname; id -u; ulimit -Sn; ulimit -Hn
		cat /proc/sys/kernel/msgmax; grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/self/status; touch /file 2>&1'
	[ "$status" -ne 0 ]
	[[ $output == $'box\n1000\n1234\n2345\n4321\nCapBnd:\t0000000000002000\nNoNewPrivs:\t1\nSeccomp:\t2\n'*Read-only* ]]
}

@test "--privileged: all capabilities, no filter, all devices" {
	dk_run --privileged -- sh -c 'grep Seccomp: /proc/self/status; mount -t tmpfs none /mnt && echo mounted; ls /dev/loop-control'
	[ "$status" -eq 0 ]
	[[ $output == *0*mounted* ]]
}

@test "--device: is there, and may be used" {
	dk_run --device /dev/fuse:/dev/fused:r -- sh -c '</dev/fused && echo opened; >/dev/fused'
	[ "$status" -ne 0 ]
	[[ $output == *opened* && $output == *"not permitted"* ]]
}

@test "--pid, --ipc, --network: another container's, and the host's" {
	started --ipc shareable -- sleep 1000
	run dk run --rm --pid "container:$NAME" --ipc "container:$NAME" --network "container:$NAME" \
		"$IMAGE" sh -c 'cat /proc/1/comm; readlink /proc/self/ns/net; readlink /proc/self/ns/ipc'
	[ "${lines[0]}" = sleep ]
	[ "${lines[1]}" = "$(readlink "/proc/$(inspect .State.Pid)/ns/net")" ]
	[ "${lines[2]}" = "$(readlink "/proc/$(inspect .State.Pid)/ns/ipc")" ]
	dk_run --pid host --network host --uts host --cgroupns host -- \
		sh -c 'for n in pid net uts cgroup; do readlink /proc/self/ns/$n; done'
	[ "$output" = "$(for n in pid net uts cgroup; do readlink "/proc/self/ns/$n"; done)" ]
}

@test "--init: a small init reaps" {
	started --init -- sh -c 'sleep 1000'
	run dk exec "$NAME" cat /proc/1/comm
	[[ $output == *init* ]]
}

@test "many containers at once" {
	local i n=${CONTAINERS:-10} pids=()
	for ((i = 0; i < n; i++)); do
		timeout --foreground -k 5 600 docker run -d "$IMAGE" sleep 1000 >/dev/null 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	[ "$(dk ps -q | wc -l)" -eq "$n" ]
	dk ps -q | xargs docker kill >/dev/null
	eventually 60 sh -c '[ -z "$(docker ps -q)" ]'
}

@test "docker restarted: containers run on, and are still its own" {
	local pid
	daemon_settings '."live-restore" = true'
	started -- sh -c 'trap "exit 4" TERM; echo up; while :; do sleep 0.1; done'
	eventually 20 logs_have up
	pid=$(inspect .State.Pid)
	systemctl restart docker
	[ -d "/proc/$pid" ]
	eventually 20 inspect_is .State.Pid "$pid"
	run dk exec "$NAME" echo still here
	[ "$output" = "still here" ]
	dk stop -t 20 "$NAME"
	[ "$(inspect .State.ExitCode)" = 4 ]
	daemon_settings
}

@test "docker killed with everything: the container can be started again" {
	local id pid
	daemon_settings '."live-restore" = true'
	started -- sleep 1000
	id=$(inspect .Id)
	pid=$(inspect .State.Pid)
	systemctl kill -s KILL docker
	systemctl stop docker.socket docker
	# Like after a reboot: no process, no unit, nothing in /run.
	systemctl stop containerd
	end_all containerd-shim
	end_cgroup "$CGROUP/system.slice/docker-$id.scope"
	eventually 10 no_process "$pid"
	eventually 10 no_cgroup "$id"
	lose /run/docker /run/containerd
	daemon_settings
	eventually 20 inspect_is .State.Status exited
	dk start "$NAME"
	[ "$(inspect .State.Status)" = running ]
}
