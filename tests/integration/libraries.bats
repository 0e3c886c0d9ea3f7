#!/usr/bin/env bats
# Libraries that are loaded late, by a kedge that is linked statically: where the machine's C library is of another version it
# goes on as kedge-shared. The other version is a copy of this machine's with another number in its text, mounted over it.
# shellcheck disable=SC2154 # run sets stderr

bats_require_minimum_version 1.5.0

setup() {
	KEDGE=${KEDGE:-$BATS_TEST_DIRNAME/../../build/bin/kedge}
	if readelf -lW "$KEDGE" | grep -q INTERP; then skip "kedge is linked with the shared C library"; fi
	LIBC=$(realpath /lib/"$(uname -m)"-linux-gnu/libc.so.6) || skip "libc.so.6 is elsewhere"
	cd "$BATS_TEST_TMPDIR" || return
	mkdir bundle bundle/rootfs root
	jq -n '{ociVersion: "1.0.2", root: {path: "rootfs"}, linux: {namespaces: [{type: "mount"}]},
		process: {user: {uid: 0, gid: 0}, args: ["true"], cwd: "/", selinuxLabel: "a:b:c:d"}}' >bundle/config.json
}

# elsewhere COMMAND...: where libc.so.6 says that it is glibc 9.99
elsewhere() {
	sed 's/\( release version \)2\.[0-9][0-9]\./\19.99./' "$LIBC" >libc
	if cmp -s libc "$LIBC"; then skip "the version of this C library is not found"; fi
	run --separate-stderr unshare --mount --propagation private -- \
		bash -euc 'mount --bind libc "$1"; shift; exec "$@"' - "$LIBC" "$@"
}

create() { elsewhere strace -f -e trace=execve -o trace "$1" --root "$PWD/root" create --preserve-fds 1 --bundle bundle c1 3</dev/null; }

@test "libraries: a statically linked kedge goes on as kedge-shared, with its descriptors" {
	[ -x "${KEDGE%/*}/kedge-shared" ]
	create "$KEDGE"
	[ "$status" -eq 1 ]
	[[ $stderr == *"process.selinuxLabel"* ]]
	[[ $stderr != *"preserved-fd"* ]]
	grep -q 'execve(".*/kedge-shared", .* = 0$' trace
	[ -z "$(ls root)" ]
}

@test "libraries: where the C library is the right one it does not" {
	[[ $(cc -print-file-name=libc.a 2>/dev/null) == /* ]] || skip "no libc.a: kedge was linked on another machine"
	run --separate-stderr strace -f -e trace=execve -o trace "$KEDGE" --root "$PWD/root" create --bundle bundle c1
	[ "$status" -eq 1 ]
	[[ $stderr == *"process.selinuxLabel"* ]]
	[ "$(grep -c execve trace)" -eq 1 ]
}

@test "libraries: without kedge-shared it is an error, and nothing is left" {
	cp "$KEDGE" kedge
	create "$PWD/kedge"
	[ "$status" -eq 1 ]
	[[ $stderr == *"this machine has another, and kedge-shared cannot be executed"* ]]
	[ -z "$(ls root)" ]
}
