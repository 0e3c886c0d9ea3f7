# shellcheck shell=bash
# For the bats files: they run inside a test bed, with RUNTIME the runtime
# under test. crun and runc are in the beds, to compare with.

RUNTIME=${RUNTIME:-/kedge/build/bin/kedge}
IMAGES=/images
CGROUP=/sys/fs/cgroup

runtime_name() { basename -- "$RUNTIME"; }

# Above, not in place of, what every runtime must do.
only_kedge() {
	[[ $(runtime_name) == kedge ]] || skip "$(runtime_name): $1"
}

# Commands come with later versions: a test of one that is not there says so.
needs_command() {
	"$RUNTIME" "$1" --help >/dev/null 2>&1 || skip "$(runtime_name) has no command '$1'"
}

# The cgroup manager that engines shall use: their own default.
driver() { echo systemd; }

# split_options OPTION... -- WORD...: into options and words, which are the caller's own.
# shellcheck disable=SC2034
split_options() {
	options=()
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	words=("${@:2}")
}

# What takes half a minute and more is for the comparison of engines.
only_full() { [[ ${FULL:-} ]] || skip "takes long: FULL=1 scripts/test engines has it"; }

# pm ARGUMENT...: podman, in time; typed: the same on a terminal, as a person would.
pm() { timeout --foreground -k 5 120 podman --runtime "$RUNTIME" --cgroup-manager "$(driver)" "$@" 3>&-; }

typed() {
	timeout --foreground -k 5 120 script -qec \
		"podman --runtime $RUNTIME --cgroup-manager $(driver) $(printf '%q ' "$@")" \
		/dev/null </dev/null 3>&-
}

# Everything a detached process could hold on to must not be bats' own. The time is for what hangs: an image is imported by exec on a
# machine that is emulated beside others.
rt() { timeout --foreground -k 5 240 "$RUNTIME" --root "$BATS_TEST_TMPDIR/root" "$@" 3>&-; }

rt_detached() {
	rt run -d --bundle "$BATS_TEST_TMPDIR/bundle" "$1" \
		</dev/null >"$BATS_TEST_TMPDIR/$1.log" 2>&1 ||
		{ cat "$BATS_TEST_TMPDIR/$1.log"; return 1; }
}

rt_run() { run rt run --bundle "$BATS_TEST_TMPDIR/bundle" "$1"; }

