#!/usr/bin/env bats
# A user without privileges: kedge with the user's own systemd, and Podman.
# shellcheck disable=SC2016,SC2153,SC2154 # what is quoted is for the containers' shells

bats_require_minimum_version 1.5.0
load helpers

U=1000
HOME_U=/home/user
RUN_U=/run/user/$U
SYSTEMD_U=$CGROUP/user.slice/user-$U.slice/user@$U.service
IMAGE=localhost/vm/busybox:1
INFRA=localhost/vm/infra:1

# A login without PAM: the user's systemd, and a message bus that it starts.
setup_file() {
	echo "vm:x:$U:$U::$HOME_U:/bin/bash" >>/etc/passwd
	echo "vm:x:$U:" >>/etc/group
	echo "vm:2000000:65536" | tee -a /etc/subuid >>/etc/subgid
	install -d -o $U -g $U "$HOME_U"
	mkdir -p "/run/systemd/system/user@$U.service.d" /run/systemd/user/sockets.target.wants
	printf '[Service]\nEnvironment=XDG_RUNTIME_DIR=%s\nPAMName=\n' "$RUN_U" \
		>"/run/systemd/system/user@$U.service.d/vm.conf"
	printf '[Socket]\nListenStream=%%t/bus\n' >/run/systemd/user/dbus.socket
	printf '[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nExecStart=%s\n' \
		"/usr/bin/dbus-daemon --config-file=$(echo /usr/share/dbus-1/sess*.conf) --address=systemd: --nofork --nopidfile --systemd-activation" \
		>/run/systemd/user/dbus.service
	ln -s ../dbus.socket /run/systemd/user/sockets.target.wants/
	systemctl daemon-reload
	systemctl start "user@$U.service"
	# Instead of catatonit(1), which is not there.
	install -d -o $U -g $U "$HOME_U"/.config{,/containers}
	printf '[engine]\ninfra_image = "%s"\n' "$INFRA" >"$HOME_U/.config/containers/containers.conf"
	user_pm import -q -c 'CMD ["sleep", "1000"]' "$IMAGES/busybox.tar" "$INFRA"
	user_pm import -q -c 'CMD ["sh"]' "$IMAGES/busybox.tar" "$IMAGE"
}

teardown_file() { systemctl stop "user@$U.service"; }

# One name per test: what a failed one leaves must not fail the next.
setup() {
	NAME=vm$BATS_TEST_NUMBER
	T=$HOME_U/$BATS_TEST_NUMBER
	BUNDLE=$T/bundle
	install -d -o $U -g $U "$T" "$BUNDLE"
	cd "$BUNDLE" || return
	UNIT=vm-t$BATS_TEST_NUMBER.scope
	SCOPE=$SYSTEMD_U/user.slice/$UNIT
}

teardown() {
	last_output
	user_pm rm -f -t 0 -a >/dev/null 2>&1
	as_user "$RUNTIME" --root "$T/root" delete --force c || :
}

# as_user COMMAND...: who the file is about, in time.
as_user() {
	timeout --foreground -k 5 120 setpriv --reuid $U --regid $U --clear-groups \
		env -i "HOME=$HOME_U" "PATH=$PATH" USER=vm "XDG_RUNTIME_DIR=${RUN:-$RUN_U}" \
		"DBUS_SESSION_BUS_ADDRESS=unix:path=$RUN_U/bus" "$@" 3>&-
}

user_pm() { as_user podman --runtime "$RUNTIME" "$@"; }
ur() { as_user "$RUNTIME" --root "$T/root" "$@"; }
show() { as_user systemctl --user show --value -p "$1" "${2:-$UNIT}"; }
# That of a conmon is there until the conmon is not.
no_scopes() { [[ -z $(find "$SYSTEMD_U" -name "libpod-[0-9a-f]*.scope" 2>/dev/null) ]]; }
isnt() { [ "$1" != "$2" ] || { echo "is   $1"; return 1; }; }
is() { [ "$1" = "$2" ] || { printf 'is   %s\nnot  %s\n' "$1" "$2"; return 1; }; }

# user_bundle ARGS-AS-JSON [JQ-FILTER]
user_bundle() {
	rm -f config.json
	as_user "$RUNTIME" spec --rootless
	jq --argjson args "$1" ".root.path = \"$IMAGES/busybox\" | .process.terminal = false | .process.args = \$args |
		.linux.cgroupsPath = \"user.slice:vm:t$BATS_TEST_NUMBER\" | ${2:-.}" config.json >new
	mv new config.json
}

