#!/usr/bin/env bats
# Attacks that have worked against container runtimes, and have no place among the tests of a property. docs/advisories.md has
# them all, with the test of each.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

PROGRAMS=${PROGRAMS:-$(dirname "$KEDGE")/../tests/helpers}

# The intruder stands at /intruder; what it prints is in $T/shared/seen.
watcher() { # [FILTER...]
	own_root
	cp "$PROGRAMS/intruder" "$ROOTFS/intruder"
	mkdir "$ROOTFS/shared" "$T/shared"
	touch "$T/shared/seen"
	chmod 777 "$T/shared" "$T/shared/seen"
	script 'exec /intruder watch /bin/ >/shared/seen' 'bind($T + "/shared"; "/shared"; ["rw"])' writable "$@"
	ok run --detach --bundle "$BUNDLE" c1
	eventually has_lines 1 "$T/shared/seen"
}

# That it was denied shows that it had somebody to look at.
saw_nothing() {
	local n
	for ((n = 0; n < 25; n++)); do ok exec c1 true || return 1; done
	eventually looked || return 1
	is "$(sort -u "$T/shared/seen" | xargs)" "denied watching"
}

# Where it had no processor to itself, not at the first ones.
looked() { grep -q -e denied -e hit "$T/shared/seen" || { ok exec c1 true && false; }; }

@test "exec: nobody in the container can look into a process that enters (CVE-2016-9962)" {
	watcher
	saw_nothing
}

@test "exec: not with every capability of a user namespace either" {
	watcher userns 'caps(["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN", "CAP_KILL"])' \
		'.process.noNewPrivileges = false'
	saw_nothing
}

@test "the program of a waiting container cannot be written, now or later (CVE-2019-5736)" {
	before=$(sha256sum <"$KEDGE")
	sleeper
	create
	exec 8<"/proc/$(pid_of)/exe"
	isnt "$(stat -Lc %d:%i /proc/self/fd/8)" "$(stat -Lc %d:%i "$KEDGE")"
	if (: >"/proc/$(pid_of)/exe") 2>/dev/null; then echo "truncated while it ran"; return 1; fi
	ok delete --force c1
	if (echo x >/proc/self/fd/8) 2>/dev/null; then echo "written after its end"; return 1; fi
	if (echo x >>/proc/self/fd/8) 2>/dev/null; then echo "made longer after its end"; return 1; fi
	exec 8<&-
	is "$(sha256sum <"$KEDGE")" "$before"
}

@test "a namespace's path or a list of mappings of any length is one value (CVE-2021-43784)" {
	for length in 5000 65536 80000; do
		config "joins(\"network\"; \"/\" + (\"x\" * $length))"
		refused ""
		matches "$stderr" 'linux.namespaces|name too long'
	done
	config 'userns | .linux.uidMappings = [range(0; 6000) | {containerID: ., hostID: (100000 + . * 2), size: 1}]'
	refused "linux.uidMappings"
}

@test "stdio is what was given, whatever the image has at /dev/null (CVE-2026-88265)" {
	mkdir "$T/dev"
	echo victim >"$T/outside"
	volume='unmount("/dev/pts") | unmount("/dev/shm") | unmount("/dev/mqueue") | unmount("/dev") | bind($T + "/dev"; "/dev"; ["rw"])
		| .linux.maskedPaths = [] | .process.user = {uid: 1000, gid: 1000}'
	for evil in "ln -s ../../../../../../$T/outside" "touch" "mkfifo" "cp $T/outside"; do
		rm -rf "$T/dev/null"
		$evil "$T/dev/null"
		script 'read -r line; echo "out $line"; echo err >&2' "$volume"
		for how in pipe file; do
			if [[ $how == pipe ]]; then
				echo in | "$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1 2> >(cat >"$T/err") 3>&- 4>&- | cat >"$T/out"
			else
				echo in >"$T/in"
				"$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1 <"$T/in" >"$T/out" 2>"$T/err" 3>&- 4>&-
			fi
			is "$(cat "$T/out")" "out in"
			eventually grep -qx err "$T/err"
			is "$(cat "$T/outside") $(stat -c %u "$T/outside")" "victim 0"
			if [[ -f $T/dev/null ]]; then is "$(stat -c %u "$T/dev/null")" 0; fi
		done
	done
	# Closed, and nothing of the container may take their numbers.
	"$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1 <&- >&- 2>&- 3>&- 4>&- || :
	is "$(cat "$T/outside") $(stat -c %u "$T/outside")" "victim 0"
	is "$(cat "$T/dev/null")" victim
}

