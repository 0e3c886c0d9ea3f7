#!/usr/bin/env bats
# process: who runs, with which rights, limits, directory and environment, and how a program is looked for.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

status_of() { sed -n "s/^$1:[[:space:]]*//p" <<<"$output" | xargs; }
caps_of() { sed -n 's/^Cap\(...\):\t0*\([0-9a-f]\)/\1 \2/p' <<<"$output" | xargs; }
inside() { run_ok 'cat /proc/self/status' "$@"; }

@test "user: uid, gid, groups" {
	inside '.process.user = {uid: 1000, gid: 2000, additionalGids: [5, 3000, 5]}'
	is "$(status_of Uid)" "1000 1000 1000 1000"
	is "$(status_of Gid)" "2000 2000 2000 2000"
	is "$(status_of Groups)" "5 5 3000"
	inside
	is "$(status_of Groups)" ""
}

# grouped ARGUMENTS...: kedge, called by who has two groups more.
grouped() {
	status=0
	env -- "$MARK" setpriv --groups 5,3000 "$KEDGE" --root "$STATE" "$@" </dev/null >"$T/stdout" 2>"$T/stderr" \
		3>&- 4>&- || status=$?
	output=$(<"$T/stdout")
	is "$status" 0 || { cat "$T/stderr"; return 1; }
}

@test "user: run.oci.keep_original_groups leaves the caller's groups, to exec too" {
	keep='.annotations = {"run.oci.keep_original_groups": "1"}'
	for more in . userns '.process.user = {uid: 1000, gid: 1000, additionalGids: [7]}'; do
		script 'cat /proc/self/status; exec sleep 1000' "$keep" "$more"
		grouped run --detach --bundle "$BUNDLE" c1
		eventually grep -q ^Groups "$T/stdout"
		output=$(<"$T/stdout")
		is "$(status_of Groups)" "$(groups_in "$more")"
		grouped exec c1 cat /proc/self/status
		is "$(status_of Groups)" "$(groups_in "$more")"
		ok delete --force c1
	done
	script 'cat /proc/self/status'
	grouped run --bundle "$BUNDLE" c1
	is "$(status_of Groups)" ""
}

# A user namespace knows neither of them.
groups_in() { if [[ $1 == userns ]]; then echo "65534 65534"; else echo "5 3000"; fi; }

@test "user: the largest id" {
	inside '.process.user = {uid: 4294967294, gid: 4294967294}'
	is "$(status_of Uid)" "4294967294 4294967294 4294967294 4294967294"
}

@test "user: 4294967295 and more, or none, are refused" {
	for id in 4294967295 4294967296 -1 1.5 '"0"' null; do
		config ".process.user.uid = $id"
		refused "process.user.uid"
	done
	config '.process.user.additionalGids = [4294967295]'
	refused "process.user.additionalGids[0]"
}

@test "umask" {
	run_ok 'umask; touch /tmp/f; stat -c %a /tmp/f' tmp
	is "$output" $'0022\n644'
	run_ok 'umask; touch /tmp/f; stat -c %a /tmp/f' tmp '.process.user.umask = 63'
	is "$output" $'0077\n600'
	(umask 077 && run_ok 'umask' && is "$output" 0022)
}

@test "capabilities: the sets as asked" {
	inside 'caps(["CAP_CHOWN", "CAP_KILL"])'
	is "$(caps_of)" "Inh 0 Prm 21 Eff 21 Bnd 21 Amb 0"
	inside '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"], permitted: ["CAP_KILL"], effective: []}' '.process.user.uid = 1'
	is "$(caps_of)" "Inh 0 Prm 0 Eff 0 Bnd 21 Amb 0"
	inside 'del(.process.capabilities)'
	is "$(caps_of)" "Inh 0 Prm 0 Eff 0 Bnd 0 Amb 0"
}

@test "capabilities: ambient ones survive for a user, others do not" {
	inside '.process.user.uid = 1000' 'caps(["CAP_CHOWN"])'
	is "$(caps_of)" "Inh 0 Prm 0 Eff 0 Bnd 1 Amb 0"
	inside '.process.user.uid = 1000' 'caps(["CAP_CHOWN", "CAP_KILL"]) | .process.capabilities |= (.inheritable = ["CAP_CHOWN"] | .ambient = ["CAP_CHOWN"])'
	is "$(caps_of)" "Inh 1 Prm 1 Eff 1 Bnd 21 Amb 1"
}

