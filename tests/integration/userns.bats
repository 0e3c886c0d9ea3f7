#!/usr/bin/env bats
# User namespaces: mappings, what root of one owns and may do, and id-mapped mounts.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

@test "userns: root inside is somebody outside" {
	start c1 userns
	pid=$(pid_of)
	is "$(awk '/^[UG]id:/ { print $2, $3, $4, $5 }' "/proc/$pid/status")" \
		$'100000 100000 100000 100000\n200000 200000 200000 200000'
	ok exec c1 id
	is "$output" "uid=0(root) gid=0(root)"
	is "$(xargs <"/proc/$pid/uid_map")" "0 100000 65536"
	is "$(xargs <"/proc/$pid/gid_map")" "0 200000 65536"
	is "$(cat "/proc/$pid/setgroups")" allow
}

@test "userns: several ranges, and a user of the second" {
	run_ok 'cat /proc/self/uid_map | xargs; id -u; id -g; touch /tmp/f; stat -c %u:%g /tmp/f' 'userns | tmp
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}, {containerID: 500, hostID: 300000, size: 5}]
		| .linux.gidMappings = [{containerID: 0, hostID: 100000, size: 10}, {containerID: 600, hostID: 400000, size: 5}]
		| .process.user = {uid: 502, gid: 603}'
	is "$output" $'0 100000 10 500 300000 5\n502\n603\n502:603'
}

@test "userns: a user that is not mapped is refused" {
	config 'userns | .process.user.uid = 65536'
	refused "process.user"
	config 'userns | .process.user.gid = 65536'
	refused "process.user"
	config 'userns | .process.user.additionalGids = [65536]'
	refused "process.user"
}

@test "userns: mappings that overlap, are missing or too large are refused" {
	config 'userns | .linux.uidMappings += [{containerID: 5, hostID: 900000, size: 1}]'
	refused "linux.uidMappings[1]: the container's ids overlap"
	config 'userns | .linux.gidMappings += [{containerID: 70000, hostID: 200005, size: 1}]'
	refused "linux.gidMappings[1]: the host's ids overlap"
	config 'userns | del(.linux.uidMappings)'
	refused "linux.uidMappings: is required"
	config 'userns | .linux.uidMappings[0].size = 0'
	refused "linux.uidMappings[0].size"
	config 'userns | .linux.uidMappings[0].hostID = 4294967295'
	refused "linux.uidMappings[0]"
	config 'userns | without("user")'
	refused "needs a 'user' namespace"
}

@test "userns: many mappings" {
	run_ok 'wc -l </proc/self/uid_map; id -u' 'userns
		| .linux.uidMappings = [range(0; 200) | {containerID: (. * 10), hostID: (100000 + . * 20), size: 10}]'
	is "$output" $'200\n0'
	config 'userns | .linux.uidMappings = [range(0; 341) | {containerID: ., hostID: (100000 + . * 2), size: 1}]'
	refused "linux.uidMappings"
}

@test "userns: the default devices are the host's, bound" {
	run_ok 'for d in null zero full random urandom tty; do stat -c "%n %t:%T %F" /dev/$d; done
		echo x >/dev/null && head -c 2 /dev/zero | od -An -tx1; stat -c %u /dev/null' userns
	is "$output" "/dev/null 1:3 character special file
/dev/zero 1:5 character special file
/dev/full 1:7 character special file
/dev/random 1:8 character special file
/dev/urandom 1:9 character special file
/dev/tty 5:0 character special file
 00 00
65534"
}

@test "userns: mounts of the configuration belong to its root" {
	run_ok 'stat -c %u:%g /dev /dev/shm /dev/pts /tmp; stat -c %u /proc/self/status' 'userns | tmp'
	is "$output" $'0:0\n0:0\n0:0\n0:0\n0'
}

@test "userns: with the host's network its sysfs is shown" {
	run_ok 'ls -d /sys/kernel; ls /sys/class/net | wc -l; touch /sys/x 2>/dev/null || echo read-only' 'userns | without("network")'
	is "$(sed -n 1p <<<"$output")" /sys/kernel
	is "$(sed -n 2p <<<"$output")" "$(find /sys/class/net -mindepth 1 | wc -l)"
	is "$(sed -n 3p <<<"$output")" read-only
}

