#!/usr/bin/env bats
# org.kedge.landlock: what the container's processes may do below which paths, whoever they are and however they came.
# shellcheck disable=SC2016,SC2154 # for the container's shell; what kedge() sets

load helpers

# landlock JSON: the filter with this annotation.
landlock() { echo ".annotations[\"org.kedge.landlock\"] = $(jq -n --arg v "$1" '$v')"; }
abi() { python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))'; }

setup() {
	begin
	if [[ $BATS_TEST_DESCRIPTION == *"needs the kernel"* ]]; then return; fi
	type -P python3 >/dev/null || skip "there is no python3"
	(($(abi) >= 3)) || skip "this kernel has Landlock of version $(abi), writing takes 3"
	own_root
	mkdir -m 1777 "$ROOTFS"/{in,out}
	echo old | tee "$ROOTFS/in/file" >"$ROOTFS/out/file"
	chmod 666 "$ROOTFS"/{in,out}/file
}

# Each line a try in a shell of its own: it prints those that succeed.
tries() {
	local try
	for try; do printf '(%s) 2>/dev/null && echo %q; ' "$try" "$try"; done
	echo :
}
writes=("echo new >>/in/file" "echo new >>/out/file" ": >/out/file" "truncate -s 0 /out/file" "mkdir /in/d" "mkdir /out/d"
	"rm /out/file" "ln -s x /out/l" "mkfifo /out/p" "mv /in/file /out/g" "mv /out/file /in/g" "mkdir /in/e" "mv /in/file /in/e/f")
may_write='echo new >>/in/file
mkdir /in/d
mkdir /in/e
mv /in/file /in/e/f'

@test "landlock: writing, of any kind, below the paths that are listed" {
	run_ok "$(tries "${writes[@]}")" writable "$(landlock '{"write": ["/in", "/dev/null"]}')"
	is "$output" "$may_write"
	is "$(ls "$ROOTFS/out")$(<"$ROOTFS/out/file")" fileold
	# What is not spoken of is free.
	run_ok 'cat /out/file; /bin/true && mv /in/e/f /in/file' writable "$(landlock '{"write": ["/in", "/dev/null"]}')"
	is "$output" old
}

@test "landlock: whoever it is: a user, root of a user namespace, without no_new_privs, with a filter that knows no Landlock" {
	local who filter may='{"write": ["/in", "/home/user", "/dev/null"]}'
	filter='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["landlock_create_ruleset", "landlock_add_rule",
		"landlock_restrict_self"], action: "SCMP_ACT_KILL_PROCESS"}]}'
	chmod 700 "$ROOTFS/home" # the user does not reach what is in it, and need not
	mkdir -p "$ROOTFS/home/user"
	for who in '.process.user = {uid: 1000, gid: 1000}' '.process.user = {uid: 1000, gid: 1000} | .process.noNewPrivileges = false' \
		'.process.noNewPrivileges = false' userns 'userns | .process.noNewPrivileges = false' \
		'caps(["CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH"]) | .process.noNewPrivileges = false'; do
		rm -rf "$ROOTFS"/in/*
		if [[ $who == userns* ]]; then chmod 711 "$ROOTFS/home"; fi # nor does its root
		run_ok "grep ^CapEff /proc/self/status; $(tries "echo new >>/in/new" "echo new >>/out/file" "mount -t tmpfs x /in")" \
			writable "$who" "$filter" "$(landlock "$may")"
		is "${lines[1]}" "echo new >>/in/new" || { echo "$who"; return 1; }
		is "${#lines[@]}" 2 || { echo "$who: $output"; return 1; }
		case $who in
		caps*) is "${lines[0]}" $'CapEff:\t0000000000200006' ;;
		*) is "${lines[0]}" $'CapEff:\t0000000000000000' ;;
		esac
	done
}

@test "landlock: executing, and what is written to be executed" {
	cp "$ROOTFS/bin/busybox" "$ROOTFS/out/sh"
	run_ok "$(tries 'cp /bin/busybox /in/sh && chmod 755 /in/sh' '/in/sh -c :' '/out/sh -c :' 'true' 'mv /in/sh /in/s')" writable \
		"$(landlock '{"execute": ["/bin"]}')"
	is "$output" "$(printf '%s\n' 'cp /bin/busybox /in/sh && chmod 755 /in/sh' true 'mv /in/sh /in/s')"
	config '.process.args = ["/out/sh"]' "$(landlock '{"execute": ["/bin"]}')"
	refused "permission denied"
	# Renaming between directories is none of it.
	run_ok 'mv /in/s /out/s' writable "$(landlock '{"execute": ["/bin"]}')"
}

@test "landlock: reading files and directories" {
	run_ok "$(tries 'cat /in/file' 'cat /out/file' 'ls /out' 'echo new >>/out/file' 'read x </dev/null || :')" writable \
		"$(landlock '{"read": ["/in", "/bin", "/dev/null"]}')"
	is "$output" "$(printf '%s\n' old 'cat /in/file' 'echo new >>/out/file' 'read x </dev/null || :')"
}

@test "landlock: exec has it, too" {
	start c1 writable "$(landlock '{"write": ["/in", "/dev/null"], "execute": ["/bin"]}')"
	ok exec c1 sh -c "$(tries "${writes[@]}")"
	is "$output" "$may_write"
	ok exec --user 1000:1000 c1 sh -c "$(tries 'echo x >/in/x' 'echo x >/out/file')"
	is "$output" 'echo x >/in/x'
	jq '.process | .args = ["sh", "-c", "echo x >/out/file; exit 9"] | .noNewPrivileges = false' "$BUNDLE/config.json" >"$T/process.json"
	kedge exec --process "$T/process.json" c1
	is "$status" 9
	has "$stderr" "Permission denied"
	fails 1 'annotations["org.kedge.landlock"]: criu restores processes without it' checkpoint --image-path "$T/images" c1
}

@test "landlock: paths that are not there, that are symlinks, that are no paths" {
	ln -s / "$ROOTFS/in/link"
	config "$(landlock '{"write": ["/in", "/nowhere"]}')"
	refused "annotations[\"org.kedge.landlock\"].write[1]: cannot allow access to '/nowhere': no such file or directory"
	config "$(landlock '{"write": ["/in/link/out"]}')"
	refused "name the path that the symlink leads to"
	config "$(landlock '{"write": ["in"]}')"
	refused 'annotations["org.kedge.landlock"].write[0]: must be an absolute path'
	config "$(landlock '{"writes": ["/in"]}')"
	refused 'annotations["org.kedge.landlock"].writes: is not known'
	config "$(landlock 'write=/in')"
	refused 'annotations["org.kedge.landlock"]'
}

@test "landlock: needs the kernel: without it the container is refused" {
	type -P python3 >/dev/null || skip "there is no python3"
	printf '#!/bin/sh\nexec %s landlock_create_ruleset %s "$@"\n' "$HELPERS/refuse" "$KEDGE" >"$T/kedge"
	chmod +x "$T/kedge"
	local real=$KEDGE
	KEDGE=$T/kedge
	config "$(landlock '{"write": ["/tmp"]}')"
	refused "cannot restrict accesses to files: this kernel has no Landlock, or it is off: function not implemented"
	config
	ok run --bundle "$BUNDLE" c1
	KEDGE=$real
}