@test "capabilities: an ambient one that is not inheritable is a warning" {
	script 'cat /proc/self/status' '.process.user.uid = 1000' 'caps(["CAP_CHOWN"]) | .process.capabilities.ambient = ["CAP_CHOWN"]'
	kedge run --bundle "$BUNDLE" c1
	is "$status" 0
	is "$(caps_of)" "Inh 0 Prm 0 Eff 0 Bnd 1 Amb 0"
	has "$stderr" "CAP_CHOWN"
}

@test "capabilities: an unknown one is a warning, the rest holds" {
	script 'cat /proc/self/status' 'caps(["CAP_CHOWN", "CAP_NOSUCH"])'
	kedge run --bundle "$BUNDLE" c1
	is "$status" 0
	is "$(caps_of)" "Inh 0 Prm 1 Eff 1 Bnd 1 Amb 0"
	has "$stderr" "unknown capability 'CAP_NOSUCH', ignoring it"
}

@test "capabilities: what is not there is denied" {
	run_ok 'chown 5 /tmp 2>/dev/null || echo no chown; hostname x 2>/dev/null || echo no hostname; mount -t tmpfs x /mnt 2>/dev/null || echo no mount' tmp
	is "$output" $'no chown\nno hostname\nno mount'
	run_ok 'chown 5 /tmp && echo chown; hostname x && echo hostname' tmp 'caps(["CAP_CHOWN", "CAP_SYS_ADMIN"])'
	is "$output" $'chown\nhostname'
}

@test "no_new_privs" {
	inside
	is "$(status_of NoNewPrivs)" 1
	inside '.process.noNewPrivileges = false'
	is "$(status_of NoNewPrivs)" 0
}

@test "rlimits" {
	run_ok 'cat /proc/self/limits' '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200},
		{type: "RLIMIT_CPU", soft: 1000, hard: 2000}, {type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_NPROC", soft: 50, hard: 60}]'
	is "$(awk '/^Max open files|^Max cpu|^Max core|^Max processes/ { print $(NF - 2), $(NF - 1) }' <<<"$output")" $'1000 2000\n0 0\n50 60\n100 200'
}

@test "rlimits: for another user" {
	run_ok 'ulimit -n; ulimit -Hn' '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}]' '.process.user.uid = 1000'
	is "$output" $'100\n200'
}

@test "rlimits: wrong ones are refused" {
	config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1, hard: 2}, {type: "RLIMIT_NOFILE", soft: 1, hard: 2}]'
	refused "process.rlimits[1]: RLIMIT_NOFILE is listed twice"
	config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 3, hard: 2}]'
	refused "process.rlimits[0]: the soft limit of RLIMIT_NOFILE is above the hard one"
	config '.process.rlimits = [{type: "RLIMIT_NOSUCH", soft: 1, hard: 2}]'
	refused "process.rlimits[0].type: unknown resource limit 'RLIMIT_NOSUCH'"
}

@test "oomScoreAdj" {
	run_ok 'cat /proc/self/oom_score_adj' '.process.oomScoreAdj = 777'
	is "$output" 777
	run_ok 'cat /proc/self/oom_score_adj'
	is "$output" "$(cat /proc/self/oom_score_adj)"
	run_ok 'cat /proc/self/oom_score_adj' '.process.oomScoreAdj = 888' '.process.user.uid = 1000'
	is "$output" 888
	config '.process.oomScoreAdj = 1001'
	refused "process.oomScoreAdj"
}

@test "cwd" {
	run_ok 'pwd' '.process.cwd = "/home/user/"'
	is "$output" /home/user
	own_root
	run_ok 'pwd; stat -c "%a %u" .' writable '.process.cwd = "/new/dir"'
	is "$output" $'/new/dir\n755 0'
	ln -s /etc "$T/rootfs/link"
	run_ok 'pwd -P; ls passwd' '.process.cwd = "/link"'
	is "$output" $'/etc\npasswd'
	config '.process.cwd = "relative"'
	refused "process.cwd: must be an absolute path, is 'relative'"
	config '.process.cwd = "/etc/passwd"'
	refused "process.cwd"
}

