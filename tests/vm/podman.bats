#!/usr/bin/env bats
# Podman with the runtime under test, the way people use it. Without networks:
# a bridge needs nf_tables for IPv4, which is in network.bats.
# shellcheck disable=SC2016,SC2153,SC2317 # what is quoted is for the containers' shells

bats_require_minimum_version 1.5.0
load helpers

IMAGE=localhost/vm/busybox:1

setup_file() {
	command podman import -q -c 'CMD ["sh"]' "$IMAGES/busybox.tar" "$IMAGE"
}

# One name per test: what a failed one leaves must not fail the next.
setup() { NAME=vm$BATS_TEST_NUMBER; }

teardown() {
	last_output
	pm rm -f -t 0 -a >/dev/null 2>&1
	pm volume rm -fa >/dev/null 2>&1
	true
}

only_kedge_or_crun() { [[ $(runtime_name) == @(kedge|crun) ]] || skip "$(runtime_name) does not have this"; }

# pm_run [OPTION]... -- COMMAND...: to the end, and removed.
pm_run() {
	local options words
	split_options "$@"
	run pm run --rm --network none "${options[@]}" "$IMAGE" "${words[@]}"
}

# started [OPTION]... -- COMMAND...: in the background, called $NAME.
started() {
	local options words
	split_options "$@"
	pm run -d --name "$NAME" --network none "${options[@]}" "$IMAGE" "${words[@]}" >/dev/null
}

inspect() { pm inspect --format "{{$1}}" "$NAME"; }
inspect_is() { [[ $(inspect "$1") == "$2" ]]; }

logs_have() { pm logs "$NAME" 2>&1 | grep -e "$1" >/dev/null; }
logs_are() { [[ $(pm logs "$NAME") == "$1" ]]; }

@test "podman uses the runtime under test" {
	run pm info --format '{{.Host.OCIRuntime.Path}}'
	[ "$output" = "$RUNTIME" ]
	started -- sleep 1000
	[ "$(inspect .OCIRuntime)" = "$RUNTIME" ]
}

@test "podman.conf makes kedge Podman's runtime" {
	local conf=/etc/containers/containers.conf.d/kedge.conf
	[[ $(runtime_name) == kedge ]] || skip "$(runtime_name) has no such file"
	sed "s|/usr/local/bin/kedge|$RUNTIME|" "${RUNTIME%/bin/*}/engines/podman.conf" >"$conf"
	run command podman --cgroup-manager "$(driver)" run --rm --network none --cgroups=disabled "$IMAGE" echo yes
	rm "$conf"
	[ "$status" -eq 0 ]
	[ "$output" = yes ]
}

@test "run: output and status" {
	pm_run -- sh -c 'echo out; echo err >&2; exit 3'
	[ "$status" -eq 3 ]
	[[ $output == *out* && $output == *err* ]]
}

@test "run: a Debian system from its folder" {
	run pm run --rm --network none --rootfs "$IMAGES/debian:O" cat /etc/os-release
	[ "$status" -eq 0 ]
	[[ $output == *"Debian GNU/Linux 12"* ]]
}

@test "run: status 127 where there is no such program" {
	run -127 pm run --rm --network none "$IMAGE" /no/such/program
	[[ $output == *"no such file or directory"* || $output == *"not found"* ]]
}

@test "run: status 126 where the program is none" {
	pm_run -- /etc/passwd
	[ "$status" -eq 126 ]
	[[ ${output,,} == *"permission denied"* ]]
}

@test "run: status 137 of a killed program" {
	pm_run --pid host -- sh -c 'kill -KILL $$'
	[ "$status" -eq 137 ]
}

@test "run -i: standard input" {
	run pm run --rm -i --network none "$IMAGE" cat <<<hello
	[ "$status" -eq 0 ]
	[ "$output" = hello ]
}

@test "run -it: a terminal with its size" {
	run typed run --rm -it --network none "$IMAGE" sh -c 'tty; test -t 0 && test -t 1 && echo both'
	[ "$status" -eq 0 ]
	[[ $output == */dev/pts/0* && $output == *both* ]]
}

@test "run -it: the status of the program" {
	run typed run --rm -it --network none "$IMAGE" sh -c 'exit 5'
	[ "$status" -eq 5 ]
}

