#!/usr/bin/env bats
# A machine in a container, with the drift guard enforcing and every tier of the kernel's: its systemd and its podman make namespaces,
# mounts and containers of their own, and none of it is drift.
# shellcheck disable=SC2016,SC2034 # what is quoted is for the container's shell

load helpers

LOG=/var/log/kedge/guard.jsonl

setup_file() { guard_with '{"mode": "enforce", "nesting": "nested", "syscall-tier": true}'; }
teardown_file() { end_guard; }

setup() {
	only_kedge "has no drift guard"
	local at=$BATS_TEST_TMPDIR/machine
	mkdir "$at"
	mount -t tmpfs none "$at"
	mkdir "$at"/{upper,work,root}
	mount -t overlay none -o "lowerdir=/,upperdir=$at/upper,workdir=$at/work" "$at/root"
}

teardown() {
	last_output
	clean_up
	umount "$BATS_TEST_TMPDIR/machine/root" "$BATS_TEST_TMPDIR/machine"
}

# machine ARGS-AS-JSON: all capabilities, devices and system calls, its own cgroup to write, and /run and /tmp to itself.
machine() {
	bundle busybox "$1" '
		.root = {path: "'"$BATS_TEST_TMPDIR"'/machine/root", readonly: false} | .process.noNewPrivileges = false |
		.process.capabilities |= with_entries(.value = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER",
			"CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
			"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_CHROOT",
			"CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TTY_CONFIG",
			"CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_SETFCAP", "CAP_AUDIT_CONTROL"]) |
		.process.env += ["container=kedge"] |
		.linux.resources.devices = [{allow: true, access: "rwm"}] |
		.mounts |= map(if .destination == "/sys/fs/cgroup" then .options = ["nosuid", "noexec", "nodev", "rw"] else . end) |
		.mounts += [{destination: "/run", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=755"]},
			{destination: "/var/lib/containers", type: "tmpfs", source: "tmpfs", options: ["mode=700"]}]'
}

# Whoever is guarded is refused bpf(2), and told of; systemd asks what there is of it and does without. Nothing else is found.
nothing_found() {
	run rt guard verify machine
	[ "$status" -eq 0 ]
	run jq -c 'select(.type == "drift" and .id == "machine" and ([.hook, .action] != ["bpf", "denied"]))' "$LOG"
	[ -z "$output" ]
	[ "$(rt state machine | jq -r .status)" = running ]
}

@test "guard: podman in a container" {
	machine '["sleep", "100000"]'
	rt_detached machine
	rt exec machine sh -c 'podman import -q -c "CMD [\"sh\"]" /images/busybox.tar localhost/vm/busybox:1 >/dev/null'
	run rt exec machine podman --cgroup-manager cgroupfs --runtime crun run --rm --network none localhost/vm/busybox:1 \
		sh -c 'readlink /proc/self/ns/mnt; echo inside; exit 7'
	[ "$status" -eq 7 ]
	[[ $output == *inside* ]]
	[[ $output != *"$(rt exec machine readlink /proc/self/ns/mnt)"* ]]
	run rt exec machine sh -c 'podman --cgroup-manager cgroupfs --runtime crun run -d --name in --network none localhost/vm/busybox:1 sleep 1000 &&
		podman exec in echo again && podman rm -f -t 0 in' </dev/null
	[[ $output == *again* ]]
	nothing_found
}

@test "guard: systemd as the init of a container" {
	machine '["/sbin/init"]'
	rt_detached machine
	up() { [[ $(rt exec machine systemctl is-system-running 2>&1) == @(running|degraded) ]]; }
	eventually 120 up
	run rt exec machine systemd-run -q --wait --pipe -p PrivateTmp=yes -p ProtectSystem=strict -p DynamicUser=yes \
		-p PrivateNetwork=yes sh -c 'id -u; readlink /proc/self/ns/net'
	[ "$status" -eq 0 ]
	(("${lines[0]}" > 60000))
	[ "${lines[1]}" != "$(rt exec machine readlink /proc/self/ns/net)" ]
	nothing_found
}