# bundle IMAGE ARGS-AS-JSON [JQ-FILTER]: one cgroup per test.
bundle() {
	mkdir -p "$BATS_TEST_TMPDIR/bundle"
	jq -n --arg root "$IMAGES/$1" --argjson args "$2" --arg cgroup "$(cgroup_name)" '
		["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_MKNOD", "CAP_SETGID",
		 "CAP_SETUID", "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE"] as $caps |
		{
			ociVersion: "1.0.2",
			process: {
				user: {uid: 0, gid: 0}, args: $args, cwd: "/",
				env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"],
				capabilities: {bounding: $caps, effective: $caps, permitted: $caps},
				noNewPrivileges: true
			},
			root: {path: $root, readonly: true},
			hostname: "vm-test",
			mounts: [
				{destination: "/proc", type: "proc", source: "proc"},
				{destination: "/dev", type: "tmpfs", source: "tmpfs",
				 options: ["nosuid", "strictatime", "mode=755", "size=65536k"]},
				{destination: "/dev/pts", type: "devpts", source: "devpts",
				 options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
				{destination: "/dev/shm", type: "tmpfs", source: "shm",
				 options: ["nosuid", "noexec", "nodev", "mode=1777"]},
				{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"]},
				{destination: "/sys", type: "sysfs", source: "sysfs",
				 options: ["nosuid", "noexec", "nodev", "ro"]},
				{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
				 options: ["nosuid", "noexec", "nodev", "rw"]}
			],
			linux: {
				cgroupsPath: $cgroup,
				namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup" | {type: .}],
				resources: {devices: [{allow: false, access: "rwm"}]}
			}
		}' | jq "${3:-.}" >"$BATS_TEST_TMPDIR/bundle/config.json"
}

cgroup_name() { echo "/kedge-vm-${BATS_TEST_NUMBER:-file}"; }

# cgroup FILE [NAME]: what is in a file of the container's cgroup.
cgroup() { cat "$CGROUP${2:-$(cgroup_name)}/$1"; }

# cgroup_key FILE KEY [NAME]: from a file of lines "key value".
cgroup_key() { cgroup "$1" "${3:-}" | sed -n "s/^$2 //p"; }

# disk_number: of the device that /var is on, as MAJOR:MINOR.
disk_number() { mountpoint -d / || stat -c '%Hd:%Ld' /var; }

# --- the guard's programs

GUARD=/run/kedge-guard

# Beside other machines the one that is emulated may take longer to load the programs than a host may (50 s): then once more.
start_guard() {
	"$RUNTIME" guard start </dev/null 3>&- || "$RUNTIME" guard start </dev/null 3>&-
	[[ $(rt guard status --json | jq '.tiers | length') == 1 ]] || return 0
	rt guard stop --force
	"$RUNTIME" guard start </dev/null 3>&-
}

# For setup_file and teardown_file: the guard with that policy, and its end.
guard_with() { # POLICY
	[[ $(runtime_name) == kedge ]] || return 0
	mkdir -p /etc/kedge
	echo "$1" >/etc/kedge/policy.json
	start_guard
}

end_guard() {
	[[ $(runtime_name) == kedge ]] || return 0
	"$RUNTIME" guard stop --force 3>&-
	rm -rf /etc/kedge
}

links() { find "$GUARD/bpf/1" -mindepth 2 -maxdepth 2 -type f; }

# What a host without LSM programs is left with. kedge-guard would put them back: it is stopped, so that all that ends a container
# is what the kernel does.
without_lsm() {
	kill -STOP "$(<"$GUARD/lock")"
	links | grep -Ev '/(fork|exec|exits|switches|tick|tick_hr|cgroup_attach|sweep)$' | xargs -r rm
	# 6.12 takes seconds to detach what nobody has a link to.
	eventually 60 no_lsm_program
}

no_lsm_program() { ! grep -qE 'bpf_prog_[0-9a-f]+_(open|use_capability|credentials|make_namespaces)\s' /proc/kallsyms; }

# --- what goes away a moment later, and while one looks

# no_cgroup WORD: no directory has it in its name. Those of others come and go meanwhile.
no_cgroup() { [[ -z $(find "$CGROUP" -name "*$1*" -type d 2>/dev/null) ]]; }

# no_process PID...: not even what is left for its parent.
no_process() {
	local pid
	for pid; do [[ ! -e /proc/$pid ]] || return 1; done
}

# end_cgroup DIRECTORY: all in it, and below.
end_cgroup() {
	echo 1 >"$1/cgroup.kill"
	eventually 20 nobody_in "$1"
}

nobody_in() { ! grep -qx 'populated 1' "$1/cgroup.events" 2>/dev/null; }

# end_all COMMAND: of the whole machine, as no engine expects it.
end_all() {
	pkill -KILL -x "$1" || :
	eventually 20 none_runs "$1"
}

none_runs() { ! pgrep -r D,R,S,T -x "$1" >/dev/null; }

# lose DIRECTORY...: as a reboot takes what is in /run, with what is mounted there.
lose() { eventually 20 lost "$@"; }

lost() {
	local at
	for at; do
		awk -v at="$at" '$5 == at || index($5, at "/") == 1 { print $5 }' /proc/self/mountinfo | sort -r |
			xargs -r -n 1 umount -l 2>/dev/null
		rm -rf --one-file-system "$at" 2>/dev/null || return 1
	done
}

# bats shows what a test printed only when it has failed.
last_output() { printf 'the last status was %s, with\n%s\n' "${status:-}" "${output:-}"; }

clean_up() {
	local id
	for id in "$BATS_TEST_TMPDIR"/root/*/; do
		if [[ -d $id ]]; then rt delete --force "$(basename "$id")" || :; fi
	done
	# What a failed test leaves must not fail the next one.
	find "$CGROUP$(cgroup_name)" "$CGROUP$(cgroup_name)"-* -depth -type d \
		-exec sh -c 'echo 1 >"$1/cgroup.kill"; sleep 0.1; rmdir "$1"' - {} \; 2>/dev/null || :
}

# eventually SECONDS COMMAND...: tries until it succeeds. The seconds are those of a machine that has nothing else to do, and time costs
# nothing when a thing happens: it may take four times as long.
eventually() {
	local end=$((SECONDS + 4 * $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}