@test "run -it: the terminal is the controlling one" {
	run typed run --rm -it --network none "$IMAGE" sh -c 'echo through >/dev/tty; exit 0'
	[ "$status" -eq 0 ]
	[[ $output == *through* ]]
}

@test "run -d, logs, wait" {
	started -- sh -c 'echo first; sleep 1; echo second; exit 7'
	[ "$(pm wait "$NAME")" = 7 ]
	eventually 10 logs_are $'first\nsecond'
	[ "$(inspect .State.ExitCode)" = 7 ]
}

@test "stop: the program is asked to end" {
	started -- sh -c 'trap "echo bye; exit 42" TERM; echo up; while :; do sleep 0.1; done'
	eventually 20 logs_have up
	pm stop -t 20 "$NAME"
	[ "$(inspect .State.ExitCode)" = 42 ]
	eventually 10 logs_have bye
}

@test "stop: who does not listen is killed" {
	started -- sh -c 'trap "" TERM; echo up; while :; do sleep 0.1; done'
	eventually 20 logs_have up
	pm stop -t 1 "$NAME"
	[ "$(inspect .State.ExitCode)" = 137 ]
}

@test "create, start --attach, start again, restart" {
	pm create --name "$NAME" --network none "$IMAGE" sh -c 'echo run >>/count; wc -l </count' >/dev/null
	run pm start --attach "$NAME"
	[ "$output" = 1 ]
	run pm start --attach "$NAME"
	[ "$output" = 2 ]
	pm restart "$NAME"
	pm wait "$NAME"
	run pm start --attach "$NAME"
	[ "$output" = 4 ]
}

@test "restart policy: started again until it was enough" {
	started --restart on-failure:2 -- sh -c 'echo again >>/count; exit 1'
	eventually 60 inspect_is .RestartCount 2
	eventually 20 inspect_is .State.Status exited
	[ "$(inspect .State.ExitCode)" = 1 ]
	run bash -c "podman cp $NAME:/count - | tar -xOf - | wc -l"
	[ "$output" = 3 ]
}

@test "kill: a signal arrives" {
	started -- sh -c 'trap "echo got usr1" USR1; echo up; while :; do sleep 0.1; done'
	eventually 20 logs_have up
	pm kill -s USR1 "$NAME"
	eventually 20 logs_have 'got usr1'
	[ "$(inspect .State.Status)" = running ]
	pm kill "$NAME"
	pm wait "$NAME"
	[ "$(inspect .State.ExitCode)" = 137 ]
}

@test "kill: of a container that has ended is an error" {
	started -- true
	pm wait "$NAME"
	run pm kill "$NAME"
	[ "$status" -ne 0 ]
}

@test "exec: output, status, user, folder, environment" {
	started -- sleep 1000
	run pm exec -u 1000:2000 -w /tmp -e WORD=hello "$NAME" \
		sh -c 'echo $(id -u):$(id -g) $PWD $WORD; exit 9'
	[ "$status" -eq 9 ]
	[ "$output" = "1000:2000 /tmp hello" ]
}

@test "exec: status 127 and the reason where there is no such program" {
	started -- sleep 1000
	run -127 pm exec "$NAME" nosuchprogram
	[[ $output == *nosuchprogram* ]]
}

@test "exec -it: a terminal of its own" {
	started -- sleep 1000
	run typed exec -it "$NAME" sh -c 'tty; exit 6'
	[ "$status" -eq 6 ]
	[[ $output == */dev/pts/0* ]]
}

@test "exec -i: standard input" {
	started -- sleep 1000
	run pm exec -i "$NAME" cat <<<word
	[ "$output" = word ]
}

@test "exec -d: goes on by itself" {
	started -- sleep 1000
	pm exec -d "$NAME" sh -c 'echo $$ >/pid; exec sleep 500'
	eventually 20 pm exec "$NAME" sh -c 'grep -q sleep /proc/$(cat /pid)/comm'
}

@test "exec: several at once" {
	local i pids=()
	started -- sleep 1000
	for i in 1 2 3; do
		pm exec "$NAME" sh -c "sleep 1; echo $i >/done-$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	run pm exec "$NAME" sh -c 'cat /done-*'
	[ "$output" = $'1\n2\n3' ]
}