user_started() {
	user_bundle '["sleep", "1000"]' "${1:-.}"
	ur --systemd-cgroup run -d c </dev/null >"$T/log" 2>&1 || { cat "$T/log"; return 1; }
}

LIMITS='.linux.resources += {memory: {limit: 67108864, swap: 67108864}, pids: {limit: 50}, cpu: {quota: 50000, period: 100000}}'

@test "a scope of the user's own systemd, with limits that a reload keeps" {
	user_started "$LIMITS"
	is "$(show MemoryMax) $(show MemorySwapMax) $(show TasksMax) $(show CPUQuotaPerSecUSec)" "67108864 0 50 500ms"
	is "$(cat "$SCOPE/cgroup.procs")" "$(ur state c | jq .pid)"
	is "$(cat "$SCOPE"/{memory.max,memory.swap.max,pids.max,cpu.max} | paste -sd " ")" "67108864 0 50 50000 100000"
	as_user systemctl --user daemon-reload
	as_user systemctl --user daemon-reexec
	as_user systemctl --user daemon-reload
	is "$(cat "$SCOPE"/{memory.max,memory.swap.max,pids.max,cpu.max} | paste -sd " ")" "67108864 0 50 50000 100000"
	ur delete --force c
	is "$(show LoadState)" not-found
	[ ! -e "$SCOPE" ]
}

# This test's own cgroup is far from the user's: a process gets from one to the
# other only by systemd's hand.
@test "exec and create from a cgroup that is not the user's" {
	[[ $(</proc/self/cgroup) != *user.slice* ]]
	user_started
	is "$(ur exec c cat /proc/self/cgroup)" "0::/"
	ur exec c sleep 1000 3>&- &
	eventually 20 eval '[[ $(wc -l <"$SCOPE/cgroup.procs") == 2 ]]'
	ur pause c
	is "$(ur state c | jq -r .status)" paused
	ur resume c
	ur kill c KILL
}

@test "from a scope of the user's: init is born where it belongs" {
	user_bundle '["cat", "/proc/self/cgroup"]'
	run as_user systemd-run -q --user --scope "$RUNTIME" --root "$T/root" --systemd-cgroup run c
	is "$status $output" "0 0::/"
}

@test "a limit of a controller that the user was not given is an error" {
	run ! grep -q io "$SYSTEMD_U/cgroup.controllers"
	user_bundle '["true"]' '.linux.resources.unified = {"io.max": "98:0 rbps=1000000"}'
	run ur --systemd-cgroup create c
	[ "$status" -ne 0 ]
	[[ $output == *"io.max"*"controller 'io' cannot be enabled"* ]]
	is "$(show LoadState)" not-found
	[ ! -e "$T/root/c" ]
}

@test "by the message bus, where the systemd's own socket is not to be had" {
	install -d -o $U -g $U "$T/run"
	user_bundle '["sleep", "1000"]' "$LIMITS"
	RUN=$T/run ur --systemd-cgroup run -d c </dev/null >/dev/null 2>&1
	is "$(show ActiveState) $(show MemoryMax)" "active 67108864"
	RUN=$T/run ur delete --force c
	is "$(show LoadState)" not-found
}

@test "without a systemd of the user's: no limits work, limits are an error" {
	install -d -o $U -g $U "$T/run"
	user_bundle '["echo", "works"]' '.linux.resources = {}'
	RUN=$T/run run as_user env -u DBUS_SESSION_BUS_ADDRESS "$RUNTIME" --root "$T/root" --systemd-cgroup run c
	is "$status $output" "0 works"
	user_bundle '["echo", "works"]' "$LIMITS"
	RUN=$T/run run as_user env -u DBUS_SESSION_BUS_ADDRESS "$RUNTIME" --root "$T/root" --systemd-cgroup run c
	[ "$status" -ne 0 ]
	[[ $output == *"cannot connect to the user's systemd"* ]]
	[ ! -e "$T/root/c" ]
}

@test "podman: uses the user's systemd" {
	is "$(user_pm info --format '{{.Host.CgroupManager}} {{.Host.Security.Rootless}} {{.Host.OCIRuntime.Path}}')" \
		"systemd true $RUNTIME"
}

@test "podman: run, with its status and ids" {
	run user_pm run --rm --network none "$IMAGE" sh -c 'id -u; read -r a b c </proc/self/uid_map; echo $a $b $c; exit 3'
	is "$status $output" $'3 0\n0 1000 1'
}

