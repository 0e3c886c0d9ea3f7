#!/usr/bin/env bats
# What honest containers do, under the strictest guard that fits them: nobody is killed, nothing is found.
# requires: own-guard

# shellcheck disable=SC2016,SC2034,SC2154 # for the container's shell; for the helpers, and of them

load guard_helpers

setup_file() { guard_setup_file; }
teardown_file() { guard_teardown_file; }

setup() {
	begin
	: >>"$GUARD_LOG"
	events_from=$(($(wc -l <"$GUARD_LOG") + 1))
}

teardown() {
	if mountpoint -q "$T/layers"; then umount "$T/merged" "$T/layers"; fi
	finish
}

# What Docker gives.
CAPS='caps(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"])'
NESTED='caps(["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_MKNOD", "CAP_CHOWN", "CAP_FOWNER", "CAP_SYS_CHROOT", "CAP_SETUID", "CAP_SETGID", "CAP_NET_ADMIN", "CAP_SETPCAP", "CAP_SETFCAP", "CAP_SYS_PTRACE"]) |
	.annotations["org.kedge.guard.nesting"] = "nested" | .linux.maskedPaths = [] | .linux.readonlyPaths = []'

# peaceful [FILTER...]: the program of config, run to its end, and what it did was no drift.
peaceful() {
	guarded "$@" || return 1
	kedge run --bundle "$BUNDLE" c1
	is "$status" 0 || { echo "$output"; echo "$stderr"; events; return 1; }
	unseen
}

# Long enough for a sweep to have looked at the last of it.
unseen() {
	sleep 0.15
	is "$(drifts)" ""
}

sh_in() { # TEXT [FILTER...]
	local text=$1
	shift
	peaceful ".process.args = [\"sh\", \"-ec\", $(jq -n --arg s "$text" '$s')]" "$@"
}