@test "cwd: of a user, in a directory of that user alone" {
	own_root
	mkdir -m 700 "$T/rootfs/private"
	chown 1000 "$T/rootfs/private"
	run_ok 'pwd' '.process.cwd = "/private" | .process.user.uid = 1000'
	is "$output" /private
	config '.process.cwd = "/root" | .process.user.uid = 1000'
	kedge run --bundle "$BUNDLE" c1
	is "$output" ""
}

@test "cwd: no descriptor of the runtime (CVE-2024-21626)" {
	for n in 0 3 4 5 6 7 8 9 10 11 12; do
		for cwd in "/proc/self/fd/$n" "/proc/self/fd/$n/../.." "/proc/1/fd/$n" "/proc/self/cwd" "/proc/1/root/../.."; do
			script 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cd -P ..; done; [ -e "$0" ] && echo outside' ".process.args += [\$T]" ".process.cwd = \"$cwd\""
			kedge run --bundle "$BUNDLE" c1
			is "$output" ""
		done
	done
	own_root
	ln -s /proc/self/fd/3 "$T/rootfs/link"
	script '[ -e "$0" ] && echo outside' ".process.args += [\$T]" '.process.cwd = "/link"'
	kedge run --bundle "$BUNDLE" c1
	is "$output" ""
	nothing_left
}

@test "env: as given, the last of two wins" {
	config '.process.args = ["env"]' '.process.env = ["PATH=/usr/bin", "A=1", "B=x=y", "EMPTY=", "A=2", "HOME=/here"]'
	ok run --bundle "$BUNDLE" c1
	is "$output" $'PATH=/usr/bin\nA=2\nB=x=y\nEMPTY=\nHOME=/here'
}

@test "env: nothing of the caller's" {
	config '.process.args = ["/usr/bin/env"]' '.process.env = ["HOME=/"]'
	SECRET=1 ok run --bundle "$BUNDLE" c1
	is "$output" HOME=/
}

@test "env: HOME comes from /etc/passwd" {
	config '.process.args = ["/usr/bin/env"]' '.process.env = []' '.process.user = {uid: 1000, gid: 1000}'
	ok run --bundle "$BUNDLE" c1
	is "$output" HOME=/home/user
	config '.process.args = ["/usr/bin/env"]' '.process.env = ["HOME="]' '.process.user = {uid: 4242, gid: 1000}'
	ok run --bundle "$BUNDLE" c1
	is "$output" HOME=/
	own_root
	ln -sf /proc/1/environ "$T/rootfs/etc/passwd"
	ok run --bundle "$BUNDLE" c1
	is "$output" HOME=/
}

@test "env: malformed entries are refused" {
	for entry in NOEQUALS =VALUE ''; do
		config ".process.env += [\"$entry\"]"
		refused "process.env[2]: must have the form NAME=VALUE, is '$entry'"
	done
}

@test "args: many and long" {
	config '.process.args = ["sh", "-c", "echo $# ${#1}", "x"] + [range(0; 3000) | "a" * 30]'
	ok run --bundle "$BUNDLE" c1
	is "$output" "3000 30"
	config '.process.args = ["echo", "", " ", "a\tb\n\"c", "ä"]'
	ok run --bundle "$BUNDLE" c1
	is "$output" $'   a\tb\n"c ä'
}

@test "args: how a program that cannot be run is told" {
	own_root
	mkdir -p "$T/rootfs/a" "$T/rootfs/b"
	touch "$T/rootfs/a/plain" "$T/rootfs/b/plain" "$T/rootfs/a/noexec"
	printf 'garbage\0' >"$T/rootfs/a/garbage"
	printf '#!/no/interpreter\n' >"$T/rootfs/a/script"
	printf '#!/bin/sh\necho found in b\n' >"$T/rootfs/b/plain"
	chmod 755 "$T/rootfs/a/garbage" "$T/rootfs/a/script" "$T/rootfs/b/plain"
	path='.process.env = ["PATH=/a:/b:/bin"]'
	while IFS='|' read -r program text; do
		config ".process.args = [\"$program\"]" "$path"
		refused "$text"
	done <<-'END'
		nosuch|exec: "nosuch": executable file not found in $PATH
		/no/such|exec: "/no/such": stat /no/such: no such file or directory
		/etc/passwd|exec: "/etc/passwd": permission denied
		/etc|exec: "/etc": is a directory: permission denied
		/etc/passwd/x|not a directory
		noexec|permission denied
		/a/garbage|exec format error
		/a/script|no such file or directory
	END
	is "$stderr" "exec /a/script: no such file or directory"
	config '.process.args = ["plain"]' "$path"
	ok run --bundle "$BUNDLE" c1
	is "$output" "found in b"
	config '.process.args = ["true"]' '.process.env = []'
	refused 'exec: "true": executable file not found in $PATH'
	config '.process.args = ["true"]' '.process.env = ["PATH=bin:.:"]'
	refused 'exec: "true": executable file not found in $PATH'
	config '.process.args = ["/bin/true"]' '.process.env = []'
	ok run --bundle "$BUNDLE" c1
}

