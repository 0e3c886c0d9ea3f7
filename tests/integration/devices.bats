#!/usr/bin/env bats
# Device nodes and the device rules of the cgroup; masked and read-only paths.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

@test "devices: the default ones and links" {
	run_ok 'for d in null zero full random urandom tty; do stat -c "%n %t:%T %a %u:%g" /dev/$d; done
		for l in fd stdin stdout stderr core ptmx; do echo "$l $(readlink /dev/$l)"; done; ls /dev | xargs'
	is "$output" "/dev/null 1:3 666 0:0
/dev/zero 1:5 666 0:0
/dev/full 1:7 666 0:0
/dev/random 1:8 666 0:0
/dev/urandom 1:9 666 0:0
/dev/tty 5:0 666 0:0
fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2
core /proc/kcore
ptmx pts/ptmx
core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
}

@test "devices: the default ones can be used" {
	run_ok 'echo x >/dev/null && head -c 4 /dev/zero | od -An -tx1 && head -c 4 /dev/urandom | wc -c
		echo x 2>/dev/null >/dev/full || echo full; (exec 3<>/dev/ptmx) && echo ptmx'
	is "$output" $' 00 00 00 00\n4\nfull\nptmx'
}

@test "devices: linux.devices" {
	run_ok 'for d in kmsg deep/er/block fifo plain; do stat -c "%n %F %t:%T %a %u:%g" /dev/$d; done' '.linux.devices = [
		{path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 416, uid: 5, gid: 6},
		{path: "/dev/deep/er/block", type: "b", major: 7, minor: 300, fileMode: 33152},
		{path: "/dev/fifo", type: "p", fileMode: 384, uid: 7}, {path: "/dev/plain", type: "u", major: 1, minor: 3}]'
	is "$output" "/dev/kmsg character special file 1:b 640 5:6
/dev/deep/er/block block special file 7:12c 600 0:0
/dev/fifo fifo 0:0 600 7:0
/dev/plain character special file 1:3 666 0:0"
}

@test "devices: a listed one takes a default one's place" {
	run_ok 'stat -c "%t:%T %a" /dev/null' '.linux.devices = [{path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 384}]'
	is "$output" "1:3 600"
}

@test "devices: an existing file that is another one is refused" {
	mkdir "$T/dev"
	touch "$T/dev/file"
	config 'bind($T + "/dev"; "/opt"; ["rw"])' '.linux.devices = [{path: "/opt/file", type: "c", major: 1, minor: 3}]'
	own_root
	mkdir "$T/rootfs/opt"
	config 'bind($T + "/dev"; "/opt"; ["rw"])' '.linux.devices = [{path: "/opt/file", type: "c", major: 1, minor: 3}]'
	refused "linux.devices[0]"
	has "$stderr" "file exists"
	is "$(stat -c %F "$T/dev/file")" "regular empty file"
	config '.linux.devices = [{path: "/dev/shm", type: "c", major: 1, minor: 3}]'
	refused "linux.devices[0]"
}

@test "devices: a matching one that exists is left" {
	mkdir "$T/dev"
	mknod -m 600 "$T/dev/zero" c 1 5
	run_ok 'stat -c "%t:%T %a" /mnt/zero' 'bind($T + "/dev"; "/mnt"; ["rw"])' \
		'.linux.devices = [{path: "/mnt/zero", type: "c", major: 1, minor: 5, fileMode: 438}]'
	matches "$output" '^1:5 6(00|66)$'
}

@test "devices: malformed ones are refused" {
	for change in '{path: "dev/x", type: "c", major: 1, minor: 3}' '{path: "/dev/x", type: "x", major: 1, minor: 3}' \
		'{path: "/dev/x", type: "c"}' '{path: "/dev/x", type: "c", major: -1, minor: 3}' '{path: "/dev/x", type: "c", major: 4096, minor: 3}' \
		'{type: "c", major: 1, minor: 3}'; do
		config ".linux.devices = [$change]"
		refused "linux.devices[0]"
	done
}