@test "podman: run -it" {
	run as_user script -qec "podman --runtime $RUNTIME run --rm -it --network none $IMAGE sh -c 'tty; exit 5'" \
		/dev/null </dev/null
	is "$status" 5
	[[ $output == */dev/pts/0* ]]
}

# pod_started [OPTION]...: a container that sleeps, called $NAME.
pod_started() { user_pm run -d --name "$NAME" --network none "$@" "$IMAGE" sleep 1000 >/dev/null; }

@test "podman: exec, as other users, on a terminal, of no program" {
	pod_started
	run user_pm exec "$NAME" sh -c 'id -u; exit 9'
	is "$status $output" "9 0"
	run user_pm exec -u 5:6 "$NAME" id -u
	is "$output" 5
	run as_user script -qec "podman --runtime $RUNTIME exec -it $NAME sh -c 'tty; exit 5'" /dev/null </dev/null
	is "$status" 5
	[[ $output == */dev/pts/0* ]]
	run -127 user_pm exec "$NAME" nosuchprogram
}

@test "podman: limits" {
	pod_started -m 64m --pids-limit 33
	is "$(user_pm exec "$NAME" sh -c 'cd /sys/fs/cgroup; echo $(cat memory.max pids.max)')" "67108864 33"
	is "$(show MemoryMax "libpod-$(user_pm inspect -f '{{.Id}}' "$NAME").scope")" 67108864
}

@test "podman: new limits of a running container" {
	needs_command update
	pod_started -m 64m
	user_pm update -m 96m --pids-limit 40 "$NAME"
	is "$(user_pm exec "$NAME" sh -c 'cd /sys/fs/cgroup; echo $(cat memory.max pids.max)')" "100663296 40"
}

@test "podman: exec, megabytes through it, more than the container may have" {
	pod_started -m 64m
	is "$(user_pm exec "$NAME" dd if=/dev/zero bs=1M "count=${MEGABYTES:-16}" 2>/dev/null | wc -c)" $((${MEGABYTES:-16} << 20))
	is "$(user_pm inspect -f '{{.State.Running}}' "$NAME")" true
}

@test "podman: pause, stop, start, restart, rm" {
	pod_started
	user_pm pause "$NAME"
	is "$(user_pm inspect -f '{{.State.Status}}' "$NAME")" paused
	user_pm unpause "$NAME"
	user_pm stop -t 0 "$NAME"
	is "$(user_pm inspect -f '{{.State.ExitCode}}' "$NAME")" 137
	user_pm start "$NAME"
	is "$(user_pm exec "$NAME" echo again)" again
	user_pm restart -t 0 "$NAME"
	is "$(user_pm exec "$NAME" echo again)" again
	user_pm rm -f -t 0 "$NAME"
	eventually 10 no_scopes
}

# talker TRAPS: a container that says when it listens.
talker() { user_pm run -d --name "$NAME" --network none "$IMAGE" sh -c "$1; echo up; while :; do sleep 0.1; done" >/dev/null; }
logs_have() { user_pm logs "$NAME" 2>&1 | grep -e "$1" >/dev/null; }
inspect() { user_pm inspect -f "{{$1}}" "$NAME"; }

@test "podman: logs, kill, stop: asked first, then killed" {
	talker 'trap "echo got usr1" USR1; trap "echo bye; exit 42" TERM'
	eventually 20 logs_have up
	user_pm kill -s USR1 "$NAME"
	eventually 20 logs_have 'got usr1'
	user_pm stop -t 20 "$NAME"
	is "$(inspect .State.ExitCode)" 42
	eventually 10 logs_have bye
	user_pm rm "$NAME"
	talker 'trap "" TERM'
	eventually 20 logs_have up
	user_pm stop -t 1 "$NAME"
	is "$(inspect .State.ExitCode)" 137
}

# The scope of a container that dies of it is gone before conmon looks, whatever the runtime: here it lives on.
@test "podman: over the memory, the state says so" {
	user_pm run -d --name "$NAME" --network none -m 32m --memory-swap 32m "$IMAGE" \
		sh -c 'tail /dev/zero; echo "status $?"; while :; do sleep 0.1; done' >/dev/null
	eventually 30 logs_have 'status 137'
	user_pm stop -t 0 "$NAME"
	is "$(inspect .State.OOMKilled)" true
}