@test "userns: no capability reaches the host" {
	run_ok 'mknod /tmp/null c 1 3 2>/dev/null || echo no mknod; mount -t tmpfs t /tmp && echo mounts; hostname x && echo names
		echo 5 2>/dev/null >/proc/sys/kernel/panic || echo no sysctl; chroot / true && echo chroot' \
		'userns | tmp | caps(["CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SETUID"]) | .linux |= del(.readonlyPaths)'
	is "$output" $'no mknod\nmounts\nnames\nno sysctl\nchroot'
}

@test "userns: the cgroup is the container's when it may write to it" {
	start c1 'userns | unmount("/sys/fs/cgroup") | mount("/sys/fs/cgroup"; "cgroup"; "cgroup"; ["rw"])'
	is "$(stat -c %u "$CGROUP/c1" "$CGROUP/c1/cgroup.procs" "$CGROUP/c1/cgroup.subtree_control" | xargs)" "100000 100000 100000"
	is "$(stat -c %u "$CGROUP/c1/cgroup.type" "$CGROUP" | xargs)" "0 0"
	ok exec c1 sh -c 'mkdir /sys/fs/cgroup/sub && echo $$ >/sys/fs/cgroup/sub/cgroup.procs && cat /proc/self/cgroup'
	has "$output" "0::/sub"
	ok delete --force c1
	nothing_left
}

@test "userns: the cgroup is the host's when it is mounted read-only" {
	start c1 userns
	is "$(stat -c %u "$CGROUP/c1" "$CGROUP/c1/cgroup.procs" | xargs)" "0 0"
}

# idmapped FILTER: or skip where the file system of the test cannot.
idmapped() {
	script "$@"
	kedge run --bundle "$BUNDLE" c1
	if [[ $stderr == *"idmap"*"invalid argument"* ]]; then
		skip "$(stat -fc %T "$T") knows no id-mapped mounts"
	fi
	is "$stderr" ""
	is "$status" 0
}

@test "idmapped mount: the container's own mapping" {
	mkdir "$T/data"
	touch "$T/data/root" "$T/data/user"
	chown 5:6 "$T/data/user"
	idmapped 'stat -c %u:%g /mnt/root /mnt/user; touch /mnt/new' 'userns | bind($T + "/data"; "/mnt"; ["rw", "idmap"])'
	is "$output" $'0:0\n5:6'
	is "$(stat -c %u:%g "$T/data/new")" 0:0
}

@test "idmapped mount: a mapping of its own, with and without a user namespace" {
	mkdir "$T/data"
	touch "$T/data/f"
	chown 1000:2000 "$T/data/f"
	maps='.mounts[-1].uidMappings = [{containerID: 1000, hostID: 7, size: 1}] | .mounts[-1].gidMappings = [{containerID: 2000, hostID: 8, size: 1}]'
	idmapped 'stat -c %u:%g /mnt/f' 'bind($T + "/data"; "/mnt"; ["ro"])' "$maps"
	is "$output" 7:8
	idmapped 'stat -c %u:%g /mnt/f' 'userns | bind($T + "/data"; "/mnt"; ["ro"])' "${maps//hostID: /hostID: 10000}"
	matches "$output" '^[0-9]+:[0-9]+$'
}

@test "idmapped mount: idmap maps one mount, ridmap those below it too" {
	mkdir -p "$T/data/sub"
	touch "$T/data/sub/f"
	chown 5:6 "$T/data/sub" "$T/data/sub/f"
	cat >"$T/kedge" <<-END
		#!/bin/sh
		exec unshare --mount --propagation private sh -c 'mount --bind $T/data/sub $T/data/sub && exec "\$0" "\$@"' $KEDGE "\$@"
	END
	chmod +x "$T/kedge"
	KEDGE=$T/kedge
	idmapped 'stat -c %u:%g /mnt/sub/f' 'userns | bind($T + "/data"; "/mnt"; ["rbind", "ridmap"])'
	is "$output" 5:6
	idmapped 'stat -c %u:%g /mnt/sub/f' 'userns | bind($T + "/data"; "/mnt"; ["rbind", "idmap"])'
	is "$output" 65534:65534
}

