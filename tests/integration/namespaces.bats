#!/usr/bin/env bats
# New namespaces, namespaces of others joined by path, and time offsets.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

needs_time_namespaces() { [[ -e /proc/self/ns/time ]] || skip "the kernel has no time namespaces"; }

@test "namespaces: six by default, all new" {
	start
	pid=$(pid_of)
	for type in pid net ipc uts mnt cgroup; do isnt "$(ns "$pid" "$type")" "$(ns self "$type")"; done
	is "$(ns "$pid" user)" "$(ns self user)"
	is "$(ns "$pid" time)" "$(ns self time)"
}

@test "namespaces: all eight new" {
	needs_time_namespaces
	start c1 'userns | new("time")'
	pid=$(pid_of)
	for type in pid net ipc uts mnt cgroup user time; do isnt "$(ns "$pid" "$type")" "$(ns self "$type")"; done
	is "$(ns "$pid" time_for_children)" "$(ns "$pid" time)"
	is "$(ns "$pid" pid_for_children)" "$(ns "$pid" pid)"
}

@test "namespaces: none but mount, the rest is the caller's" {
	start c1 '.linux.namespaces = [{type: "mount"}] | del(.hostname) | unmount("/sys/fs/cgroup")'
	pid=$(pid_of)
	for type in pid net ipc uts cgroup user time; do is "$(ns "$pid" "$type")" "$(ns self "$type")"; done
	isnt "$(ns "$pid" mnt)" "$(ns self mnt)"
}

@test "namespaces: without a mount namespace the root is changed alone" {
	script 'cat /etc/hostname; [ ! -e /proc/self ] && echo no proc' 'without("mount") | .mounts = []
		| .linux |= del(.maskedPaths, .readonlyPaths)' '.process.args[0] = "/bin/sh"'
	ok run --bundle "$BUNDLE" c1
	is "$output" $'kedge-test\nno proc'
	script true 'without("mount") | .mounts = []'
	refused "needs a 'mount' namespace"
}

# below_root [PID]: what is mounted at the root and below it, as the test or a process sees it.
below_root() { awk -v root="$T/root" 'index($5, root) == 1 { print substr($5, length(root) + 1) "/" $9 }' "/proc/${1:-self}/mountinfo"; }

shared_mounts='without("mount") | .linux |= del(.maskedPaths, .readonlyPaths)'

@test "namespaces: without a mount namespace the mounts are the runtime's, and go with the container" {
	cp -a "$ROOTFS" "$T/root"
	start c1 "$shared_mounts" ".root = {path: \"$T/root\", readonly: true}"
	is "$(ns "$(pid_of)" mnt)" "$(ns self mnt)"
	has "$(below_root)" "/proc/proc"
	ok exec c1 sh -c 'cat /proc/1/comm; ls /dev/null /dev/pts/ptmx; echo x 2>/dev/null >/x || echo read-only; echo x >/dev/shm/x && echo writable'
	is "$output" $'sleep\n/dev/null\n/dev/pts/ptmx\nread-only\nwritable'
	ok delete --force c1
	is "$(below_root)" ""
	[ -z "$(ls "$T/root/proc")" ]
	run_ok "cat /proc/1/comm; true" "$shared_mounts" ".root.path = \"$T/root\""
	is "$output" sh
}

@test "namespaces: without a mount namespace a failed create leaves no mount" {
	config "$shared_mounts" 'mount("/none"; "nosuch"; "none"; [])'
	refused "the kernel has no such file system"
	config "$shared_mounts" 'hook("createRuntime"; "exit 3")'
	refused "exit status 3"
}

@test "namespaces: without a mount namespace nothing is mounted for a container with a user namespace" {
	config "$shared_mounts" userns
	refused "need a 'mount' namespace in a user namespace"
	config 'without("mount") | userns | .mounts = [] | .linux |= del(.maskedPaths, .readonlyPaths)'
	refused "a read-only root need"
}

other_mounts() { [[ $(ns "$1" mnt) != "$(ns self mnt)" ]]; }

@test "namespaces: without a mount namespace others do not get the mounts of a shared file system" {
	mkdir "$T/shared"
	mount --bind "$T/shared" "$T/shared"
	mount --make-shared "$T/shared"
	unshare --mount --propagation unchanged sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
	peer=$!
	eventually other_mounts "$peer"
	cp -a "$ROOTFS" "$T/shared/root"
	start c1 "$shared_mounts" ".root.path = \"$T/shared/root\"" || failed=1
	seen=$(T=$T/shared below_root "$peer")
	ok delete --force c1 || failed=1
	left=$(T=$T/shared below_root)$(T=$T/shared below_root "$peer")
	kill "$peer"
	umount "$T/shared"
	is "${failed:-}" ""
	hasnt "$seen" proc
	is "$left" ""
}
@test "namespaces: init is process 1, and sees its own alone" {
	run_ok 'echo $$; ps -o comm; true'
	is "$output" $'1\nCOMMAND\nsh\nps'
}