@test "devices: /dev of the image as a symlink makes nothing outside (CVE-2026-41579)" {
	own_root
	rm -r "$T/rootfs/dev"
	mkdir "$T/outside"
	ln -s "$T/outside" "$T/rootfs/dev"
	config 'unmount("/dev") | unmount("/dev/pts") | unmount("/dev/shm") | unmount("/dev/mqueue")'
	kedge run --bundle "$BUNDLE" c1
	is "$(ls -A "$T/outside")" ""
}

@test "devices: a bound /dev is left as it is" {
	mkdir "$T/dev"
	mknod "$T/dev/null" c 1 3
	run_ok 'ls /dev' 'unmount("/dev/pts") | unmount("/dev/shm") | unmount("/dev/mqueue") | unmount("/dev") | bind($T + "/dev"; "/dev"; ["rw"])'
	is "$output" null
}

probe='for d in null zero full random urandom tty ptmx; do (exec 3<>/dev/$d) 2>/dev/null; echo "$d $?"; done | grep -v " 0$"
	(exec 3</dev/kmsg) 2>/dev/null && echo kmsg
	mknod /tmp/n c 1 3 && echo mknod null; mknod /tmp/k c 1 11 2>/dev/null && echo mknod kmsg
	mknod /tmp/l b 7 0 2>/dev/null && echo mknod loop; true'
kmsg='tmp | caps(["CAP_MKNOD", "CAP_SYSLOG"]) | .linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11}]'

@test "device rules: all is denied but the defaults, also without a rule" {
	run_ok "$probe" "$kmsg"
	is "$output" $'tty 1\nmknod null\nmknod kmsg\nmknod loop'
	run_ok "$probe" "$kmsg" 'del(.linux.resources)'
	is "$output" $'tty 1\nmknod null\nmknod kmsg\nmknod loop'
}

@test "device rules: what is allowed can be opened, the last rule wins" {
	[[ -r /dev/kmsg ]] || skip "the machine has no kernel log"
	run_ok "$probe" "$kmsg" '.linux.resources.devices += [{allow: true, type: "c", major: 1, minor: 11, access: "rw"}]'
	has "$output" kmsg
	run_ok '(exec 3</dev/kmsg) 2>/dev/null || echo denied' "$kmsg" '.linux.resources.devices += [
		{allow: true, type: "c", major: 1, minor: 11, access: "r"}, {allow: false, type: "c", major: 1, minor: 11, access: "r"}]'
	is "$output" denied
	run_ok '(exec 3<>/dev/kmsg) 2>/dev/null || echo not to write' "$kmsg" '.linux.resources.devices += [{allow: true, type: "c", major: 1, minor: 11, access: "r"}]'
	is "$output" "not to write"
}

@test "device rules: an access that nobody knows allows no more and denies no less, with a warning" {
	[[ -r /dev/kmsg ]] || skip "the machine has no kernel log"
	config "$kmsg" '.process.args = ["sh", "-c", "(exec 3</dev/kmsg) 2>/dev/null || echo denied"] | .linux.resources.devices += [
		{allow: true, type: "c", major: 1, minor: 11, access: "rw"}, {allow: false, type: "c", major: 1, minor: 11, access: "wa"}]'
	kedge run --bundle "$BUNDLE" c1
	is "$status $output" "0 denied"
	has "$stderr" "linux.resources.devices[2].access: 'wa' is not made of r, w and m alone, taking it as 'rwm'"
}

@test "device rules: hold for exec, and reach no other container" {
	start c1 "$kmsg"
	start c2 "$kmsg" '.linux.resources.devices = [{allow: true, access: "rwm"}]'
	ok exec c1 sh -c '(exec 3</dev/kmsg) 2>/dev/null || echo denied'
	is "$output" denied
	[[ -r /dev/kmsg ]] || skip "the machine has no kernel log"
	ok exec c2 sh -c '(exec 3</dev/kmsg) 2>/dev/null || echo denied'
	is "$output" ""
}

