#!/usr/bin/env bats
# What a kubelet does with containerd: pods and their containers, by the Container Runtime Interface.
# shellcheck disable=SC2016,SC2153,SC2317 # what is quoted is for the containers' shells

bats_require_minimum_version 1.5.0
load helpers

IMAGE=localhost/vm/busybox:1

# As a node is set up for a RuntimeClass whose handler is "kedge".
setup_file() {
	mkdir -p /etc/containerd /etc/cni/net.d /var/log/pods
	echo '{"cniVersion": "1.0.0", "name": "vm", "plugins": [{"type": "cni"}]}' >/etc/cni/net.d/vm.conflist
	cat >/etc/containerd/config.toml <<-END
		version = 3
		[plugins.'io.containerd.cri.v1.images'.pinned_images]
		  sandbox = "$IMAGE"
		[plugins.'io.containerd.cri.v1.runtime'.cni]
		  bin_dirs = ["/usr/lib/kedge-vm"]
		  use_internal_loopback = true
		[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.tested]
		  runtime_type = "io.containerd.runc.v2"
		  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.tested.options]
		    BinaryName = "$RUNTIME"
		    SystemdCgroup = true
	END
	systemctl restart containerd
	command podman import -q -c 'CMD ["/bin/sleep", "1000000"]' "$IMAGES/busybox.tar" "$IMAGE"
	command podman save -q --format oci-archive -o "$BATS_FILE_TMPDIR/image.tar" "$IMAGE"
	ctr -n k8s.io image import --base-name "${IMAGE%:*}" --index-name "$IMAGE" "$BATS_FILE_TMPDIR/image.tar"
	eventually 30 image_known
}

teardown_file() {
	rm -f /etc/containerd/config.toml
	systemctl stop containerd
}

image_known() { cri ImageStatus "{\"image\": {\"image\": \"$IMAGE\"}}" | jq -e .image.id >/dev/null; }

setup() { UID_OF_POD=pod$BATS_TEST_NUMBER; }

teardown() {
	last_output
	umount "$BATS_TEST_TMPDIR/v/sub" 2>/dev/null
	cri ListPodSandbox | jq -r '.items[]?.id' | while read -r pod; do
		cri StopPodSandbox "{\"pod_sandbox_id\": \"$pod\"}" >/dev/null
		cri RemovePodSandbox "{\"pod_sandbox_id\": \"$pod\"}" >/dev/null
	done
	true
}

cri() { timeout --foreground -k 5 100 /usr/lib/kedge-vm/cri "$@" 3>&-; }

# pod [JQ-FILTER]: its configuration; start_pod: runs it, as $POD.
pod() {
	jq -n --arg uid "$UID_OF_POD" '{
		metadata: {name: $uid, uid: $uid, namespace: "default"}, hostname: $uid, log_directory: ("/var/log/pods/" + $uid),
		linux: {cgroup_parent: ("kubepods-" + $uid + ".slice"),
			security_context: {namespace_options: {network: "POD", pid: "CONTAINER"}}}
	} | '"${1:-.}"
}

start_pod() {
	POD_CONFIG=$(pod "${1:-.}")
	POD=$(cri RunPodSandbox "$(jq -n --argjson c "$POD_CONFIG" '{config: $c, runtime_handler: "tested"}')" | jq -r .pod_sandbox_id)
	[ -n "$POD" ]
}

# create NAME COMMAND-AS-JSON [JQ-FILTER]: a container of the pod, as $ID; start: runs it, too.
create() {
	local request
	request=$(jq -n --arg pod "$POD" --argjson sandbox "$POD_CONFIG" --arg name "$1" --argjson command "$2" --arg image "$IMAGE" '{
		pod_sandbox_id: $pod, sandbox_config: $sandbox,
		config: ({metadata: {name: $name}, image: {image: $image}, command: $command, log_path: ($name + ".log"),
			  linux: {security_context: {namespace_options: $sandbox.linux.security_context.namespace_options}}} | '"${3:-.}"')
	}')
	ID=$(cri CreateContainer "$request" | jq -r .container_id)
	[ -n "$ID" ]
}

