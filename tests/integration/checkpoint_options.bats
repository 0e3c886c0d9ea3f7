#!/usr/bin/env bats
# checkpoint and restore: what options and configurations ask of criu beyond checkpoint.bats.
# requires: own-guard
# shellcheck disable=SC2034,SC2154 # for the helpers; what kedge() sets

load criu_helpers

setup_file() { guard_setup_file; }
teardown_file() { guard_teardown_file; }

# receive NAME LINE...: takes the terminal over $T/NAME in the background, types each line at its prompt, writes into $T/NAME.out
receive() {
	"$HELPERS/recvfd" "$T/$1" console "${@:2}" >"$T/$1.out" 2>&1 3>&- 4>&- &
	receivers+=($!)
	eventually test -S "$T/$1"
}

asks='.process.args = ["sh", "-c", "echo 1 >/tmp/n; until [ -e /mnt/go ]; do sleep 0.05; done; tty; printf \"name> \"; read name; echo \"got $name\"; exit 3"] |
	.process.terminal = true'

# A program on a terminal, whose images are in $T/images.
checkpointed() {
	mkdir -p "$T/data"
	own_root
	guarded "bind(\"$T/data\"; \"/mnt\"; [\"ro\"])" "$asks"
	receive first
	ok run --detach --console-socket "$T/first" --bundle "$BUNDLE" c1
	eventually test_exec 'test -s /tmp/n'
	ok checkpoint "${MODE[@]}" --image-path "$T/images" c1
	wait "${receivers[0]}"
	has "$(cat "$T/first.out")" "/dev/pts/0 0x0"
}

@test "restore: the terminal is handed over again, and goes on" {
	needs_criu
	prepare_attack
	checkpointed
	receive second secret
	ok restore "${MODE[@]}" --detach --console-socket "$T/second" --bundle "$BUNDLE" --image-path "$T/images" c1
	is "$(drifts)" ""
	ok guard verify c1
	touch "$T/data/go"
	wait "${receivers[1]}"
	is "$(tr -d '\r' <"$T/second.out")" $'/dev/pts/0 0x0\n/dev/pts/0\nname> secret\ngot secret'
	eventually is_status stopped
}

@test "restore: a terminal in the foreground" {
	needs_criu
	type -P script >/dev/null || skip "script(1) is not installed"
	prepare_attack
	checkpointed
	touch "$T/data/go"
	status=0
	timeout -k 5 60 script -qec "$(printf '%q ' "$KEDGE" --root "$STATE" restore "${MODE[@]}" --bundle "$BUNDLE" --image-path "$T/images" c1)" /dev/null \
		<<<secret >"$T/terminal" 2>&1 3>&- 4>&- || status=$?
	is "$status" 3
	has "$(tr -d '\r' <"$T/terminal")" "got secret"
	nothing_left
}

@test "restore: a terminal without a socket is an error, and so is a socket without a terminal" {
	needs_criu
	prepare_attack
	checkpointed
	refused "cannot allocate tty if kedge will detach without setting console socket" \
		restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	refused "cannot connect to socket '$T/nosuch'" \
		restore "${MODE[@]}" --detach --console-socket "$T/nosuch" --bundle "$BUNDLE" --image-path "$T/images" c1
	guarded "bind(\"$T/data\"; \"/mnt\"; [\"ro\"])"
	refused "cannot use console socket if kedge will not detach or allocate tty" \
		restore "${MODE[@]}" --detach --console-socket "$T/nosuch" --bundle "$BUNDLE" --image-path "$T/images" c1
}

@test "checkpoint: after two of --pre-dump only what has changed is written" {
	needs_criu
	needs_feature mem_dirty_track
	prepare_attack
	# eight megabytes that stay as they are
	counter '.process.args = ["sh", "-c", "v=$(head -c 4000000 /dev/zero | tr \"\\\\0\" x); i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; sleep 0.05; done"]'
	ok checkpoint "${MODE[@]}" --pre-dump --image-path "$T/1" c1
	ok checkpoint "${MODE[@]}" --pre-dump --image-path "$T/2" --parent-path ../1 c1
	is "$(state status)" running
	count
	ok checkpoint "${MODE[@]}" --image-path "$T/3" --parent-path ../2 c1
	is "$(readlink "$T/2/parent") $(readlink "$T/3/parent")" "../1 ../2"
	pages() { cat "$T/$1"/pages-*.img | wc -c; }
	(($(pages 1) > 4000000 && $(pages 2) < 2000000 && $(pages 3) < 2000000)) || { echo "$(pages 1) $(pages 2) $(pages 3)"; return 1; }
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/3" c1
	goes_on "$n"
}

