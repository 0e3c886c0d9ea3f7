#!/usr/bin/env bats
# A further process in a container: each flag, --process, the terminal, and what must be refused.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# sh TEXT: in c1, by exec with the flags in $flags
flags=()
in_c1() { ok exec "${flags[@]}" c1 sh -c "$1"; }

@test "exec: output, status, stdin" {
	start
	echo hello >"$T/in"
	STDIN=$T/in kedge exec c1 sh -c 'cat; echo err >&2; exit 42'
	is "$status" 42
	is "$output" hello
	is "$stderr" err
}

@test "exec: a process ended by a signal gives 128 and its number" {
	start
	for signal in HUP:129 KILL:137 TERM:143; do
		kedge exec c1 sh -c "kill -${signal%:*} \$\$"
		is "$status" "${signal#*:}"
		is "$stderr" ""
	done
}

@test "exec: what fails gives 255" {
	start
	fails 255 'exec: "nosuch": executable file not found in $PATH' exec c1 nosuch
	fails 255 'exec: "/no/such": stat /no/such: no such file or directory' exec c1 /no/such
	fails 255 'exec: "/etc/passwd": permission denied' exec c1 /etc/passwd
	fails 255 'exec: "/etc": is a directory: permission denied' exec c1 /etc
	fails 255 "container does not exist" exec nobody true
	fails 255 "no such file or directory" exec --cwd /no/such c1 true
	fails 255 "must be an absolute path" exec --cwd rel c1 true
	is "$(wc -l <"$CGROUP/c1/cgroup.procs")" 1
}

@test "exec: not in a stopped container, in a created one" {
	sleeper
	create
	ok exec c1 echo early
	is "$output" early
	ok kill c1 KILL
	eventually is_status stopped
	fails 255 "cannot exec in a stopped container" exec c1 true
}

@test "exec: not in a paused container, unless asked to" {
	start
	ok pause c1
	fails 255 "cannot exec in a paused container (use --ignore-paused to override)" exec c1 true
	background out exec --ignore-paused c1 echo thawed
	eventually has_lines 2 "$CGROUP/c1/cgroup.procs"
	is "$(cat "$T/out")" ""
	ok resume c1
	wait "${jobs[0]}"
	is "$(cat "$T/out")" thawed
}

@test "exec: the process is where the container is" {
	start
	pid=$(pid_of)
	in_c1 'for n in /proc/self/ns/*; do readlink $n; done; grep ^0 /proc/self/cgroup; hostname'
	is "$(sed -n '/^[a-z]*:\[/p' <<<"$output" | sort -u)" "$(readlink "/proc/$pid"/ns/* | sort -u)"
	has "$output" $'\n0::/\ntest'
}

@test "exec: environment, working directory" {
	start c1 '.process.env += ["A=1", "B=2"] | .process.cwd = "/etc"'
	in_c1 'echo $A$B; pwd'
	is "$output" $'12\n/etc'
	flags=(--env A=x -e C=3 --cwd /tmp)
	in_c1 'echo $A$B$C; pwd; env | grep -c ^A='
	is "$output" $'x23\n/tmp\n1'
	flags=(-e "D=a,b=c")
	in_c1 'echo $D'
	is "$output" "a,b=c"
	for entry in =x noequals ''; do
		fails 255 "option --env: '$entry' must have the form NAME=VALUE" exec -e "$entry" c1 true
	done
}

@test "exec: no descriptor of the runtime leads the working directory out" {
	start
	# To be inside of the container's root is as good as to be refused; "up" leads to the host's root elsewhere.
	up='for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cd -P ..; done; stat -c %d:%i . /'
	for n in 3 4 5 6 7 8 9 10; do
		for cwd in "/proc/self/fd/$n" "/proc/self/fd/$n/../../.." "/proc/1/fd/$n"; do
			kedge exec --cwd "$cwd" c1 sh -c "$up"
			if ((status == 255)); then continue; fi
			is "$status" 0
			is "${lines[0]}" "${lines[1]}"
		done
	done
}

@test "exec: --user takes numbers" {
	start
	for user in 1000:1000+1000:1000 1000+1000:0 0:5+0:5 4294967294:1+4294967294:1; do
		flags=(--user "${user%+*}")
		in_c1 'echo $(id -u):$(id -g)'
		is "$output" "${user#*+}"
	done
}