@test "sysctl: no name and no value is two (CVE-2022-0811)" {
	before=$(cat /proc/sys/kernel/{core_pattern,panic})
	for value in '1+kernel.core_pattern=|/evil' $'1\nkernel.panic=7'; do
		config ".linux.sysctl = {\"kernel.shm_rmid_forced\": $(jq -n --arg v "$value" '$v')}"
		refused 'kernel.shm_rmid_forced'
	done
	for name in net/../kernel/panic /kernel/panic net.ipv4.conf.all/../../../kernel/panic net.ipv4.ip_forward+kernel.panic; do
		config ".linux.sysctl = {\"$name\": \"7\"}"
		refused 'linux.sysctl'
	done
	is "$(cat /proc/sys/kernel/{core_pattern,panic})" "$before"
}

@test "no socket of the runtime can be reached by its name in a network namespace (CVE-2020-15257)" {
	script 'sleep 1000' 'without("network")'
	# In a network namespace where nobody else has one.
	unshare --net -- bash -euc '
		"$1" --root "$2" create --bundle "$3" c1 </dev/null >/dev/null 2>&1
		cat /proc/net/unix
		"$1" --root "$2" start c1
		"$1" --root "$2" exec --detach c1 sleep 1000 </dev/null >/dev/null 2>&1
		cat /proc/net/unix' bash "$KEDGE" "$STATE" "$BUNDLE" >"$T/sockets" 3>&- 4>&-
	is "$(grep -c '^Num' "$T/sockets")" 2
	is "$(awk '$8 ~ /^@/' "$T/sockets")" ""
}

@test "nothing is loaded once a process is in the container (CVE-2019-14271)" {
	no_sanitizers "looks for leaks, which cannot be under strace"
	type -P strace >/dev/null || skip "strace is not installed"
	start c1 userns '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]}'
	strace -f -qq -I 2 -e trace=open,openat,openat2,clone,clone3,vfork,setns,pivot_root -o "$T/trace" \
		"$KEDGE" --root "$STATE" exec --user 1:1 c1 true </dev/null >"$T/out" 2>&1 3>&- 4>&-
	awk '/(setns|pivot_root)\(/ { inside = 1 } inside' "$T/trace" >"$T/inside"
	[ -s "$T/inside" ]
	is "$(grep -E '\.so|ld\.so|nsswitch|gconv|locale|/etc/(passwd|group)' "$T/inside" || :)" ""
}

@test "a letter cannot be typed into the caller's terminal (CVE-2016-10124, CVE-2017-5226)" {
	type -P script >/dev/null || skip "script(1) is not installed"
	own_root
	cp "$PROGRAMS/intruder" "$ROOTFS/intruder"
	config '.process.args = ["sh", "-c", "/intruder tiocsti 0; /intruder tiocsti 0 1"]'
	mkfifo "$T/silence"
	printf -v command '%q ' "$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1
	timeout 60 script -qec "$command" /dev/null <>"$T/silence" >"$T/terminal" 2>&1 3>&- 4>&-
	why="Operation not permitted"
	if [[ $(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null) == 0 ]]; then why="Input/output error"; fi # to nobody at all
	is "$(tr -d '\r' <"$T/terminal" | sort -u | grep -v '^$')" "$why"
}

@test "inheritable capabilities are empty unless asked for (CVE-2022-24769, CVE-2022-27650)" {
	(cd "$BUNDLE" && ok spec)
	is "$(jq -c '.process.capabilities.inheritable // []' "$BUNDLE/config.json")" "[]"
	run_ok 'grep -E "^Cap(Inh|Amb)" /proc/self/status' 'caps(["CAP_KILL", "CAP_CHOWN"])'
	is "$output" $'CapInh:\t0000000000000000\nCapAmb:\t0000000000000000'
	start c2 'caps(["CAP_KILL", "CAP_CHOWN"])'
	ok exec --cap CAP_NET_RAW c2 grep -E '^Cap(Inh|Amb)' /proc/self/status
	is "$output" $'CapInh:\t0000000000000000\nCapAmb:\t0000000000000000'
}