@test "args: the runtime itself cannot be started (CVE-2019-5736)" {
	for program in /proc/self/exe /proc/1/exe; do
		config ".process.args = [\"$program\"]"
		kedge run --bundle "$BUNDLE" c1
		isnt "$status" 0
		nothing_left
	done
	own_root
	printf '#!/proc/self/exe\n' >"$T/rootfs/evil"
	chmod 755 "$T/rootfs/evil"
	config '.process.args = ["/evil"]'
	kedge run --bundle "$BUNDLE" c1
	isnt "$status" 0
	nothing_left
}

@test "scheduler: a policy and a nice value" {
	type -P chrt >/dev/null || skip "chrt is not installed"
	start c1 '.process.scheduler = {policy: "SCHED_BATCH", nice: 7}'
	has "$(chrt -p "$(pid_of)")" "SCHED_BATCH"
	is "$(ps -o ni= -p "$(pid_of)" | xargs)" 7
	start c2 '.process.scheduler = {policy: "SCHED_IDLE"}'
	has "$(chrt -p "$(pid_of c2)")" "SCHED_IDLE"
}

@test "scheduler: real time, deadlines, flags" {
	type -P chrt >/dev/null || skip "chrt is not installed"
	chrt -f 10 true 2>/dev/null || skip "this machine has no real-time policies for its users"
	start c1 '.process.scheduler = {policy: "SCHED_FIFO", priority: 10, flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
	has "$(chrt -p "$(pid_of)")" "SCHED_FIFO|SCHED_RESET_ON_FORK"
	has "$(chrt -p "$(pid_of)")" "priority: 10"
	start c2 '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 10000000, deadline: 30000000, period: 50000000}'
	has "$(chrt -p "$(pid_of c2)")" "10000000/30000000/50000000"
}

@test "scheduler: malformed ones are refused" {
	while IFS='|' read -r object text; do
		config ".process.scheduler = $object"
		refused "$text"
	done <<-'END'
		{policy: "SCHED_NOSUCH"}|process.scheduler.policy: unknown scheduling policy 'SCHED_NOSUCH'
		{policy: "SCHED_OTHER", nice: 20}|process.scheduler.nice: must be between -20 and 19, is 20
		{policy: "SCHED_OTHER", priority: 5}|process.scheduler.priority
		{policy: "SCHED_FIFO", priority: 100}|process.scheduler.priority
		{policy: "SCHED_OTHER", runtime: 5}|process.scheduler
		{policy: "SCHED_ISO"}|Linux does not implement SCHED_ISO
		{nice: 5}|process.scheduler.policy: is required
		{policy: "SCHED_OTHER", flags: ["SCHED_FLAG_NOSUCH"]}|process.scheduler.flags
	END
}

@test "ioPriority" {
	type -P ionice >/dev/null || skip "ionice is not installed"
	start c1 '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
	is "$(ionice -p "$(pid_of)")" "best-effort: prio 6"
	ok delete --force c1
	config '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 8}'
	refused "process.ioPriority.priority"
	config '.process.ioPriority = {class: "IOPRIO_CLASS_NOSUCH", priority: 1}'
	refused "process.ioPriority.class"
}

@test "personality" {
	[[ $(setarch linux32 uname -m 2>/dev/null) =~ ^(i686|armv8l)$ ]] || skip "the kernel has no 32-bit personality"
	run_ok 'uname -m' '.linux.personality = {domain: "LINUX32"}'
	matches "$output" '^(i686|armv8l)$'
	run_ok 'uname -m' '.linux.personality = {domain: "LINUX"}'
	is "$output" "$(uname -m)"
	config '.linux.personality = {domain: "BSD"}'
	refused "linux.personality.domain: unknown execution domain 'BSD'"
}