@test "namespaces: a new network has only a loopback, which is up" {
	run_ok 'ls /sys/class/net; cat /sys/class/net/lo/flags; cat /proc/net/route | grep -v ^Iface | wc -l'
	is "$output" $'lo\n0x9\n0'
}

@test "namespaces: a new network that belongs to a user namespace has its loopback up" {
	start c1 userns
	ok exec c1 cat /sys/class/net/lo/flags
	is "$output" 0x9
}

@test "namespaces: the loopback of a network that is joined is left as it is" {
	start c1
	nsenter -t "$(pid_of c1)" -n ip link set lo down
	start c2 "joins(\"network\"; \"/proc/$(pid_of c1)/ns/net\")"
	ok exec c2 cat /sys/class/net/lo/flags
	is "$output" 0x8
}

# joined TYPE FILE-OF-NS CONFIG-NAME...: c2 joins c1's namespaces and has the same inodes.
joined() { # FILTERS...
	local type
	start c2 "$@"
	for type in "${types[@]}"; do is "$(ns "$(pid_of c2)" "$type")" "$(ns "$(pid_of c1)" "$type")"; done
}

@test "namespaces joined by path: network" {
	start c1
	types=(net)
	joined "joins(\"network\"; \"/proc/$(pid_of c1)/ns/net\")"
	isnt "$(ns "$(pid_of c2)" ipc)" "$(ns "$(pid_of c1)" ipc)"
}

@test "namespaces joined by path: ipc, and an object of it" {
	start c1
	ok exec c1 touch /dev/mqueue/shared
	types=(ipc)
	joined "joins(\"ipc\"; \"/proc/$(pid_of c1)/ns/ipc\")"
	ok exec c2 ls /dev/mqueue
	is "$output" shared
}

@test "namespaces joined by path: uts" {
	start c1 '.hostname = "first"'
	types=(uts)
	joined "joins(\"uts\"; \"/proc/$(pid_of c1)/ns/uts\") | del(.hostname)"
	ok exec c2 hostname
	is "$output" first
}

@test "namespaces joined by path: pid" {
	start c1
	types=(pid)
	joined "joins(\"pid\"; \"/proc/$(pid_of c1)/ns/pid\")"
	ok exec c2 ps -o pid,comm
	is "$(awk '$2 == "sleep" { n++; if ($1 == 1) one = 1 } END { print n, one }' <<<"$output")" "2 1"
	# Its end ends neither the namespace nor the other.
	ok kill c2 KILL
	eventually is_status stopped c2
	is "$(state status c1)" running
}

has_own_mounts() { [[ $(ns self mnt) != "$(ns "$1" mnt)" ]]; }

@test "namespaces joined by path: mount" {
	unshare --mount --propagation private sleep 1000 3>&- 4>&- &
	other=$!
	eventually has_own_mounts "$other"
	start c1 "joins(\"mount\"; \"/proc/$other/ns/mnt\")"
	is "$(ns "$(pid_of)" mnt)" "$(ns "$other" mnt)"
	ok exec c1 cat /etc/hostname
	is "$output" kedge-test
	ok delete --force c1
	kill "$other"
}

@test "namespaces joined by path: cgroup" {
	start c1
	types=(cgroup)
	joined "joins(\"cgroup\"; \"/proc/$(pid_of c1)/ns/cgroup\")"
	ok exec c2 cat /proc/self/cgroup
	has "$output" "0::/../c2"
}

@test "namespaces joined by path: time" {
	needs_time_namespaces
	start c1 'new("time") | .linux.timeOffsets = {boottime: {secs: 500000}}'
	types=(time)
	joined "joins(\"time\"; \"/proc/$(pid_of c1)/ns/time\")"
	ok exec c2 cat /proc/uptime
	((${output%%.*} > 500000))
}

@test "namespaces joined by path: user, with those it owns" {
	start c1 userns
	pid=$(pid_of c1)
	types=(user net ipc)
	joined "joins(\"user\"; \"/proc/$pid/ns/user\") | joins(\"network\"; \"/proc/$pid/ns/net\") | joins(\"ipc\"; \"/proc/$pid/ns/ipc\")"
	ok exec c2 cat /proc/self/uid_map
	is "$(xargs <<<"$output")" "0 100000 65536"
	is "$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of c2)/status")" 100000
}

@test "namespaces joined by path: the host's network, named" {
	start c1 'joins("network"; "/proc/self/ns/net")'
	is "$(ns "$(pid_of c1)" net)" "$(ns self net)"
}