@test "no name that the runtime makes in the root leads out (CVE-2025-24965, CVE-2026-41579)" {
	own_root
	mkdir "$T/outside"
	rm -rf "${ROOTFS:?}/dev"
	mkdir "$ROOTFS/dev"
	for name in null zero full random urandom tty console ptmx pts shm mqueue fd stdin stdout stderr core; do
		ln -s "$T/outside/$name" "$ROOTFS/dev/$name"
	done
	ln -s "$T/outside/krun" "$ROOTFS/.krun_config.json"
	rm -rf "${ROOTFS:?}/run"
	ln -s "$T/outside" "$ROOTFS/run"
	config writable 'unmount("/dev") | unmount("/dev/pts") | unmount("/dev/shm") | unmount("/dev/mqueue")'
	kedge run --bundle "$BUNDLE" c1
	is "$(ls -A "$T/outside")" ""
	NOTIFY_SOCKET=$T/nobody kedge run --bundle "$BUNDLE" c1
	is "$(ls -A "$T/outside")" ""
	nothing_left
}

@test "the state is root's alone, whatever the caller's umask (CVE-2021-41103, CVE-2024-25621)" {
	sleeper
	(umask 0 && ok --root "$STATE/new" run --detach --bundle "$BUNDLE" c1)
	is "$(find "$STATE/new" -perm /077 ! -type p)" ""
	is "$("$KEDGE" --root "$STATE/new" state c1 | jq -r .status)" running
	ok --root "$STATE/new" delete --force c1
	rm -r "$STATE/new"
}

@test "what the image says of its users is read up to a bound (CVE-2026-47262)" {
	own_root
	truncate -s 64G "$ROOTFS/etc/passwd"
	truncate -s 64G "$ROOTFS/etc/group"
	LIMIT=60 run_ok 'echo "$HOME"' '.process.env = ["PATH=/bin"] | .process.user.uid = 4242'
	is "$output" /
}

has_size() { (($(stat -c %s "$2") >= $1)); } # BYTES FILE

@test "a program's output is not kept in memory (CVE-2022-1708, CVE-2022-31030)" {
	no_sanitizers "is not small"
	start c1 tmp
	background out exec --tty c1 sh -c 'dd if=/dev/zero bs=1M count=24; until [ -e /tmp/go ]; do sleep 0.05; done'
	eventually has_size $((24 << 20)) "$T/out"
	most=$(awk '/^VmHWM/ { print $2 }' "/proc/${jobs[0]}/status")
	ok exec c1 touch /tmp/go
	wait "${jobs[0]}"
	echo "# at most $most kB"
	((most > 0 && most < 8192))
}

@test "an annotation of the image moves nothing (CVE-2026-53488)" {
	config '.annotations = {"run.oci.delegate-cgroup": "../x", "run.oci.handler": "krun", "run.oci.systemd.subgroup": "../y",
		"io.containerd.cgroup": "/", "org.kedge.root": "/"}' '.process.args = ["cat", "/proc/self/cgroup"]'
	ok run --bundle "$BUNDLE" c1
	has "$output" "0::/"
	is "$(find "$CGROUP" -mindepth 1 -type d; ls -d "$CGROUP/../x" "$CGROUP/../y" 2>/dev/null)" ""
}

@test "the program is not setuid, and has no file capability" {
	type -P python3 >/dev/null || skip "python3 is not installed"
	for program in "$KEDGE" "$(dirname "$KEDGE")"/kedge-*; do
		is "$(find "$program" -perm /6000)" ""
		is "$(python3 -c 'import os, sys; print(*os.listxattr(sys.argv[1]))' "$program")" ""
	done
	# And installing it does not make it so.
	is "$(grep -nE 'chmod.*\+s|setcap|-m *[0-9]*[4-6][0-7]{3}' "$BATS_TEST_DIRNAME/../../Makefile.am" || :)" ""
}