@test "exec: megabytes through it, more than the container may have" {
	started -m 64m -- sleep 1000
	run bash -c "podman --runtime '$RUNTIME' exec $NAME dd if=/dev/zero bs=1M count=${MEGABYTES:-32} 2>/dev/null | wc -c"
	[ "$output" = $((${MEGABYTES:-32} << 20)) ]
	[ "$(inspect .State.Running)" = true ]
}

@test "top: the processes" {
	started -- sleep 1000
	run pm top "$NAME" pid comm
	[ "$status" -eq 0 ]
	[[ $output == *sleep* ]]
}

@test "rm -f: leaves no cgroup, no mount and no process" {
	local id pid
	started -- sleep 1000
	id=$(inspect .Id)
	pid=$(inspect .State.Pid)
	[ -d "/proc/$pid" ]
	pm rm -f -t 0 "$NAME"
	eventually 10 no_process "$pid"
	# That of conmon is there until conmon is not.
	eventually 10 no_cgroup "$id"
	run ! grep -q "$id" /proc/self/mountinfo
}

@test "pause: nothing runs, unpause: it goes on" {
	started -- sh -c 'while :; do date +%s%N >/now; done'
	pm pause "$NAME"
	[ "$(inspect .State.Status)" = paused ]
	run pm exec "$NAME" true
	[ "$status" -ne 0 ]
	pm unpause "$NAME"
	[ "$(inspect .State.Status)" = running ]
	run pm exec "$NAME" true
	[ "$status" -eq 0 ]
}