@test "podman: many containers at once" {
	only_full
	local n=${CONTAINERS:-10}
	as_user sh -c 'seq "$1" | xargs -P 8 -I "{}" podman --runtime "$2" run -d --network none --name "many-{}" "$3" sleep 1000' sh \
		"$n" "$RUNTIME" "$IMAGE" >/dev/null
	is "$(user_pm ps -q | wc -l)" "$n"
	user_pm kill -a >/dev/null
	none() { [[ -z $(user_pm ps -q) ]]; }
	eventually 60 none
}

@test "podman: everything killed and /run lost, as by a reboot: the container can be started again" {
	local id pid conmon
	pod_started
	id=$(inspect .Id)
	pid=$(inspect .State.Pid)
	conmon=$(inspect .State.ConmonPid)
	kill -KILL "$conmon" # it would clean up
	end_cgroup "$SYSTEMD_U/user.slice/libpod-$id.scope"
	eventually 10 no_process "$pid" "$conmon"
	eventually 10 no_cgroup "$id"
	# What holds the user's namespaces, and with them the mounts.
	kill -KILL "$(<"$RUN_U/libpod/tmp/pause.pid")"
	lose "$RUN_U"/{libpod,containers,netns,kedge,crun,runc}
	isnt "$(inspect .State.Status)" running
	user_pm start "$NAME"
	is "$(user_pm exec "$NAME" echo runs)" runs
}

@test "podman: --userns=keep-id" {
	pod_started --userns=keep-id
	is "$(user_pm exec "$NAME" id -u)" $U
	user_pm rm -f -t 0 "$NAME"
	run user_pm run --rm --network none --userns=keep-id -v "$T:/v" "$IMAGE" sh -c 'id -u; echo x >/v/file'
	is "$status $output" "0 $U"
	is "$(stat -c %u "$T/file")" $U
}

@test "podman: volumes, of folders and named" {
	run user_pm run --rm --network none -v "$T:/v" "$IMAGE" sh -c 'echo text >/v/file; stat -c %u /v/file'
	is "$status $output" "0 0"
	is "$(stat -c %u "$T/file") $(<"$T/file")" "$U text"
	user_pm run --rm --network none -v store:/data "$IMAGE" sh -c 'echo kept >/data/file'
	run user_pm run --rm --network none -v store:/data:ro "$IMAGE" sh -c 'cat /data/file; echo no >/data/file'
	[ "$status" -ne 0 ]
	[[ $output == *kept* && $output == *Read-only* ]]
	user_pm volume rm -f store
}

@test "podman: namespaces of another container" {
	pod_started
	run user_pm run --rm --network none --pid "container:$NAME" "$IMAGE" ps
	[ "$status" -eq 0 ]
	[[ $output == *"sleep 1000"* ]]
	run user_pm run --rm --network "container:$NAME" --ipc "container:$NAME" --uts "container:$NAME" "$IMAGE" hostname
	is "$output" "$(user_pm exec "$NAME" hostname)"
}

@test "podman: healthcheck" {
	pod_started --health-cmd 'test -e /healthy' --health-interval disable
	run user_pm healthcheck run "$NAME"
	is "$status" 1
	user_pm exec "$NAME" touch /healthy
	user_pm healthcheck run "$NAME"
}

@test "podman: build, and run what came of it" {
	printf 'FROM %s\nRUN echo built >/file\nCMD ["cat", "/file"]\n' "$IMAGE" >"$T/Containerfile"
	user_pm build -q --network none -t localhost/vm/built:1 -f "$T/Containerfile" "$T"
	is "$(user_pm run --rm --network none localhost/vm/built:1)" built
}

@test "podman: a pod, whose containers share namespaces" {
	user_pm pod create --network none --name pod
	user_pm run -d --pod pod --name one "$IMAGE" sleep 1000
	user_pm run -d --pod pod --name two "$IMAGE" sleep 1000
	is "$(user_pm exec one readlink /proc/self/ns/net)" "$(user_pm exec two readlink /proc/self/ns/net)"
	user_pm pod rm -f -t 0 pod
	eventually 10 no_scopes
}

@test "podman: kube generate and kube play" {
	pod_started -m 64m
	user_pm kube generate "$NAME" >"$T/pod.yaml"
	user_pm rm -f -t 0 "$NAME"
	user_pm kube play --network none "$T/pod.yaml"
	is "$(user_pm exec "$NAME-pod-$NAME" sh -c 'cat /sys/fs/cgroup/memory.max')" 67108864
	user_pm kube play --down "$T/pod.yaml"
}