@test "memoryPolicy" {
	[[ -e /proc/self/numa_maps ]] || skip "the kernel has no NUMA policies"
	start c1 '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}'
	has "$(cat "/proc/$(pid_of)/numa_maps")" interleave:0
	ok delete --force c1
	start c1 '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
	has "$(cat "/proc/$(pid_of)/numa_maps")" bind=static:0
	ok delete --force c1
	config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "900"}'
	refused "linux.memoryPolicy"
	config '.linux.memoryPolicy = {mode: "MPOL_BIND"}'
	refused "linux.memoryPolicy.nodes: is required"
}

@test "labels: without the security module they are refused" {
	if [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) != Y ]]; then
		config '.process.apparmorProfile = "some-profile"'
		refused "process.apparmorProfile: 'some-profile' is given, but AppArmor is not enabled here"
	fi
	if [[ ! -e /sys/fs/selinux/enforce ]]; then
		config '.process.selinuxLabel = "system_u:system_r:container_t:s0"'
		refused "process.selinuxLabel: 'system_u:system_r:container_t:s0' is given, but SELinux is disabled"
		config '.linux.mountLabel = "system_u:object_r:container_file_t:s0"'
		refused "linux.mountLabel: 'system_u:object_r:container_file_t:s0' is given, but SELinux is disabled"
	fi
}

@test "a container without a process can be created and deleted, not started" {
	config 'del(.process)'
	create
	is "$(state status)" created
	fails 1 "process: missing" start c1
	ok delete c1
	nothing_left
	refused "process: missing"
}

@test "process: a Debian root" {
	use_debian
	run_ok 'id; echo $HOME; cat /proc/self/loginuid >/dev/null; bash -c "ulimit -n"; getent passwd $(id -u) | cut -d: -f1' \
		'.process.user = {uid: 1000, gid: 1000, additionalGids: [8]} | .process.env = ["PATH=/bin"]'
	is "$(sed -n 1p <<<"$output")" "uid=1000(user) gid=1000(user) groups=1000(user),8(mail)"
	is "$(sed -n 2p <<<"$output")" /home/user
	is "$(tail -n 1 <<<"$output")" user
}

@test "process: no signal is ignored, whatever the runtime ignores itself" {
	script 'grep ^SigIgn /proc/self/status; exec sleep 1000'
	ok run --detach --bundle "$BUNDLE" c1
	eventually grep -qxF "SigIgn:	0000000000000000" "$T/stdout"
	ok exec c1 grep ^SigIgn /proc/self/status
	is "$output" "SigIgn:	0000000000000000"
}

# The cookie of a process: 0 when it shares cores with everybody; "none" where the kernel has no core scheduling, "one" where no core
# has a second thread.
core_cookie() { # PID
	python3 -c '
import ctypes, errno, sys
libc, cookie = ctypes.CDLL(None, use_errno=True), ctypes.c_ulong()
if libc.prctl(62, 0, int(sys.argv[1]), 0, ctypes.byref(cookie)) == 0:
	print(cookie.value)
else:
	print({errno.EINVAL: "none", errno.ENODEV: "one"}.get(ctypes.get_errno(), "error"))' "$1"
}

@test "org.kedge.core-scheduling: the container's processes share a core with nobody, or it is refused" {
	local sharing='.annotations["org.kedge.core-scheduling"] = "true"' host cookie
	host=$(core_cookie $$)
	isnt "$host" error
	if [[ $host == none ]]; then
		config "$sharing"
		refused "cannot keep others from the container's cores: invalid argument (the kernel may have no core scheduling"
		return
	fi
	start c1 "$sharing"
	start c2
	cookie=$(core_cookie "$(pid_of)")
	ok exec --detach --pid-file "$T/pid" c1 sleep 1000
	is "$(core_cookie "$(<"$T/pid")")" "$cookie"
	is "$(core_cookie "$(pid_of c2)")" "$host"
	is "$(core_cookie $$)" "$host"
	if [[ $host == one ]]; then return; fi
	isnt "$cookie" "$host"
	isnt "$cookie" 0
	# Another one has its own.
	ok delete --force c2
	start c2 "$sharing"
	isnt "$(core_cookie "$(pid_of c2)")" "$cookie"
}
