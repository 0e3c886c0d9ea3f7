#!/usr/bin/env bats
# Terminals: in the foreground, over a socket, their size and settings.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# A command under a terminal of its own, made by script(1), where nothing is typed; its output is in $output, without carriage returns.
in_terminal() { # COMMAND...
	local command
	type -P script >/dev/null || skip "script(1) is not installed"
	printf -v command '%q ' "$@"
	[[ -e $T/silence ]] || mkfifo "$T/silence"
	status=0
	env "$MARK" timeout -k 5 60 script -qec "$command" /dev/null <>"$T/silence" >"$T/terminal" 2>&1 3>&- 4>&- || status=$?
	output=$(tr -d '\r' <"$T/terminal")
}

terminal='.process.terminal = true'

# received NAME LINE...: the helper that takes the terminal runs in the background
receive() {
	"$HELPERS/recvfd" "$T/socket" console "$@" >"$T/terminal" 2>&1 3>&- 4>&- &
	receiver=$!
	eventually test -S "$T/socket"
}
received() {
	wait "$receiver" || :
	output=$(tr -d '\r' <"$T/terminal")
}

@test "console: run in a terminal" {
	script 'tty; test -t 0 && test -t 1 && test -t 2 && echo three; exit 7' "$terminal"
	in_terminal "$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1
	is "$status" 7
	is "$output" $'/dev/pts/0\nthree'
	nothing_left
}

@test "console: exec in a terminal" {
	start
	in_terminal "$KEDGE" --root "$STATE" exec --tty c1 sh -c 'tty; echo $0; exit 9'
	is "$status" 9
	is "$output" $'/dev/pts/0\nsh'
}

@test "console: it is the controlling terminal" {
	script 'echo hello >/dev/tty; ps -o pid,tty,stat; cat /proc/self/stat | cut -d" " -f 7; stat -c %t:%T /dev/pts/0' "$terminal"
	in_terminal "$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1
	is "$(head -n 1 <<<"$output")" hello
	has "$output" 136,0
	has "$output" 34816 # 136 << 8, in decimal
}

@test "console: /dev/console is the terminal" {
	script 'echo to console >/dev/console; stat -c "%F" /dev/console' "$terminal"
	in_terminal "$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1
	is "$output" $'to console\ncharacter special file'
}

@test "console: over a socket, with what is typed" {
	receive secret
	script 'printf "name> "; read name; echo "got $name"; exit 3' "$terminal"
	ok run --detach --console-socket "$T/socket" --bundle "$BUNDLE" c1
	received
	is "$output" $'/dev/pts/0 0x0\nname> secret\ngot secret'
	eventually is_status stopped
}

@test "console: create hands it over, start writes to it" {
	receive
	script 'echo started' "$terminal"
	ok create --console-socket "$T/socket" --bundle "$BUNDLE" c1
	eventually test -s "$T/terminal"
	is "$(cat "$T/terminal")" "/dev/pts/0 0x0"
	ok start c1
	received
	is "$output" $'/dev/pts/0 0x0\nstarted'
}

@test "console: its size" {
	receive
	script 'stty size' "$terminal" '.process.consoleSize = {height: 33, width: 111}'
	ok run --detach --console-socket "$T/socket" --bundle "$BUNDLE" c1
	received
	eventually is_status stopped
	is "$output" $'/dev/pts/0 33x111\n33 111'
	ok delete c1
	config "$terminal" '.process.consoleSize = {height: 65536, width: 1}'
	refused "process.consoleSize: must be at most 65535 by 65535" create --console-socket "$T/socket" --bundle "$BUNDLE" c1
}

@test "console: in the foreground the size follows" {
	script 'stty size' "$terminal"
	in_terminal sh -c 'stty rows 44 cols 132; exec "$@"' - "$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1
	is "$output" "44 132"
}

@test "console: newlines are left alone" {
	receive
	script 'stty -a; printf "a\nb\n"' "$terminal"
	ok run --detach --console-socket "$T/socket" --bundle "$BUNDLE" c1
	wait "$receiver"
	has "$(cat "$T/terminal")" "-onlcr"
	is "$(tail -c 4 "$T/terminal")" $'a\nb'
	is "$(tr -cd '\r' <"$T/terminal" | wc -c)" 0
}

@test "console: for a user, who owns it" {
	receive
	script 'stat -c %u:%g /dev/pts/0; echo x >/dev/tty && echo writes' "$terminal" '.process.user = {uid: 1000, gid: 1000}'
	ok run --detach --console-socket "$T/socket" --bundle "$BUNDLE" c1
	received
	is "$output" $'/dev/pts/0 0x0\n1000:5\nx\nwrites'
}

@test "console: in a user namespace" {
	receive
	script 'tty; stat -c %u:%g /dev/pts/0; echo x >/dev/console' "$terminal" userns
	ok run --detach --console-socket "$T/socket" --bundle "$BUNDLE" c1
	received
	is "$output" $'/dev/pts/0 0x0\n/dev/pts/0\n0:5\nx'
}

@test "console: what cannot be" {
	config "$terminal"
	refused "cannot allocate tty if kedge will detach without setting console socket" create --bundle "$BUNDLE" c1
	refused "cannot allocate tty if kedge will detach without setting console socket" run --detach --bundle "$BUNDLE" c1
	refused "cannot connect to socket '$T/none'" create --console-socket "$T/none" --bundle "$BUNDLE" c1
	config
	refused "cannot use console socket if kedge will not detach or allocate tty" create --console-socket "$T/none" --bundle "$BUNDLE" c1
	refused "cannot use console socket if kedge will not detach or allocate tty" run --console-socket "$T/none" --bundle "$BUNDLE" c1
}

@test "console: no devpts is told" {
	config "$terminal" 'unmount("/dev/pts")'
	receive
	refused "process.terminal" create --console-socket "$T/socket" --bundle "$BUNDLE" c1
	kill "$receiver"
}

@test "console: /dev/console and /dev/pts of the image as symlinks make nothing outside (CVE-2025-52565)" {
	own_root
	echo mine >"$T/outside"
	rm -rf "$T/rootfs/dev"
	mkdir -p "$T/rootfs/dev/pts"
	ln -s "$T/outside" "$T/rootfs/dev/console"
	receive
	script 'echo x' "$terminal" 'unmount("/dev") | unmount("/dev/shm") | unmount("/dev/mqueue")' writable
	kedge run --detach --console-socket "$T/socket" --bundle "$BUNDLE" c1
	isnt "$status" 0
	is "$(cat "$T/outside")" mine
	kill "$receiver"
}

@test "console: a Debian root" {
	use_debian
	script 'tty; stty size; bash -c "test -t 0 && echo bash"' "$terminal"
	in_terminal sh -c 'stty rows 20 cols 70; exec "$@"' - "$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1
	is "$output" $'/dev/pts/0\n20 70\nbash'
}