@test "masked paths: files read as empty, directories are empty and read-only" {
	own_root
	mkdir "$T/rootfs/secrets"
	echo secret | tee "$T/rootfs/secrets/key" >"$T/rootfs/secret"
	run_ok 'cat /secret; wc -c </secret; stat -c %t:%T /secret; ls -A /secrets; touch /secrets/x 2>/dev/null || echo ro; stat -fc %T /secrets' \
		writable '.linux.maskedPaths = ["/secret", "/secrets", "/none/such", "/secret/below/a/file"]'
	is "$output" $'0\n1:3\nro\ntmpfs'
	is "$(cat "$T/rootfs/secret")" secret
}

@test "masked paths: the kernel's" {
	run_ok 'cat /proc/version /proc/cpuinfo | wc -c; ls -A /sys/kernel | wc -l; ls -A /proc/bus | wc -l' \
		'.linux.maskedPaths = ["/proc/version", "/proc/cpuinfo", "/sys/kernel", "/proc/bus", "/proc/bus"]' '.linux.readonlyPaths = []'
	is "$output" $'0\n0\n0'
}

@test "masked paths: a writer finds no way through" {
	run_ok 'echo evil >/proc/version; cat /proc/version | wc -c; umount /proc/version 2>/dev/null; cat /proc/version | wc -c' '.linux.maskedPaths = ["/proc/version"]'
	is "$output" $'0\n0'
}

@test "masked paths: a symlink in the image masks what it leads to inside" {
	own_root
	echo secret >"$T/rootfs/real"
	ln -s /real "$T/rootfs/link"
	run_ok 'cat /real | wc -c; cat /link | wc -c' '.linux.maskedPaths = ["/link"]'
	is "$output" $'0\n0'
}

@test "masked paths: /dev/null of the image is verified (CVE-2025-31133)" {
	mkdir "$T/dev"
	echo outside >"$T/outside"
	for evil in "ln -s $T/outside $T/dev/null" "ln -s /etc/passwd $T/dev/null" "touch $T/dev/null" "mknod $T/dev/null c 1 5" "mkdir $T/dev/null"; do
		rm -rf "$T/dev/null"
		$evil
		config 'unmount("/dev/pts") | unmount("/dev/shm") | unmount("/dev/mqueue") | unmount("/dev") | bind($T + "/dev"; "/dev"; ["rw"])
			| .linux.maskedPaths = ["/proc/version"]'
		refused "linux.maskedPaths[0]"
		is "$(cat "$T/outside")" outside
	done
}

@test "read-only paths" {
	own_root
	mkdir -p "$T/rootfs/ro/sub"
	touch "$T/rootfs/ro/file"
	run_ok 'for f in /ro/x /ro/sub/x /ro/file /proc/sys/net/ipv4/ip_forward; do echo 2>/dev/null >$f || echo "ro $f"; done
		cat /ro/file; cat /proc/sys/net/ipv4/ip_forward >/dev/null && echo readable' \
		writable '.linux.readonlyPaths = ["/ro", "/proc/sys", "/none/such"]'
	is "$output" $'ro /ro/x\nro /ro/sub/x\nro /ro/file\nro /proc/sys/net/ipv4/ip_forward\nreadable'
	run_ok 'echo >/ro/file && echo rw' writable '.linux.readonlyPaths = []'
	is "$output" rw
}

@test "paths must be absolute" {
	config '.linux.maskedPaths = ["proc/kcore"]'
	refused "linux.maskedPaths[0]: must be an absolute path, is 'proc/kcore'"
	config '.linux.readonlyPaths = ["/proc", ""]'
	refused "linux.readonlyPaths[1]: must be an absolute path, is ''"
}

@test "devices and paths: a Debian root" {
	use_debian
	run_ok 'stat -c "%n %t:%T" /dev/null; test -c /dev/tty; (: <>/dev/ptmx); ls -A /usr/share | wc -l; cat /var/lib/dpkg/status | wc -c' \
		'.linux.maskedPaths = ["/usr/share", "/var/lib/dpkg/status"]'
	is "$output" $'/dev/null 1:3\n0\n0'
}