@test "namespaces joined by path: the wrong type, or none, is refused" {
	for type in network ipc uts cgroup mount pid; do
		file=net
		if [[ $type == network ]]; then file=ipc; fi
		config "joins(\"$type\"; \"/proc/self/ns/$file\")"
		refused "linux.namespaces[$type]"
	done
	config 'joins("network"; "/proc/self/ns/none")'
	refused "no such file or directory"
	config "joins(\"network\"; \"/etc/passwd\")"
	refused "linux.namespaces[network]"
	config "joins(\"user\"; \"/proc/self/ns/net\")"
	refused "linux.namespaces[user]"
}

@test "time namespace: offsets" {
	needs_time_namespaces
	run_ok 'cat /proc/uptime /proc/self/timens_offsets' 'new("time")
		| .linux.timeOffsets = {boottime: {secs: 1337, nanosecs: 5}, monotonic: {secs: 7881, nanosecs: 2718281}}'
	is "$(sed -n '2,$p' <<<"$output" | awk '{ print $1, $2, $3 }')" $'monotonic 7881 2718281\nboottime 1337 5'
	((${output%%.*} >= $(cut -d. -f1 /proc/uptime) + 1330))
}

@test "time namespace: a negative offset, and one the kernel refuses" {
	needs_time_namespaces
	# The kernel refuses an offset to before the boot, which may have been seconds ago.
	local half=$(($(cut -d. -f1 /proc/uptime) / 2))
	run_ok 'cut -d. -f1 /proc/uptime' 'new("time") | .linux.timeOffsets = {boottime: {secs: -'"$half"'}}'
	((output <= $(cut -d. -f1 /proc/uptime) - half))
	config 'new("time") | .linux.timeOffsets = {monotonic: {secs: -100000000000}}'
	refused "linux.timeOffsets"
}

@test "time namespace: the runtime keeps its own time" {
	needs_time_namespaces
	sleeper 'new("time") | .linux.timeOffsets = {boottime: {secs: 500000}}'
	create
	ok start c1
	is "$(state status)" running
	ok exec c1 cat /proc/uptime
	((${output%%.*} > 500000))
}

@test "hostname and domainname are the container's" {
	before=$(uname -n)
	run_ok 'hostname; cat /proc/sys/kernel/domainname' '.hostname = "container.example" | .domainname = "example.org"'
	is "$output" $'container.example\nexample.org'
	is "$(uname -n)" "$before"
	config 'without("uts")'
	refused "needs a 'uts' namespace"
	config ".hostname = \"$(printf 'x%.0s' {1..65})\""
	refused "hostname: must be at most 64 bytes long"
}

@test "sysctl: of the container's namespaces" {
	run_ok 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ping_group_range | xargs' \
		'.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9000", "net/ipv4/ping_group_range": "0 1000"}'
	is "$output" "1 9000 0 1000"
}

@test "sysctl: vm.memfd_noexec is the container's, and does not stop exec" {
	[[ -e /proc/sys/vm/memfd_noexec ]] || skip "this kernel has no vm.memfd_noexec"
	own_root
	cp "$(dirname "$KEDGE")/../tests/helpers/intruder" "$ROOTFS/intruder"
	before=$(cat /proc/sys/vm/memfd_noexec)
	config '.process.args = ["/intruder", "call", "memfd-exec", "memfd-noexec"]' '.linux.sysctl = {"vm.memfd_noexec": "2"}'
	ok run --bundle "$BUNDLE" c1
	is "$output" $'memfd-exec EACCES\nmemfd-noexec EFAULT'
	start c2 '.linux.sysctl = {"vm.memfd_noexec": "2"}'
	ok exec c2 /intruder call memfd-exec
	is "$output" "memfd-exec EACCES"
	is "$(cat /proc/sys/vm/memfd_noexec)" "$before"
	ok delete --force c2
	config 'without("pid") | .linux.sysctl = {"vm.memfd_noexec": "2"}'
	refused "needs a new 'pid' namespace"
}

@test "sysctl: of the host are refused" {
	for name in kernel.panic vm.swappiness fs.file-max kernel/core_pattern net.ipv4.nosuch net..x net.ipv4.../../kernel/panic; do
		config ".linux.sysctl = {\"$name\": \"1\"}"
		refused "linux.sysctl"
	done
	config 'without("network") | .linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	refused "is not allowed in the host's network namespace"
	config 'joins("network"; "/proc/self/ns/net") | .linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	refused "is not allowed in the host's network namespace"
	config 'without("ipc") | unmount("/dev/mqueue") | .linux.sysctl = {"kernel.msgmax": "9000"}'
	refused "needs an 'ipc' namespace"
	config '.linux.sysctl = {"kernel.hostname": "x"}'
	refused "conflicts with the property hostname"
	config '.linux.sysctl = {"net.ipv4.ip_forward": "many"}'
	refused "invalid argument"
}

@test "sysctl: a Debian root" {
	use_debian
	run_ok 'cat /proc/sys/net/ipv4/ip_default_ttl' '.linux.sysctl = {"net.ipv4.ip_default_ttl": "33"}'
	is "$output" 33
}