@test "stats: memory and processes" {
	used() { [[ $(pm stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' "$NAME") == [23]" "*/*67.11MB ]]; }
	started -m 64m -- sh -c 'sleep 1000 & sleep 1000'
	eventually 20 used
}

@test "limits: are what the container sees" {
	pm_run -m 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --pids-limit 50 -- \
		sh -c 'cd /sys/fs/cgroup; cat memory.max memory.swap.max memory.low cpu.max pids.max'
	[ "$status" -eq 0 ]
	[ "$output" = $'67108864\n33554432\n33554432\n50000 100000\n50' ]
}

@test "limits: systemd knows them, so a reload keeps them" {
	local scope
	started -m 64m --cpus 0.5 --pids-limit 50 -- sleep 1000
	scope=libpod-$(inspect .Id).scope
	run systemctl show -p MemoryMax -p TasksMax -p CPUQuotaPerSecUSec "$scope"
	[[ $output == *MemoryMax=67108864* ]]
	[[ $output == *TasksMax=50* ]]
	[[ $output == *CPUQuotaPerSecUSec=500ms* ]]
	systemctl daemon-reload
	run pm exec "$NAME" sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max'
	[ "$output" = $'67108864\n50000 100000\n50' ]
}

@test "limits: the cgroupfs manager sets them as well" {
	run podman --runtime "$RUNTIME" --cgroup-manager cgroupfs run --rm --network none \
		-m 64m --pids-limit 50 "$IMAGE" \
		sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max'
	[ "$status" -eq 0 ]
	[ "$output" = $'67108864\n50' ]
}

# With systemd's scopes conmon mostly comes too late, whatever the runtime: the
# scope is gone with its last process ("Failed to open cgroups file").
@test "limits: over the memory, the state says so" {
	run podman --runtime "$RUNTIME" --cgroup-manager cgroupfs run --name "$NAME" \
		--network none -m 32m --memory-swap 32m "$IMAGE" tail /dev/zero
	[ "$status" -eq 137 ]
	eventually 10 inspect_is .State.OOMKilled true
}

@test "run --group-add keep-groups: the caller's groups are kept" {
	only_kedge_or_crun
	kept() {
		setpriv --groups 5,3000 podman --runtime "$RUNTIME" --cgroup-manager "$(driver)" run --rm --network none \
			"$@" "$IMAGE" grep Groups /proc/self/status
	}
	run kept --group-add keep-groups
	[ "$status" -eq 0 ]
	[[ $output == *"5 3000"* ]]
	run kept
	[[ $output != *3000* ]]
}

@test "update: new limits of a running container" {
	needs_command update
	started -m 64m -- sleep 1000
	pm update -m 96m --cpus 0.25 --pids-limit 40 "$NAME"
	run pm exec "$NAME" sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max'
	[ "$output" = $'100663296\n25000 100000\n40' ]
}

@test "volumes: a folder of the host, read-write and read-only" {
	mkdir -p "$BATS_TEST_TMPDIR/v"
	pm_run -v "$BATS_TEST_TMPDIR/v:/v" -- sh -c 'echo text >/v/file'
	[ "$status" -eq 0 ]
	[ "$(<"$BATS_TEST_TMPDIR/v/file")" = text ]
	pm_run -v "$BATS_TEST_TMPDIR/v:/v:ro" -- sh -c 'cat /v/file; echo no >/v/file'
	[ "$status" -ne 0 ]
	[[ $output == *text* && $output == *Read-only* ]]
}

@test "volumes: a named one outlives its container" {
	pm_run -v store:/data -- sh -c 'echo kept >/data/file'
	pm_run -v store:/data -- cat /data/file
	[ "$output" = kept ]
}

@test "volumes: tmpfs with its options" {
	pm_run --tmpfs /t:size=1m,mode=1770 -- sh -c 'exec 2>&1; stat -c %a /t; df -k /t | tail -n 1; dd if=/dev/zero of=/t/f bs=1k count=2000'
	[ "$status" -ne 0 ]
	[ "${lines[0]}" = 1770 ]
	[[ $output == *"No space left"* ]]
}

@test "--userns=auto: root is nobody of the host" {
	local pid
	started --userns=auto -- sleep 1000
	run pm exec "$NAME" sh -c 'id -u; read -r a b c </proc/self/uid_map; echo $a; test $b -ge 1000000 && echo shifted'
	[ "$output" = $'0\n0\nshifted' ]
	pid=$(inspect .State.Pid)
	[ "$(stat -c %u "/proc/$pid")" -ge 1000000 ]
	run pm exec "$NAME" sh -c 'echo x >/file && stat -c %u /file'
	[ "$output" = 0 ]
}

@test "--userns=auto: a volume with mapped ids" {
	mkdir -p "$BATS_TEST_TMPDIR/v"
	echo mine >"$BATS_TEST_TMPDIR/v/file"
	pm_run --userns=auto -v "$BATS_TEST_TMPDIR/v:/v:idmap" -- sh -c 'stat -c %u /v/file; echo x >/v/new'
	[ "$status" -eq 0 ]
	[ "$output" = 0 ]
	[ "$(stat -c %u "$BATS_TEST_TMPDIR/v/new")" = 0 ]
}

@test "healthcheck: is run in the container" {
	started --health-cmd 'test -e /healthy' --health-interval disable -- sleep 1000
	run pm healthcheck run "$NAME"
	[ "$status" -eq 1 ]
	pm exec "$NAME" touch /healthy
	run pm healthcheck run "$NAME"
	[ "$status" -eq 0 ]
	[ "$(inspect .State.Health.Status)" = healthy ]
}

@test "healthcheck: by itself, unhealthy, then healthy" {
	only_full
	started --health-cmd 'test -e /healthy' --health-interval 1s --health-retries 1 -- sleep 1000
	eventually 60 inspect_is .State.Health.Status unhealthy
	pm exec "$NAME" touch /healthy
	eventually 60 inspect_is .State.Health.Status healthy
}

@test "--read-only: the root cannot be written, /tmp can" {
	pm_run --read-only -- sh -c 'touch /tmp/file && touch /file'
	[ "$status" -ne 0 ]
	[[ $output == *"/file: Read-only"* ]]
	[[ $output != *"/tmp/file: Read-only"* ]]
}

@test "--cap-drop, --cap-add: exactly these" {
	pm_run --cap-drop all -- grep CapEff /proc/self/status
	[ "$output" = $'CapEff:\t0000000000000000' ]
	pm_run --cap-drop all --cap-add net_raw -- grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status
	[ "$output" = $'CapPrm:\t0000000000002000\nCapEff:\t0000000000002000\nCapBnd:\t0000000000002000' ]
}

@test "--user: no capabilities are left" {
	pm_run --user 1000 -- sh -c 'id -u; grep CapEff /proc/self/status'
	[ "$output" = $'1000\nCapEff:\t0000000000000000' ]
}

@test "seccomp: the default profile is on, unconfined is off" {
	pm_run -- grep Seccomp: /proc/self/status
	[ "$output" = $'Seccomp:\t2' ]
	pm_run --security-opt seccomp=unconfined -- grep Seccomp: /proc/self/status
	[ "$output" = $'Seccomp:\t0' ]
}

@test "seccomp: the default profile stops system calls" {
	run pm run --rm --network none --cap-add all --cap-drop sys_boot --rootfs "$IMAGES/debian:O" \
		perl -e 'syscall(246, 0, 0, 0, 0); print $! + 0, "\n"; syscall(39); print $! + 0'
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == 1 || ${lines[0]} == 38 ]]
}

@test "seccomp: a profile of one's own" {
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}' \
		>"$BATS_TEST_TMPDIR/profile.json"
	pm_run --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" -- mkdir /folder
	[ "$status" -ne 0 ]
	[[ $output == *"No space left"* ]]
	pm_run -- mkdir /folder
	[ "$status" -eq 0 ]
}

@test "no-new-privileges" {
	pm_run --security-opt no-new-privileges -- grep NoNewPrivs /proc/self/status
	[ "$output" = $'NoNewPrivs:\t1' ]
}

@test "--privileged: all capabilities, no filter, all devices" {
	pm_run --privileged -- sh -c 'grep Seccomp: /proc/self/status; mount -t tmpfs none /mnt && echo mounted; ls /dev/loop-control'
	[ "$status" -eq 0 ]
	[[ $output == *0*mounted* ]]
}

@test "masked paths are empty, kernel settings read-only" {
	pm_run -- sh -c 'exec 2>&1; cat /proc/kcore | wc -c; wc -c </proc/keys; echo 1 >/proc/sys/kernel/msgmax'
	[ "$status" -ne 0 ]
	[ "${lines[0]}" = 0 ]
	[[ $output == *Read-only* ]]
}

@test "--hostname, --env, --workdir, --entrypoint, --sysctl, --ulimit" {
	pm_run --hostname box --env A=b --workdir /tmp --entrypoint '["sh", "-c"]' \
		--sysctl kernel.msgmax=4321 --ulimit nofile=1234:2345 -- \
		'hostname; echo $A $PWD; cat /proc/sys/kernel/msgmax; ulimit -Sn; ulimit -Hn'
	[ "$status" -eq 0 ]
	[ "$output" = $'box\nb /tmp\n4321\n1234\n2345' ]
}

@test "--device: is there, and may be used" {
	pm_run --device /dev/fuse:/dev/fused:r -- sh -c 'exec 2>&1; </dev/fused && echo opened; >/dev/fused'
	[ "$status" -ne 0 ]
	[ "${lines[0]}" = opened ]
	[[ $output == *"not permitted"* ]]
}

@test "--shm-size, --ipc: own shared memory" {
	pm_run --shm-size 3m -- sh -c 'df -k /dev/shm | tail -n 1'
	[[ $output == *" 3072 "* ]]
}

@test "--pid, --ipc, --network container: join what another has" {
	started -- sleep 1000
	run pm run --rm --pid "container:$NAME" --ipc "container:$NAME" --network "container:$NAME" \
		"$IMAGE" sh -c 'cat /proc/1/comm; readlink /proc/self/ns/net; readlink /proc/self/ns/ipc'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = sleep ]
	[ "${lines[1]}" = "$(readlink "/proc/$(inspect .State.Pid)/ns/net")" ]
	[ "${lines[2]}" = "$(readlink "/proc/$(inspect .State.Pid)/ns/ipc")" ]
}