@test "exec: --user refuses what is no number" {
	start
	for user in -1 4294967295 4294967296 18446744073709551616 1: :1 1:-1 1:4294967295 0x1 " 1" "1 " user root 1:user 1.5 +1; do
		fails 255 "option --user: invalid user '$user'" exec --user "$user" c1 id
	done
}

@test "exec: a user of /etc/passwd named like a number gains nothing" {
	own_root
	echo '1000:x:0:0::/:/bin/sh' >>"$ROOTFS/etc/passwd"
	start
	flags=(--user 1000)
	in_c1 'id -u; grep ^CapEff /proc/self/status'
	is "$output" $'1000\nCapEff:\t0000000000000000'
}

@test "exec: supplementary groups" {
	start c1 '.process.user.additionalGids = [10]'
	in_c1 'grep ^Groups /proc/self/status | xargs'
	is "$output" "Groups: 10"
	flags=(--additional-gids 2000 -g 30)
	in_c1 'grep ^Groups /proc/self/status | xargs'
	is "$output" "Groups: 10 30 2000"
	fails 255 "option --additional-gids: invalid group '-1'" exec -g -1 c1 true
	fails 255 "option --additional-gids: invalid group 'extra'" exec -g extra c1 true
}

caps_of() { sed -n 's/^Cap\(...\):\t0*\([0-9a-f]\)/\1 \2/p' <<<"$1" | xargs; }

@test "exec: capabilities are the container's, --cap adds to three sets" {
	start c1 'caps(["CAP_KILL"])' # 1 << 5
	in_c1 'cat /proc/self/status'
	is "$(caps_of "$output")" "Inh 0 Prm 20 Eff 20 Bnd 20 Amb 0"
	flags=(--cap CAP_CHOWN -c net_raw)
	in_c1 'cat /proc/self/status'
	is "$(caps_of "$output")" "Inh 0 Prm 2021 Eff 2021 Bnd 2021 Amb 0"
	flags=(--cap CAP_CHOWN --user 1000:1000)
	in_c1 'cat /proc/self/status'
	is "$(caps_of "$output")" "Inh 0 Prm 0 Eff 0 Bnd 21 Amb 0"
	fails 255 "CAP_NOSUCH" exec --cap CAP_NOSUCH c1 true
}

@test "exec: no_new_privs" {
	start c1 '.process.noNewPrivileges = false'
	in_c1 'grep ^NoNewPrivs /proc/self/status'
	is "$output" $'NoNewPrivs:\t0'
	flags=(--no-new-privs)
	in_c1 'grep ^NoNewPrivs /proc/self/status'
	is "$output" $'NoNewPrivs:\t1'
}

@test "exec: no_new_privs of the container holds" {
	start
	in_c1 'grep ^NoNewPrivs /proc/self/status'
	is "$output" $'NoNewPrivs:\t1'
}