on() { cri "$1" "$(jq -n --arg id "$ID" "{container_id: \$id} + ${2:-{\}}")"; }
start() { create "$@" && on StartContainer >/dev/null; }
status_of() { on ContainerStatus | jq -r ".status.$1"; }
status_is() { [[ $(status_of "$1") == "$2" ]]; }
ended() { status_is state CONTAINER_EXITED; }
log_of() { cut -d ' ' -f 2- "/var/log/pods/$UID_OF_POD/$1.log"; }
log_has() { [[ $(log_of "$1") == *"$2"* ]]; } # NAME TEXT
# pids_of: of the pod's processes.
pids_of() { find "$CGROUP/kubepods.slice/kubepods-$UID_OF_POD.slice" -name cgroup.procs -exec cat {} +; }
# exec_sync COMMAND...: output, then status.
exec_sync() {
	on ExecSync "{cmd: $(jq -cn '$ARGS.positional' --args -- "$@"), timeout: 60}" |
		jq -r '((.stdout // "") | @base64d) + ((.stderr // "") | @base64d) + "status \(.exit_code // 0)"'
}

@test "the handler is there, and has what the runtime's features say" {
	run cri Status
	[ "$status" -eq 0 ]
	[[ $(jq -r '.runtime_handlers[] | select(.name == "tested").features | keys | join(" ")' <<<"$output") == *user_namespaces* ]]
	[ "$(jq '.status.conditions[] | select(.type == "RuntimeReady").status' <<<"$output")" = true ]
}

@test "a pod with a container: its output in the log, its status" {
	start_pod
	start main '["sh", "-c", "echo out; echo err >&2; exit 3"]'
	eventually 20 ended
	[ "$(status_of exit_code)" = 3 ]
	[ "$(status_of reason)" = Error ]
	eventually 10 log_has main "stdout F out"
	eventually 10 log_has main "stderr F err"
}

@test "the pod's name and network, and the host's" {
	start_pod
	start main '["sleep", "1000"]'
	run exec_sync sh -c 'hostname; cat /sys/class/net/eth0/operstate; ip -4 address show eth0 | grep -c 10.99.0.2'
	[[ $output == "$UID_OF_POD"*$'1\nstatus 0' ]]
	UID_OF_POD+=-host
	start_pod 'del(.hostname) | .linux.security_context.namespace_options.network = "NODE"'
	start main '["sleep", "1000"]'
	run exec_sync readlink /proc/self/ns/net
	[[ $output == "$(readlink /proc/self/ns/net)"* ]]
}

@test "a container with a terminal" {
	only_full
	start_pod
	start main '["sh", "-c", "tty; test -t 0 && test -t 1 && echo both"]' '.tty = true | .stdin = true'
	eventually 20 ended
	eventually 10 log_has main both
	log_has main /dev/pts/0
}

@test "megabytes into the log, more than the container may have" {
	only_full
	start_pod
	start main "[\"sh\", \"-c\", \"dd if=/dev/zero bs=1M count=${MEGABYTES:-16} 2>/dev/null | tr '\\\\0' x\"]" \
		'.linux.resources = {memory_limit_in_bytes: 67108864}'
	eventually 120 ended
	[ "$(status_of 'exit_code // 0')" = 0 ]
	is_all() { [[ $(cut -d ' ' -f 4- "/var/log/pods/$UID_OF_POD/main.log" | tr -d '\n' | wc -c) == $((${MEGABYTES:-16} << 20)) ]]; }
	eventually 20 is_all
	rm "/var/log/pods/$UID_OF_POD/main.log"
}

@test "no such program: StartError with its name" {
	start_pod
	create main '["/no/such/program"]'
	run on StartContainer
	[ "$status" -ne 0 ]
	[[ $output == *"/no/such/program"*"no such file or directory"* ]]
	[ "$(status_of reason)" = StartError ]
	[ "$(status_of exit_code)" = 128 ]
}

@test "no such handler" {
	run cri RunPodSandbox "$(jq -n --argjson c "$(pod)" '{config: $c, runtime_handler: "nosuch"}')"
	[ "$status" -ne 0 ]
	[[ $output == *nosuch* ]]
}

@test "ExecSync: output, status, and the end when it takes too long" {
	start_pod
	start main '["sleep", "1000"]'
	run exec_sync sh -c 'echo out; echo err >&2; exit 9'
	[[ $output == *out*err*"status 9" ]]
	run on ExecSync '{cmd: ["sleep", "600"], timeout: 1}'
	[ "$status" -ne 0 ]
	[[ $output == DEADLINE_EXCEEDED* ]]
	run exec_sync sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" " "'
	[[ $output == *"sleep 1000"* && $output != *"sleep 600"* ]]
}