# A server of criu's in the background, which says where it is in $T/NAME.ready.
serve() { # NAME ARGUMENTS...
	local name=$1
	shift
	mkfifo "$T/$name.ready"
	exec 8<>"$T/$name.ready"
	criu "$@" --status-fd 8 </dev/null >"$T/$name.log" 2>&1 3>&- 4>&- &
	server=$!
	read -r -t 30 -n 1 -u 8 -d '' || { cat "$T/$name.log"; return 1; }
	exec 8>&-
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

@test "checkpoint: --page-server sends the memory elsewhere" {
	needs_criu
	prepare_attack
	counter
	mkdir "$T/elsewhere"
	port=$(free_port)
	serve pages page-server --images-dir "$T/elsewhere" --address 127.0.0.1 --port "$port"
	count
	ok checkpoint "${MODE[@]}" --page-server "127.0.0.1:$port" --image-path "$T/images" c1
	wait "$server" || { cat "$T/pages.log"; return 1; }
	is "$(compgen -G "$T/images/pages-*.img")" ""
	cp "$T/elsewhere"/page* "$T/images/"
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	goes_on "$n"
	fails 1 "option --page-server: invalid port '99999'" checkpoint --page-server 127.0.0.1:99999 --image-path "$T/images2" c1
	fails 1 "checkpoint 'c1': criu failed: " checkpoint "${MODE[@]}" --page-server "127.0.0.1:$port" --image-path "$T/images2" c1
	goes_on "$n"
}

@test "checkpoint and restore: --lazy-pages moves the memory while the program runs" {
	needs_criu
	needs_feature uffd-noncoop
	(($(cat /proc/sys/fs/pipe-max-size) >= 2097152 || 0x$(awk '/^CapEff/ { print $2 }' /proc/self/status) >> 24 & 1)) ||
		skip "root has no CAP_SYS_RESOURCE here, and criu wants larger pipes than others may have"
	prepare_attack
	counter
	count
	port=$(free_port)
	mkfifo "$T/status"
	exec 7<>"$T/status"
	: >"$T/stdout" # the container's, too: criu wants to find it as large as it was
	background sender checkpoint "${MODE[@]}" --lazy-pages --page-server "127.0.0.1:$port" --status-fd 7 --image-path "$T/images" c1
	read -r -t 30 -n 1 -u 7 -d '' || { cat "$T/sender"; return 1; }
	exec 7>&-
	# on another host, as it were: with a name, a cgroup and a work directory of its own
	mkdir "$T/there"
	criu lazy-pages --page-server --address 127.0.0.1 --port "$port" -D "$T/images" -W "$T/there" </dev/null >"$T/lazy.log" 2>&1 3>&- 4>&- &
	lazy=$!
	eventually test -S "$T/there/lazy-pages.socket"
	jq '.linux.cgroupsPath += "-there"' "$BUNDLE/config.json" >"$T/config" && mv "$T/config" "$BUNDLE/config.json"
	ok restore "${MODE[@]}" --lazy-pages --detach --bundle "$BUNDLE" --image-path "$T/images" --work-path "$T/there" c2
	first=$n
	count c2
	((n >= first && n < first + 2000))
	eventually test_exec "test \$(cat /tmp/n) -gt $n" c2
	wait "$lazy" || { cat "$T/lazy.log"; return 1; }
	wait "${jobs[0]}" || { cat "$T/sender"; return 1; }
	fails 1 "container does not exist" state c1
	is "$(drifts)" ""
	ok guard verify c2
}

# criu opens images, bind sources and files of stdio as root of the namespace.
in_userns() {
	RUN=silently
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test"
	mkdir -m 711 "$T/images"
}

@test "checkpoint and restore: in a user namespace" {
	needs_criu
	prepare_attack
	in_userns
	counter userns
	count
	ok checkpoint "${MODE[@]}" --image-path "$T/images" c1
	silently restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	goes_on "$n"
	is "$(awk '{ print $1, $2, $3 }' "/proc/$(pid_of)/uid_map")" "0 100000 65536"
	ok exec c1 sh -c 'id -u; cat /proc/timer_list; cat /sys/fs/cgroup/cgroup.procs | head -n 1; echo x >/dev/null; head -c 3 /dev/zero | wc -c'
	is "$output" $'0\n1\n3'
}

@test "restore: in a user namespace the images have to be within its root's reach" {
	needs_criu
	prepare_attack
	in_userns
	counter userns
	ok checkpoint "${MODE[@]}" --image-path "$T/images" c1
	chmod 700 "$T/images"
	fails 1 "restore 'c1': criu failed: Unable to open" restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	nothing_left
}

@test "checkpoint and restore: a time namespace of the configuration goes on" {
	needs_criu
	prepare_attack
	counter 'new("time") | .linux.timeOffsets.boottime.secs = 1000000'
	ok exec c1 cut -d. -f1 /proc/uptime
	before=$output
	ok checkpoint "${MODE[@]}" --image-path "$T/images" c1
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	ok exec c1 cut -d. -f1 /proc/uptime
	((output >= before && output < before + 600)) || { echo "$before, then $output"; return 1; }
	ok guard verify c1
}

@test "checkpoint and restore: locks of files are there again" {
	needs_criu
	use_debian
	prepare_attack
	counter '.process.args = ["flock", "/tmp/lock", "sh", "-c", "echo 1 >/tmp/n; while :; do sleep 0.05; done"]'
	fails 1 "checkpoint 'c1': criu failed: " checkpoint "${MODE[@]}" --image-path "$T/images" c1
	is "$(state status)" running
	ok checkpoint "${MODE[@]}" --file-locks --image-path "$T/images" c1
	ok restore "${MODE[@]}" --file-locks --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	kedge exec c1 flock -n /tmp/lock true
	is "$status" 1
}

@test "checkpoint and restore: as containerd calls them" {
	needs_criu
	prepare_attack
	counter
	count
	: >"$T/stdout"
	silently --log "$T/log.json" --log-format json checkpoint --image-path "$T/images" --work-path "$T/scratch" --tcp-established \
		--ext-unix-sk --shell-job --file-locks --manage-cgroups-mode ignore --empty-ns network --leave-running c1
	goes_on "$n"
	: >"$T/stdout"
	silently --log "$T/log.json" --log-format json checkpoint --image-path "$T/images2" --work-path "$T/scratch" --file-locks \
		--manage-cgroups-mode ignore c1
	: >"$T/stdout"
	ok --log "$T/log.json" --log-format json restore --image-path "$T/images2" --work-path "$T/scratch" --file-locks \
		--manage-cgroups-mode ignore --detach --pid-file "$T/pid" -no-subreaper --bundle "$BUNDLE" c1
	is "$(cat "$T/pid")" "$(pid_of)"
	is "$(cat "$T/log.json")" ""
	goes_on "$n"
}

# A netns that the caller makes, as engines do, with a program that talks to itself in it.
talker() {
	mkdir -p "$T/ns"
	touch "$T/ns/net"
	unshare --net="$T/ns/net" ip link set lo up
	counter "joins(\"network\"; \"$T/ns/net\")" '.process.args = ["sh", "-c", "nc -l -p 7000 -e sh -c \"while read x; do echo got; done\" &
		until [ -s /tmp/answers ]; do while :; do echo tick; echo 1 >>/tmp/n; sleep 0.05; done | nc 127.0.0.1 7000 >/tmp/answers 2>/tmp/why; done"]'
	eventually test_exec 'test -s /tmp/answers'
}

@test "checkpoint and restore: an open TCP connection inside, kept or closed" {
	needs_criu
	prepare_attack
	talker
	fails 1 "checkpoint 'c1': criu failed: " checkpoint "${MODE[@]}" --image-path "$T/images" c1
	is "$(state status)" running
	kedge checkpoint "${MODE[@]}" --tcp-established --network-lock skip --image-path "$T/images" c1
	if [[ $stderr == *"Can't get 1:16 opt"* ]]; then
		ok delete --force c1
		umount "$T/ns/net"
		skip "this criu asks sockets of TCP for SO_PASSCRED, which newer kernels refuse"
	fi
	is "$status $stderr" "0 "
	ok restore "${MODE[@]}" --tcp-established --network-lock skip --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	ok exec c1 sh -c 'wc -l </tmp/answers'
	eventually test_exec "test \$(wc -l </tmp/answers) -gt $((output + 5))"
	ok delete --force c1
	umount "$T/ns/net"
}
