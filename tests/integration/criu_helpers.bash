# shellcheck shell=bash
# shellcheck disable=SC2034,SC2120,SC2154 # what the tests and helpers.bash use
# For the files about checkpoint and restore: criu, that of ROOTS/criu or of the host, and a program whose state tells whether it
# went on.

load guard_helpers

# criu's own cgroup handling makes mounts of cgroup v1 controllers that not every host has.
MODE=(--manage-cgroups-mode ignore)

# needs_criu: puts it into PATH, or says why there is none
needs_criu() {
	local root lib
	root=$(realpath -m "$ROOTS/criu")
	lib=$root/usr/lib/$(uname -m)-linux-gnu
	if [[ -x $root/usr/sbin/criu ]]; then
		mkdir -p "$T/bin"
		printf '#!/bin/sh\nexec %s/ld-linux-*.so.* --library-path %s %s/usr/sbin/criu "$@"\n' "$lib" "$lib" "$root" >"$T/bin/criu"
		chmod +x "$T/bin/criu"
		PATH=$T/bin:$PATH
	fi
	command -v criu >/dev/null || skip "there is no criu here, and no $ROOTS/criu (tests/helpers/mkroots criu)"
	criu check >"$T/check" 2>&1 || skip "criu does not work on this kernel: $(tail -n 1 "$T/check")"
}

# needs_feature NAME: of criu's, which the kernel has or not.
needs_feature() {
	criu check --feature "$1" >"$T/check" 2>&1 || skip "criu has no $1 on this kernel: $(tail -n 1 "$T/check")"
}

# What counts, and is found counting on: in memory, on a tmpfs, from a bind mount.
counter() {
	mkdir -p "$T/data"
	echo shared >"$T/data/file"
	[[ $ROOTFS == */debian ]] || own_root
	guarded "bind(\"$T/data\"; \"/mnt\"; [\"ro\"])" \
		'.process.args = ["sh", "-c", "i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; sleep 0.05; done"]' "$@"
	${RUN:-ok} run --detach --bundle "$BUNDLE" c1
	eventually test_exec 'test -s /tmp/n'
}
# silently COMMAND...: nothing but the null device as stdio
silently() {
	env "$MARK" "$KEDGE" --log "$T/silent.log" --root "$STATE" "$@" </dev/null >/dev/null 2>&1 3>&- 4>&- || { cat "$T/silent.log"; return 1; }
}
test_exec() { "$KEDGE" --root "$STATE" exec "${2:-c1}" sh -c "$1" </dev/null >/dev/null 2>&1; }
# It is empty while it is written anew.
read_count() { ok exec "$1" cat /tmp/n && [[ $output ]]; }
count() { # [ID]
	eventually read_count "${1:-c1}"
	n=$output
}
# It goes on from where it was, in the cgroup of its configuration, and the guard knows all of it.
goes_on() { # FROM
	is "$(state status)" running
	count c1
	((n >= $1 && n < $1 + 2000)) || { echo "restored at $n, checkpointed at $1"; return 1; }
	eventually test_exec "test \$(cat /tmp/n) -gt $n"
	ok exec c1 cat /mnt/file
	is "$output" shared
	is "$(grep '^0:' "/proc/$(pid_of)/cgroup")" "0::$PARENT/c1"
	is "$(drifts)" ""
	ok guard verify c1
}