@test "--pid host, --uts host, --cgroupns host" {
	pm_run --pid host --uts host --cgroupns host -- \
		sh -c 'for n in pid uts cgroup; do readlink /proc/self/ns/$n; done'
	[ "${lines[0]}" = "$(readlink /proc/self/ns/pid)" ]
	[ "${lines[1]}" = "$(readlink /proc/self/ns/uts)" ]
	[ "${lines[2]}" = "$(readlink /proc/self/ns/cgroup)" ]
}

@test "--network host: the host's own" {
	run pm run --rm --network host "$IMAGE" readlink /proc/self/ns/net
	[ "$status" -eq 0 ]
	[ "$output" = "$(readlink /proc/self/ns/net)" ]
}

@test "--preserve-fds: a descriptor reaches the program" {
	handed() {
		timeout -k 5 90 podman --runtime "$RUNTIME" --cgroup-manager "$(driver)" run --rm \
			--preserve-fds 1 --network none "$IMAGE" sh -c 'cat <&3' 3<<<handed
	}
	run handed
	[ "$status" -eq 0 ]
	[ "$output" = handed ]
}

@test "--sdnotify: the program itself says when it is ready" {
	run timeout 120 bash -c "systemd-run -q --wait --pipe -p Type=notify -p NotifyAccess=all \
		podman --runtime '$RUNTIME' --cgroup-manager $(driver) run --rm --sdnotify=container --network none $IMAGE \
		sh -c 'test -S \$NOTIFY_SOCKET && echo has a socket' 2>&1"
	[[ $output == *"has a socket"* ]]
}