@test "exec: --process takes the whole process" {
	start c1 'caps(["CAP_KILL"])'
	jq -n '{args: ["sh", "-c", "id -u; pwd; echo $X; grep ^NoNew /proc/self/status; ulimit -n; umask; cat /proc/self/status"],
		cwd: "/etc", env: ["PATH=/bin", "X=7"], user: {uid: 5, gid: 6, umask: 63},
		rlimits: [{type: "RLIMIT_NOFILE", soft: 77, hard: 88}],
		capabilities: {bounding: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"], effective: []}}' >"$T/process.json"
	ok exec --process "$T/process.json" c1
	is "$(head -n 6 <<<"$output")" $'5\n/etc\n7\nNoNewPrivs:\t0\n77\n0077'
	is "$(caps_of "$output")" "Inh 0 Prm 0 Eff 0 Bnd 1 Amb 0"
}

@test "exec: --process refuses what config.json must not say" {
	start
	for change in '.cwd = "rel"' '.args = []' 'del(.args)' '.user.uid = "0"' '.user.uid = 4294967296' '.env = ["X"]' \
		'.rlimits = [{type: "RLIMIT_NOFILE", soft: 2, hard: 1}]' '.noNewPrivileges = "true"' '.capabilities = []'; do
		jq -n '{args: ["true"], cwd: "/", user: {uid: 0, gid: 0}}' | jq "$change" >"$T/process.json"
		fails 255 "$T/process.json" exec --process "$T/process.json" c1
	done
	fails 255 "no such file or directory" exec --process "$T/none.json" c1
	echo '{' >"$T/process.json"
	fails 255 "$T/process.json" exec --process "$T/process.json" c1
}

@test "exec: --detach and the pid file" {
	start
	ok exec --detach --pid-file "$T/pid" c1 sleep 999
	pid=$(cat "$T/pid")
	is "$(tr -d '0-9' <"$T/pid" | wc -c)" 0
	is "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "sleep 999 "
	is "$(ns "$pid" mnt)" "$(ns "$(pid_of)" mnt)"
	has "$(cat "$CGROUP/c1/cgroup.procs")" "$pid"
	is "$(cd "/proc/$pid/fd" && echo *)" "0 1 2"
	ok delete --force c1
	gone "$pid"
}

@test "exec: a pid file only of what was started" {
	start
	fails 255 "executable file not found" exec --detach --pid-file "$T/pid" c1 nosuch
	[ ! -e "$T/pid" ]
	is "$(find "$T" -maxdepth 1 -name '.*pid*')" ""
}

@test "exec: the caller's open files do not reach the process" {
	start
	exec 8<"$T"
	in_c1 'exec sleep 0.01' 8<"$T"
	ok exec --detach --pid-file "$T/pid" c1 sleep 1000
	exec 8<&-
	is "$(cd "/proc/$(cat "$T/pid")/fd" && echo *)" "0 1 2"
}

@test "exec: --preserve-fds" {
	start
	echo three >"$T/three"
	status=0
	"$KEDGE" --root "$STATE" exec --preserve-fds 1 c1 sh -c 'cat <&3; exec ls /proc/self/fd' \
		</dev/null >"$T/out" 2>&1 3<"$T/three" 4<"$T" || status=$?
	is "$status" 0
	is "$(cat "$T/out")" $'three\n0\n1\n2\n3\n4' # the last is the directory that is read
	fails 255 "unable to stat preserved-fd" exec --preserve-fds 30 c1 true
}

@test "exec: signals are forwarded" {
	start
	background out exec c1 sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.05; done'
	eventually has_lines 1 "$T/out"
	kill -TERM "${jobs[0]}"
	status=0
	wait "${jobs[0]}" || status=$?
	is "$status" 3
	is "$(cat "$T/out")" $'ready\ngot'
}

@test "exec: the status of a process that somebody traces" {
	start c1 tmp
	background out exec --pid-file "$T/pid" c1 sh -c 'until [ -e /tmp/go ]; do sleep 0.05; done; exit 7'
	eventually test -s "$T/pid"
	"$(dirname "$KEDGE")/../tests/helpers/intruder" hold "$(cat "$T/pid")" 200 >"$T/held" 3>&- 4>&- &
	eventually has_lines 1 "$T/held"
	ok exec c1 touch /tmp/go
	wait "$!"
	is "$(cat "$T/held")" held
	status=0
	wait "${jobs[0]}" || status=$?
	is "$status" 7
	is "$(cat "$T/out")" ""
}

@test "exec: --tty with --console-socket" {
	start
	"$HELPERS/recvfd" "$T/socket" console secret >"$T/terminal" 3>&- 4>&- &
	receiver=$!
	eventually test -S "$T/socket"
	kedge exec --detach --tty --console-socket "$T/socket" --pid-file "$T/pid" c1 \
		sh -c 'tty; printf "name> "; read name; echo "got $name"'
	is "$stderr" ""
	is "$status" 0
	wait "$receiver"
	is "$(tr -d '\r' <"$T/terminal")" $'/dev/pts/ptmx 0x0\n/dev/pts/0\nname> secret\ngot secret'
}

@test "exec: terminals and detaching" {
	start
	fails 255 "cannot allocate tty if kedge will detach without setting console socket" exec --tty --detach c1 true
	fails 255 "cannot use console socket if kedge will not detach or allocate tty" exec --console-socket "$T/s" c1 true
	fails 255 "cannot connect to socket '$T/none'" exec -t -d --console-socket "$T/none" c1 true
}

@test "exec: --pidfd-socket" {
	start
	"$HELPERS/recvfd" "$T/socket" pidfd >"$T/received" 3>&- 4>&- &
	receiver=$!
	eventually test -S "$T/socket"
	ok exec --detach --pidfd-socket "$T/socket" --pid-file "$T/pid" c1 sleep 1000
	wait "$receiver"
	is "$(cat "$T/received")" "$(cat "$T/pid")"
}

@test "exec: --cgroup" {
	start
	mkdir "$CGROUP/c1/sub"
	ok exec --detach --cgroup sub --pid-file "$T/pid" c1 sleep 1000
	is "$(cat "$CGROUP/c1/sub/cgroup.procs")" "$(cat "$T/pid")"
	ok exec --cgroup /sub c1 cat /proc/self/cgroup
	has "$output" "0::/sub"
	fails 255 "no such file or directory" exec --cgroup nosuch c1 true
	for path in .. ../.. sub/../.. /../../.. ../c1; do
		kedge exec --cgroup "$path" c1 true
		is "$status" 255
	done
	fails 255 "names controllers" exec --cgroup cpu:sub c1 true
	ok delete --force c1
	nothing_left
}

@test "exec: a container whose processes are in sub-cgroups" {
	start c1 'mount("/sys/fs/cgroup"; "cgroup"; "cgroup"; ["rw"])'
	mkdir "$CGROUP/c1/init"
	pid_of >"$CGROUP/c1/init/cgroup.procs"
	echo "+$(awk '{ print $1 }' "$CGROUP/c1/cgroup.controllers")" >"$CGROUP/c1/cgroup.subtree_control" 2>/dev/null ||
		skip "no controller can be delegated here"
	ok exec c1 cat /proc/self/cgroup
	matches "$output" '(^|'$'\n'')0::/(init)?($|'$'\n'')'
}

@test "exec: a user namespace" {
	start c1 userns
	in_c1 'id -u; readlink /proc/self/ns/user; cat /proc/self/uid_map | xargs'
	is "$output" "0
$(ns "$(pid_of)" user)
0 100000 65536"
	flags=(--user 1000:1000)
	in_c1 'id -u; id -g'
	is "$output" $'1000\n1000'
	ok exec --detach --pid-file "$T/pid" --user 7:8 c1 sleep 1000
	is "$(awk '/^[UG]id:/ { print $2 }' "/proc/$(cat "$T/pid")/status" | xargs)" "100007 200008"
	fails 255 "process.user" exec --user 70000 c1 true
}

@test "exec: rlimits, oomScoreAdj and umask of the container hold" {
	start c1 '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}] | .process.oomScoreAdj = 300
		| .process.user.umask = 7'
	in_c1 'ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; umask'
	is "$output" $'100\n200\n300\n0007'
}

@test "exec: seccomp of the container holds" {
	start c1 '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 22}]}' tmp
	kedge exec c1 mkdir /tmp/x
	is "$status" 1
	has "$stderr" "Invalid argument"
	in_c1 'grep ^Seccomp: /proc/self/status'
	is "$output" $'Seccomp:\t2'
}

@test "exec: without a mount namespace the root is the container's" {
	start c1 'without("mount") | .mounts = [] | .linux |= del(.maskedPaths, .readonlyPaths)' '.process.args = ["/bin/sleep", "1000"]'
	ok exec c1 cat /etc/hostname
	is "$output" kedge-test
}

@test "exec: CPU affinity" {
	(($(nproc) >= 2)) || skip "one processor"
	start c1 '.process.execCPUAffinity = {initial: "0", final: "1"}'
	in_c1 'grep ^Cpus_allowed_list /proc/self/status | xargs'
	is "$output" "Cpus_allowed_list: 1"
	is "$(awk '/^Cpus_allowed_list/ { print $2 }' "/proc/$(pid_of)/status")" "$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)"
}

@test "exec: many at once" {
	start
	for i in {1..16}; do background "exec$i" exec c1 sh -c "exit $i"; done
	for i in {1..16}; do
		status=0
		wait "${jobs[i - 1]}" || status=$?
		is "$status" "$i"
	done
	is "$(cat "$T"/exec*)" ""
	is "$(wc -l <"$CGROUP/c1/cgroup.procs")" 1
}

@test "exec: a Debian root" {
	use_debian
	start
	flags=(--user 1000:1000 -e LANG=C.UTF-8)
	in_c1 'id -un; locale charmap; perl -e "print getpwuid(1000), qq(\n)" | cut -c 1-4; readlink -f /bin/sh'
	is "$output" $'user\nUTF-8\nuser\n/usr/bin/dash'
}