@test "idmapped mount: the mapping of a user namespace that is joined" {
	start c1 userns
	inner=$(pid_of)
	mkdir "$T/data"
	touch "$T/data/f"
	chown 5:6 "$T/data/f"
	script 'stat -c %u:%g /mnt/f /tmp/f' 'bind($T + "/data"; "/mnt"; ["idmap"])' \
		'bind($T + "/data"; "/var"; [])' 'bind(.root.path + "/var"; "/tmp"; ["idmap"])' \
		".linux.namespaces += [{type: \"user\", path: \"/proc/$inner/ns/user\"}] | del(.linux.uidMappings, .linux.gidMappings) | .linux.cgroupsPath |= sub(\"c1$\"; \"c2\")"
	kedge run --bundle "$BUNDLE" c2
	if [[ $stderr == *"idmap"*"invalid argument"* ]]; then skip "$(stat -fc %T "$T") knows no id-mapped mounts"; fi
	is "$status $stderr$output" $'0 5:6\n5:6'
}

@test "idmapped mount: a source that an earlier mount shows in the root" {
	mkdir "$T/data"
	touch "$T/data/f"
	chown 1000:2000 "$T/data/f"
	maps='.mounts[-1].uidMappings = [{containerID: 1000, hostID: 7, size: 1}] | .mounts[-1].gidMappings = [{containerID: 2000, hostID: 8, size: 1}]'
	idmapped 'stat -c %u:%g /mnt/f /tmp/f' 'bind($T + "/data"; "/mnt"; [])' 'bind(.root.path + "/mnt"; "/tmp"; [])' "$maps"
	is "$output" $'1000:2000\n7:8'
}

@test "idmapped mount: the same in a user namespace" {
	mkdir -p "$T/data/sub"
	touch "$T/data/f"
	chown 1000:2000 "$T/data/f"
	maps='.mounts[-1].uidMappings = [{containerID: 1000, hostID: 100007, size: 1}] | .mounts[-1].gidMappings = [{containerID: 2000, hostID: 200008, size: 1}]'
	shows='bind($T + "/data"; "/mnt"; ["ro"])'
	idmapped 'stat -c %u:%g /mnt/f /tmp/f; echo x 2>/dev/null >/tmp/f; grep -c " /tmp ro,.*idmapped" /proc/self/mountinfo' userns \
		"$shows" 'bind(.root.path + "/mnt"; "/tmp"; ["ro"])' "$maps"
	is "$output" $'65534:65534\n7:8\n1'
	chown 5:6 "$T/data/f"
	idmapped 'stat -c %u:%g /mnt/f /tmp/f' userns "$shows" 'bind(.root.path + "/mnt"; "/tmp"; ["idmap"])'
	is "$output" $'65534:65534\n5:6'
}

@test "idmapped mount: what cannot be" {
	config 'mount("/mnt"; "tmpfs"; "tmpfs"; ["idmap"])' userns
	refused "only bind mounts can be idmapped"
	config 'bind($T; "/mnt"; ["idmap"])'
	refused "an id-mapped mount needs uidMappings and gidMappings or a user namespace"
	config 'bind($T; "/mnt"; []) | .mounts[-1].uidMappings = [{containerID: 0, hostID: 1, size: 1}]'
	refused "uidMappings and gidMappings must be given together"
}

@test "userns: read-only root, masked and read-only paths hold" {
	run_ok 'touch /x 2>/dev/null || echo ro; cat /proc/version | wc -c; echo 1 2>/dev/null >/proc/sys/net/ipv4/ip_forward || echo ro sys' \
		userns '.linux.maskedPaths = ["/proc/version"]'
	is "$output" $'ro\n0\nro sys'
}

@test "userns: a Debian root" {
	use_debian
	run_ok 'id -un; stat -c %U /etc/passwd; cat /proc/self/uid_map | xargs; su -s /bin/sh user -c "id -un" 2>&1 | tail -n 1' \
		'userns | caps(["CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE", "CAP_AUDIT_WRITE"])'
	is "$(sed -n 1,3p <<<"$output")" $'root\nnobody\n0 100000 65536'
}
