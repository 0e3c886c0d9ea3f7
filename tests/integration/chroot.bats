#!/usr/bin/env bats
# kedge inside a chroot: setns(2) into the container's mount namespace leads to the namespace's own root, which must be the container's.

load helpers

setup() {
	if grep -q -e libasan -e libubsan < <(ldd "$KEDGE"); then skip "a build with sanitizers needs their libraries in the chroot"; fi
	begin
}

# in_chroot SETUP COMMANDS: in the Debian root, with the busybox root at /tmp/bundle/rootfs; SETUP runs outside, in the same mount namespace.
in_chroot() {
	config '.root.path = "rootfs" | .process.args = ["sleep", "1000"]' 'del(.linux.cgroupsPath)' \
		".linux.cgroupsPath = \"$PARENT/c1\""
	unshare --mount --propagation private -- bash -euc '
		root=$1 kedge=$2 busybox=$3 config=$4
		eval "$5"
		mount --rbind /proc "$root/proc"; mount --rbind /sys "$root/sys"; mount --rbind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/tmp"; mount -t tmpfs tmpfs "$root/run"
		mkdir -p "$root/tmp/bundle/rootfs"
		cp -a "$busybox/." "$root/tmp/bundle/rootfs"; touch "$root/tmp/bundle/rootfs/IN_CONTAINER"
		cp "$kedge" "$root/tmp/kedge"; cp "$config" "$root/tmp/bundle/config.json"
		exec chroot "$root" sh -euc "cd /tmp/bundle; $6"' chroot \
		"$(realpath "$ROOTS/debian")" "$KEDGE" "$ROOTFS" "$BUNDLE/config.json" "$1" "$2"
}

life='/tmp/kedge run -d c1 </dev/null >/dev/null; /tmp/kedge exec c1 sh -c "ls -d /IN_CONTAINER; cat /proc/1/comm; ls -d /lib64 2>&1"'
life+=' || :; /tmp/kedge delete --force c1; /tmp/kedge list -q'

@test "chroot: exec stays in the container" {
	run in_chroot : "$life"
	is "${lines[0]}" /IN_CONTAINER
	is "${lines[1]}" sleep
	has "${lines[2]}" "No such file"
	is "${#lines[@]}" 3
}

@test "chroot: exec stays in the container when the chroot is a mount" {
	run in_chroot 'mount --rbind "$root" "$root"' "$life"
	is "${lines[0]}" /IN_CONTAINER
	is "${lines[1]}" sleep
	is "${#lines[@]}" 3
}

@test "chroot: --no-pivot is refused" {
	run in_chroot : '/tmp/kedge run --no-pivot c1 2>&1 </dev/null || echo "status $?"; /tmp/kedge list -q'
	has "$output" "kedge runs in a chroot"
	is "${lines[-1]}" "status 1"
}