@test "ExecSync: no such program is an error" {
	start_pod
	start main '["sleep", "1000"]'
	run exec_sync nosuchprogram
	[[ $output == *nosuchprogram* ]]
}

@test "limits: of the container, in the pod's slice, changed while it runs" {
	start_pod
	start main '["sleep", "1000"]' '.linux.resources = {memory_limit_in_bytes: 67108864, cpu_quota: 50000, cpu_period: 100000, cpu_shares: 512}'
	run exec_sync sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max'
	[ "$output" = $'67108864\n50000 100000\nstatus 0' ]
	[ -d "$CGROUP/kubepods.slice/kubepods-$UID_OF_POD.slice" ]
	on UpdateContainerResources '{linux: {memory_limit_in_bytes: 100663296, cpu_quota: 20000, cpu_period: 100000}}'
	systemctl daemon-reload
	run exec_sync sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max'
	[ "$output" = $'100663296\n20000 100000\nstatus 0' ]
}

@test "ContainerStats: memory and processor" {
	start_pod
	start main '["sh", "-c", "while :; do :; done"]'
	used() { on ContainerStats | jq -e '(.stats.cpu.usage_core_nano_seconds.value | tonumber) > 0 and (.stats.memory.working_set_bytes.value | tonumber) > 0'; }
	eventually 20 used
}

@test "StopContainer: asked first, then killed" {
	start_pod
	start polite '["sh", "-c", "trap \"exit 42\" TERM; echo up; while :; do sleep 0.1; done"]'
	eventually 20 log_has polite up
	on StopContainer '{timeout: 20}'
	[ "$(status_of exit_code)" = 42 ]
	start deaf '["sh", "-c", "trap \"\" TERM; echo up; while :; do sleep 0.1; done"]'
	eventually 20 log_has deaf up
	on StopContainer '{timeout: 1}'
	[ "$(status_of exit_code)" = 137 ]
}

@test "over the memory: the reason is OOMKilled" {
	mkdir -p "$BATS_TEST_TMPDIR/v"
	start_pod
	# The shim does not tell of what was before it looked, nor of what it has not read when the cgroup is empty.
	start main '["sh", "-c", "until [ -e /v/seen ]; do tail /dev/zero; done; exit 137"]' ".linux.resources = {
		memory_limit_in_bytes: 33554432} | .mounts = [{container_path: \"/v\", host_path: \"$BATS_TEST_TMPDIR/v\"}]"
	eventually 30 status_is reason OOMKilled
	touch "$BATS_TEST_TMPDIR/v/seen"
	eventually 30 ended
	[ "$(status_of exit_code)" = 137 ]
	[ "$(status_of reason)" = OOMKilled ]
}

@test "two containers of a pod: IPC and, when asked for, processes" {
	start_pod '.linux.security_context.namespace_options.pid = "POD"'
	start one '["sleep", "1234"]'
	start two '["sleep", "1000"]'
	run exec_sync sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" "\n" | grep -cx "123[4]"; readlink /proc/1/ns/ipc; readlink /proc/self/ns/ipc'
	[ "${lines[0]}" = 1 ]
	[ "${lines[-3]}" = "${lines[-2]}" ]
}

@test "securityContext: user, read-only root, capabilities, no new privileges, seccomp" {
	start_pod
	start main '["sleep", "1000"]' '.linux.security_context += {run_as_user: {value: 1000}, run_as_group: {value: 2000},
		readonly_rootfs: true, no_new_privs: true, capabilities: {drop_capabilities: ["ALL"], add_capabilities: ["NET_RAW"]},
		seccomp: {profile_type: "RuntimeDefault"}}'
	run exec_sync sh -c 'id -u; id -g; grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/self/status; touch /file 2>&1'
	[[ $output == $'1000\n2000\nCapBnd:\t0000000000002000\nNoNewPrivs:\t1\nSeccomp:\t2\n'*Read-only*"status 1" ]]
}