works() { # ARGUMENTS... -- [FILTER...]
	local arguments=()
	while (($#)) && [[ $1 != -- ]]; do arguments+=("$1") && shift; done
	peaceful "bind(\"$(realpath "$workload")\"; \"/workload\"; [\"ro\"])" \
		".process.args = [\"/workload\"] + $(jq -cn '$ARGS.positional' --args -- "${arguments[@]}")" "$CAPS" "${@:2}"
}

# Debian with a layer that may be written, as engines make it.
debian_layers() {
	use_debian
	mkdir -p "$T/layers" "$T/merged"
	mount -t tmpfs tmpfs "$T/layers"
	mkdir "$T/layers"/{upper,work}
	mount -t overlay -o "lowerdir=$ROOTFS,upperdir=$T/layers/upper,workdir=$T/layers/work" overlay "$T/merged" ||
		skip "no overlay on this kernel"
	ROOTFS=$T/merged
}

# Swept all the time: who is just being born is seen as well.
OFTEN='.annotations["org.kedge.guard.sweep-ms"] = "10"'

@test "guard: a thousand threads are no drift" { works threads 1000 -- "$OFTEN"; }
@test "guard: ten thousand forks are no drift" { works forks 10000 -- "$OFTEN"; }
@test "guard: a storm of execve is no drift" { works execs 1000 -- "$OFTEN"; }
@test "guard: execve of another thread is no drift" { works thread-exec; }
@test "guard: changes of ids and access(2) are no drift" { works creds 100; }
@test "guard: tracing a child is no drift" { works ptrace; }
@test "guard: chroot inside is no drift" { works chroot /tmp; }

@test "guard: stdio opened anew is no drift" {
	local STDIN=$T/input
	echo input >"$STDIN"
	works stdio
	is "$output" again
}

@test "guard: io_uring is no drift" {
	guarded "bind(\"$(realpath "$workload")\"; \"/workload\"; [\"ro\"])" '.process.args = ["/workload", "uring"]'
	kedge run --bundle "$BUNDLE" c1
	if ((status == 77)); then skip "$stderr"; fi
	is "$status $stderr" "0 "
	unseen
}

@test "guard: changing files of a lower layer is no drift" {
	debian_layers
	works copyup /etc/passwd -- writable
	sh_in 'for i in /usr/bin/*; do chmod u+w "$i"; done; rm -r /usr/share/perl*; mv /etc/debian_version /etc/x' writable "$CAPS"
}

@test "guard: a package's installation is no drift" {
	debian_layers
	sh_in '
		mkdir -p /tmp/p/DEBIAN /tmp/p/usr/share/p
		printf "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: p <p@p>\nDescription: p\n" >/tmp/p/DEBIAN/control
		printf "#!/bin/sh\nset -e\nupdate-alternatives --install /usr/bin/p p /bin/true 1\nid user\n" >/tmp/p/DEBIAN/postinst
		printf "#!/usr/bin/perl\nsystem(\"true\") == 0 or die;\n" >/tmp/p/DEBIAN/prerm
		chmod 755 /tmp/p/DEBIAN/postinst /tmp/p/DEBIAN/prerm
		i=0; while [ $i -lt 50 ]; do echo $i >/tmp/p/usr/share/p/$i; i=$((i + 1)); done
		dpkg-deb --build /tmp/p /tmp/p.deb
		dpkg -i /tmp/p.deb
		dpkg -r p' writable "$CAPS"
	has "$output" "Setting up p"
}

@test "guard: su and setpriv are no drift" {
	debian_layers
	sh_in 'su -s /bin/sh nobody -c "id -u; sh -c id"
		su -s /bin/sh - nobody -c "ls /etc | sort | head -3; (sleep 0.1)"
		setpriv --reuid 1000 --regid 1000 --clear-groups --bounding-set -all sh -c "id; true | cat"
		if su -s /bin/sh nobody -c "su -c id" </dev/null; then exit 1; fi' \
		writable "$CAPS" '.process.noNewPrivileges = false'
	has "$output" "uid=1000"
}

@test "guard: sudo is no drift" {
	debian_layers
	[[ -x $ROOTFS/usr/bin/sudo ]] || skip "this root has no sudo: when that of the tests is deleted, it is made anew with it"
	echo 'user ALL=(ALL:ALL) NOPASSWD: ALL' >"$ROOTFS/etc/sudoers.d/user"
	chmod 440 "$ROOTFS/etc/sudoers.d/user"
	echo 'user:*:20000:0:99999:7:::' >>"$ROOTFS/etc/shadow"
	echo '127.0.0.1 test' >>"$ROOTFS/etc/hosts"
	sh_in 'id -u; sudo id -u; sudo -u nobody id -un; sudo sh -c "true | id -un; (sleep 0.1)"; sudo su -s /bin/sh nobody -c "id -u"
		sudo -b sleep 0.1; if sudo -u nobody sudo -n true; then exit 1; fi' \
		writable "$CAPS" '.process.noNewPrivileges = false | .process.user = {uid: 1000, gid: 1000}' "$OFTEN"
	is "$output" $'1000\n0\nnobody\nroot\n65534'
}

@test "guard: a compiler is no drift" {
	type -P gcc >/dev/null || skip "there is no gcc"
	ROOTFS=/
	sh_in 'cd /tmp && gcc -std=gnu17 -D_GNU_SOURCE -O2 -pipe -pthread -o w /mnt/workload.c && ./w execs 5' \
		"bind(\"$(realpath "$HELPERS")\"; \"/mnt\"; [\"ro\"])"
}

@test "guard: containers in a container are no drift in nested mode" {
	works nested -- "$NESTED" '.process.noNewPrivileges = false'
}

@test "guard: unshare and its mounts are no drift in nested mode" {
	sh_in 'unshare --mount sh -c "mount -t tmpfs none /mnt && touch /mnt/x && ls /mnt"
		unshare --mount --pid --net --uts --ipc --fork --mount-proc sh -c "ps 2>/dev/null || ls /proc | head -3; hostname x; exec true"
		unshare --user --map-root-user sh -c "id -u; ls /"
		unshare --user --map-root-user --mount --pid --fork sh -c "mount -t tmpfs none /mnt; ls /mnt; chroot / true"
		unshare --mount --net sh -c "ip link set lo up; ls /sys"
		unshare --mount sh -ec "mkdir -p /tmp/l /tmp/m; mount -t tmpfs none /tmp/m; mkdir /tmp/m/u /tmp/m/w; mount -t overlay -o lowerdir=/etc,upperdir=/tmp/m/u,workdir=/tmp/m/w none /tmp/l; echo >>/tmp/l/passwd"' \
		"$NESTED" '.process.noNewPrivileges = false'
}

@test "guard: bubblewrap is no drift in nested mode" {
	type -P bwrap >/dev/null || skip "there is no bwrap (Debian: bubblewrap)"
	ROOTFS=/
	sh_in 'bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --unshare-all sh -c "ls /tmp; id; (sleep 0.1)"' "$NESTED"
}

@test "guard: a storm of exec is no drift" {
	local i jobs=()
	guarded '.process.args = ["sleep", "1000"]'
	ok run --detach --bundle "$BUNDLE" c1
	for ((i = 0; i < 100; i++)); do
		background "out$i" exec c1 sh -c 'true | true; exit 7'
		if (((i + 1) % 8)); then continue; fi
		for job in "${jobs[@]}"; do
			status=0
			wait "$job" || status=$?
			is "$status" 7 || { cat "$T/out$i"; return 1; }
		done
		jobs=()
	done
	wait
	unseen
	is_status running
}

@test "guard: five hundred containers are no drift, and leave nothing with the guard" {
	local i
	guarded '.process.args = ["sh", "-c", "true | true"]'
	for ((i = 0; i < 500; i++)); do
		"$KEDGE" --root "$STATE" run --bundle "$BUNDLE" "c$i" </dev/null >>"$T/all" 2>&1 3>&- 4>&- || { cat "$T/all"; return 1; }
	done
	is "$(<"$T/all")" ""
	unseen
	is "$(find "$GUARD/armed" "$GUARD/drift" -type f)" ""
	is "$("$KEDGE" guard status --json | jq .containers)" 0
}