@test "the wrong option of a mount is an error with its name" {
	pm_run --mount type=bind,src=/no/such/source,dst=/mnt -- true
	[ "$status" -ne 0 ]
	[[ $output == */no/such/source* ]]
}

# Each start is a Podman of its own, and of a hundred at a time would be more than the bed's memory.
@test "many containers at once" {
	only_full
	local i n=${CONTAINERS:-10}
	for ((i = 0; i < n; i++)); do echo "many-$i"; done >"$BATS_TEST_TMPDIR/names"
	xargs -P 8 -I '{}' podman --runtime "$RUNTIME" --cgroup-manager "$(driver)" run -d --network none --name '{}' "$IMAGE" sleep 1000 \
		<"$BATS_TEST_TMPDIR/names" >/dev/null 3>&-
	[ "$(pm ps -q | wc -l)" -eq "$n" ]
	timeout --foreground -k 5 600 podman --runtime "$RUNTIME" --cgroup-manager "$(driver)" kill -a >/dev/null 3>&-
	eventually 60 sh -c '[ -z "$(podman ps -q)" ]'
}

@test "podman's service restarted: containers run on, and are still its own" {
	only_full
	local pid
	service() { systemd-run -q --unit vm-podman -p KillMode=process podman --runtime "$RUNTIME" system service -t 0 unix:///run/vm-podman.sock; }
	remote() { timeout -k 5 120 podman --url unix:///run/vm-podman.sock "$@" 3>&-; }
	service
	eventually 20 remote info >/dev/null
	remote run -d --name "$NAME" --network none "$IMAGE" sh -c 'trap "exit 4" TERM; echo up; while :; do sleep 0.1; done'
	eventually 20 logs_have up
	pid=$(inspect .State.Pid)
	systemctl kill -s KILL vm-podman
	eventually 20 sh -c '! systemctl is-active -q vm-podman'
	systemctl reset-failed vm-podman
	service
	eventually 20 remote info >/dev/null
	[ "$(remote inspect --format '{{.State.Pid}}' "$NAME")" = "$pid" ]
	run remote exec "$NAME" echo still here
	[ "$output" = "still here" ]
	remote stop -t 20 "$NAME"
	[ "$(inspect .State.ExitCode)" = 4 ]
	systemctl stop vm-podman
}

@test "everything killed and /run lost, as by a reboot: the container can be started again" {
	local id pid conmon
	started -- sleep 1000
	id=$(inspect .Id)
	pid=$(inspect .State.Pid)
	conmon=$(inspect .State.ConmonPid)
	# It would clean up.
	kill -KILL "$conmon"
	end_cgroup "$CGROUP/machine.slice/libpod-$id.scope"
	eventually 10 no_process "$pid" "$conmon"
	eventually 10 no_cgroup "$id"
	grep -o ' /var/lib/containers/[^ ]*' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l 2>/dev/null || :
	lose /run/libpod /run/containers /run/netns /run/{kedge,crun,runc}
	[ "$(inspect .State.Status)" != running ]
	pm start "$NAME"
	[ "$(inspect .State.Status)" = running ]
	run pm exec "$NAME" echo runs
	[ "$output" = runs ]
}