@test "privileged" {
	start_pod '.linux.security_context.privileged = true'
	start main '["sleep", "1000"]' '.linux.security_context.privileged = true'
	run exec_sync sh -c 'mount -t tmpfs none /mnt && echo mounted; grep Seccomp: /proc/self/status'
	[[ $output == $'mounted\nSeccomp:\t0\nstatus 0' ]]
}

@test "hostUsers: false, a pod in a user namespace" {
	start_pod '.linux.security_context.namespace_options.userns_options = {mode: "POD",
			uids: [{host_id: 2000000, container_id: 0, length: 65536}], gids: [{host_id: 2000000, container_id: 0, length: 65536}]}'
	start main '["sleep", "1000"]'
	run exec_sync sh -c 'cat /proc/self/uid_map; stat -c %u /'
	[[ $output == *"0"*2000000*65536* ]]
}

@test "mounts: read-only, recursively read-only, propagation" {
	mkdir -p "$BATS_TEST_TMPDIR/v/sub"
	mount -t tmpfs none "$BATS_TEST_TMPDIR/v/sub"
	start_pod
	start main '["sleep", "1000"]' ".mounts = [{container_path: \"/v\", host_path: \"$BATS_TEST_TMPDIR/v\", readonly: true, recursive_read_only: true}]"
	umount "$BATS_TEST_TMPDIR/v/sub"
	run exec_sync sh -c 'touch /v/file 2>&1; touch /v/sub/file 2>&1'
	[[ $output == *"/v/file: Read-only"*"/v/sub/file: Read-only"*"status 1" ]]
}

@test "containerd restarted: the pod runs on" {
	start_pod
	start main '["sh", "-c", "trap \"exit 4\" TERM; echo up; while :; do sleep 0.1; done"]'
	eventually 20 log_has main up
	systemctl restart containerd
	eventually 30 status_is state CONTAINER_RUNNING
	run exec_sync echo still here
	[ "$output" = $'still here\nstatus 0' ]
	on StopContainer '{timeout: 20}'
	[ "$(status_of exit_code)" = 4 ]
}

@test "many containers of a pod at once" {
	only_full
	local i pid n=${CONTAINERS:-10} pids=()
	start_pod
	for ((i = 1; i <= n; i++)); do
		start "many-$i" '["sleep", "1000"]' &
		pids+=($!)
		if ((i % 10 == 0 || i == n)); then
			for pid in "${pids[@]}"; do wait "$pid"; done
			pids=()
		fi
	done
	all_run() { [[ $(cri ListContainers '{"filter": {"state": {"state": "CONTAINER_RUNNING"}}}' | jq '.containers | length') == "$n" ]]; }
	eventually 20 all_run
}

@test "everything killed and /run lost, as by a reboot: the pod can be removed, and another made" {
	local pids
	start_pod
	start main '["sleep", "1000"]'
	mapfile -t pids < <(pids_of)
	((${#pids[@]} == 2))
	systemctl stop containerd
	end_all containerd-shim
	end_cgroup "$CGROUP/kubepods.slice"
	eventually 10 no_process "${pids[@]}"
	eventually 10 no_cgroup "$ID"
	lose /run/containerd
	systemctl start containerd
	eventually 30 cri Status >/dev/null
	eventually 30 status_is state CONTAINER_EXITED
	cri StopPodSandbox "{\"pod_sandbox_id\": \"$POD\"}"
	cri RemovePodSandbox "{\"pod_sandbox_id\": \"$POD\"}"
	start_pod
	start main '["sleep", "1000"]'
	eventually 10 status_is state CONTAINER_RUNNING
}

@test "RemovePodSandbox: leaves no process, cgroup, mount or state" {
	local pids
	start_pod
	start main '["sleep", "1000"]'
	mapfile -t pids < <(pids_of)
	((${#pids[@]} == 2))
	cri StopPodSandbox "{\"pod_sandbox_id\": \"$POD\"}"
	cri RemovePodSandbox "{\"pod_sandbox_id\": \"$POD\"}"
	eventually 10 no_process "${pids[@]}"
	eventually 10 no_cgroup "$ID"
	eventually 10 no_cgroup "$POD"
	run ! grep -qE "$ID|$POD" /proc/self/mountinfo
	[ ! -e "/run/containerd/runc/k8s.io/$ID" ]
	[ ! -e "/run/containerd/runc/k8s.io/$POD" ]
}
