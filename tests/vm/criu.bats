#!/usr/bin/env bats
# checkpoint and restore where criu's own handling of cgroups works, with systemd, Podman, and a drift guard that has all it can have
# of the kernel's and enforces: nothing of it is drift. The rest is in tests/integration/checkpoint*.bats.
# shellcheck disable=SC2016 # what is quoted is for the container's shell

load helpers

LOG=/var/log/kedge/guard.jsonl

setup_file() {
	local lib
	lib=$IMAGES/criu/usr/lib/$(uname -m)-linux-gnu
	mkdir -p /run/vm-criu
	printf '#!/bin/sh\nexec %s/ld-linux-*.so.* --library-path %s %s/criu/usr/sbin/criu "$@"\n' "$lib" "$lib" "$IMAGES" >/run/vm-criu/criu
	chmod +x /run/vm-criu/criu
	export PATH=/run/vm-criu:$PATH
	guard_with '{"mode": "enforce", "nesting": "strict", "syscall-tier": true}'
}

teardown_file() { end_guard; }

setup() {
	criu check >"$BATS_TEST_TMPDIR/check" 2>&1 || skip "criu does not work on this kernel: $(tail -n 1 "$BATS_TEST_TMPDIR/check")"
	DUMP=$BATS_TEST_TMPDIR/images
	BUNDLE=$BATS_TEST_TMPDIR/bundle
}

teardown() {
	last_output
	clean_up
}

# counter [FILTER]: in a root that may be written, what counts in memory.
counter() {
	cp -a "$IMAGES/busybox" "$BATS_TEST_TMPDIR/rootfs"
	bundle busybox '["sh", "-c", "sleep 100000 & i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; sleep 0.1; done"]' \
		".root.path = \"$BATS_TEST_TMPDIR/rootfs\" | ${1:-.}"
	"${RT[@]}" run -d --bundle "$BUNDLE" c </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- || { cat "$BATS_TEST_TMPDIR/log"; return 1; }
	eventually 30 counts
}
RT=(rt)
inside() { rt exec c "$@" </dev/null; }
counts() { inside test -s /tmp/n 2>/dev/null; }
number() {
	local n=
	until [[ $n ]]; do n=$(inside cat /tmp/n); done
	echo "$n"
}

# moved OPTION...: checkpointed and restored with them; it goes on, and the guard has found nothing.
moved() {
	local before after
	before=$(number)
	"${RT[@]}" checkpoint "$@" --image-path "$DUMP" c >"$BATS_TEST_TMPDIR/log" 2>&1 ||
		{ cat "$BATS_TEST_TMPDIR/log"; tail -n 20 "$DUMP/dump.log"; return 1; }
	"${RT[@]}" restore "$@" -d --bundle "$BUNDLE" --image-path "$DUMP" c </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- ||
		{ cat "$BATS_TEST_TMPDIR/log"; tail -n 20 "$DUMP/restore.log"; return 1; }
	after=$(number)
	((after >= before && after < before + 200)) || { echo "restored at $after, checkpointed at $before"; return 1; }
	eventually 30 is_beyond "$after"
	nothing_found
}
is_beyond() { (($(number) > $1)); }

# What the guard has found in this test's containers.
found() { jq -c --arg root "$BATS_TEST_TMPDIR/root" 'select(.type == "drift" and .root == $root)' "$LOG"; }

nothing_found() {
	[[ $(runtime_name) == kedge ]] || return 0
	run rt guard verify c
	[ "$status" -eq 0 ]
	run found
	[ -z "$output" ]
}

in_cgroup() { [ "$(sed -n 's/^0:://p' "/proc/$(rt state c | jq .pid)/cgroup")" = "$1" ]; }

@test "criu: the guard takes nothing of a checkpoint and a restore for drift" {
	counter '.linux.resources.memory.limit = 67108864'
	moved --manage-cgroups-mode ignore
	in_cgroup "$(cgroup_name)"
	inside sh -c 'sleep 0.2; (true)'
	rm -r "$DUMP"
	moved --manage-cgroups-mode ignore
	[ "$(cgroup memory.max)" = 67108864 ]
}

@test "criu: the guard takes nothing of a checkpoint that leaves it running for drift" {
	local before
	counter
	before=$(number)
	rt checkpoint --leave-running --manage-cgroups-mode ignore --image-path "$DUMP" c
	eventually 30 is_beyond "$before"
	nothing_found
}

@test "guard: su and sudo are no drift" {
	[[ -x $IMAGES/debian/usr/bin/sudo ]] || skip "the image of the bed was made of a root without sudo: tests/helpers/mkroots makes one with it"
	local at=$BATS_TEST_TMPDIR/layers
	mkdir "$at"
	mount -t tmpfs none "$at"
	mkdir "$at"/{upper,work,root}
	mount -t overlay none -o "lowerdir=$IMAGES/debian,upperdir=$at/upper,workdir=$at/work" "$at/root"
	echo 'user ALL=(ALL:ALL) NOPASSWD: ALL' >"$at/root/etc/sudoers.d/user"
	chmod 440 "$at/root/etc/sudoers.d/user"
	echo 'user:*:20000:0:99999:7:::' >>"$at/root/etc/shadow"
	echo '127.0.0.1 vm-test' >>"$at/root/etc/hosts"
	bundle debian '["sleep", "100000"]' ".root = {path: \"$at/root\", readonly: false} | .process.noNewPrivileges = false"
	rt_detached c
	run inside sh -c 'su -s /bin/sh nobody -c "id -u; sh -c \"id -un\""; if su -s /bin/sh nobody -c "su -c id"; then exit 1; fi'
	[ "$status" -eq 0 ]
	[[ $output == $'65534\nnobody\n'* ]]
	run rt exec -u 1000:1000 c sh -c 'id -u; sudo id -u; sudo -u nobody id -un; sudo sh -c "true | id -un; (sleep 0.1)"
		sudo su -s /bin/sh nobody -c "id -u"; sudo -b sleep 0.1; i=0; while [ $i -lt 20 ]; do sudo true || exit 1; i=$((i + 1)); done' </dev/null
	[ "$status" -eq 0 ]
	[ "$output" = $'1000\n0\nnobody\nroot\n65534' ]
	nothing_found
	rt delete --force c
	umount "$at/root" "$at"
}

@test "criu: what drifts after a restore is killed" {
	only_kedge "has no drift guard"
	counter '.process.capabilities |= with_entries(.value += ["CAP_SYS_ADMIN"])'
	moved --manage-cgroups-mode ignore
	inside unshare -n true || :
	stopped() { [ "$(rt state c | jq -r .status)" = stopped ]; }
	eventually 30 stopped
	run found
	[[ $output == *'"action":"killed"'* ]]
}

cgroup_mode() { # MODE
	counter '.linux.resources.pids.limit = 50'
	moved --manage-cgroups-mode "$1"
	in_cgroup "$(cgroup_name)"
	[ "$(cgroup pids.max)" = 50 ]
}
@test "criu: --manage-cgroups-mode soft" { cgroup_mode soft; }
@test "criu: --manage-cgroups-mode full" { cgroup_mode full; }
@test "criu: --manage-cgroups-mode strict" {
	cgroup_mode strict
	rm -r "$DUMP"
	rt checkpoint --image-path "$DUMP" c
	mkdir "$CGROUP$(cgroup_name)"
	run rt restore --manage-cgroups-mode strict -d --bundle "$BUNDLE" --image-path "$DUMP" c </dev/null
	rmdir "$CGROUP$(cgroup_name)"
	[ "$status" -ne 0 ]
	[[ $output == *"--manage-cgroups-mode strict: cgroup '"*"': file exists"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/root/c" ]
}

@test "criu: what criu does with cgroups when it is not told" {
	counter '.linux.resources.pids.limit = 50'
	moved
	in_cgroup "$(cgroup_name)"
	[ "$(cgroup pids.max)" = 50 ]
}

@test "criu: in a scope of systemd" {
	[[ -d /run/systemd/system ]] || skip "no systemd here"
	RT=(rt --systemd-cgroup)
	counter '.linux.cgroupsPath = "system.slice:vm:criu" | .linux.resources.pids.limit = 50'
	moved --manage-cgroups-mode ignore
	in_cgroup /system.slice/vm-criu.scope
	[ "$(systemctl show --value -p ActiveState vm-criu.scope) $(systemctl show --value -p TasksMax vm-criu.scope)" = "active 50" ]
	[ "$(cat "$CGROUP/system.slice/vm-criu.scope/pids.max")" = 50 ]
	rt delete --force c
	[ "$(systemctl show --value -p LoadState vm-criu.scope)" = not-found ]
}

# --- Podman

in_podman() {
	pm inspect --format '{{.State.Status}} {{.State.Checkpointed}}' c
}

@test "criu: podman container checkpoint and restore" {
	command podman image exists localhost/vm/busybox:1 || command podman import -q -c 'CMD ["sh"]' "$IMAGES/busybox.tar" localhost/vm/busybox:1
	run pm run -d --name c --network none localhost/vm/busybox:1 sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; sleep 0.1; done'
	[ "$status" -eq 0 ]
	has_number() { pm exec c test -s /tmp/n; }
	eventually 30 has_number
	run pm container checkpoint c
	[ "$status" -eq 0 ]
	[ "$(in_podman)" = "exited true" ]
	run pm container restore c
	[ "$status" -eq 0 ]
	[[ $(in_podman) == "running "* ]]
	before=$(pm exec c cat /tmp/n)
	((before > 0))
	# into a file, and from there as another container
	run pm container checkpoint --export "$BATS_TEST_TMPDIR/c.tar.gz" c
	[ "$status" -eq 0 ]
	pm rm -f -t 0 c
	run pm container restore --import "$BATS_TEST_TMPDIR/c.tar.gz" --name d
	[ "$status" -eq 0 ]
	((1$(pm exec d cat /tmp/n) >= 1))
	pm rm -f -t 0 d
}
