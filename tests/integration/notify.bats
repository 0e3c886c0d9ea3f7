#!/usr/bin/env bats
# What service managers hand down: readiness, sockets; and the keyring.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# A client in perl: busybox has none.
tell() { printf 'perl -MSocket -e '\''socket(S, AF_UNIX, SOCK_DGRAM, 0); connect(S, pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or die; for (@ARGV) { send(S, $_, 0) }'\'' %s' "$1"; }

manager() {
	"$HELPERS/agent" notify "$T/notify" >"$T/said" 2>&1 3>&- 4>&- &
	manager=$!
	eventually test -S "$T/notify"
	export NOTIFY_SOCKET=$T/notify
}

@test "NOTIFY_SOCKET: readiness reaches the manager, with the pid" {
	use_debian
	manager
	script "echo \$NOTIFY_SOCKET >/tmp/where; $(tell "'STATUS=no' 'MAINPID=1' 'READY=1'"); exec sleep 1000" tmp
	ok run --detach --bundle "$BUNDLE" c1
	wait "$manager"
	is "$(cat "$T/said")" "READY=1
MAINPID=$(pid_of)
BARRIER=1"
	ok exec c1 cat /tmp/where
	is "$output" /run/notify/notify.sock
}

@test "NOTIFY_SOCKET: a container that ends without a word" {
	manager
	script 'exit 3'
	kedge run --detach --bundle "$BUNDLE" c1
	is "$status" 0
	kill "$manager"
	eventually is_status stopped
	ok delete c1
	nothing_left
}

@test "NOTIFY_SOCKET: for a user, and in a user namespace" {
	use_debian
	for filter in '.process.user.uid = 1000' userns; do
		rm -f "$T/notify"
		manager
		script "$(tell "'READY=1'"); exec sleep 1000" "$filter"
		ok run --detach --bundle "$BUNDLE" c1
		wait "$manager"
		is "$(sed -n 1p "$T/said")" READY=1
		ok delete --force c1
	done
}

@test "NOTIFY_SOCKET: the container cannot reach the state directory through it" {
	manager
	script 'ls -a /run/notify; touch /run/notify/x 2>/dev/null || echo no; exec sleep 1000' '.process.user.uid = 1000'
	background out run --detach --bundle "$BUNDLE" c1
	eventually has_lines 4 "$T/out"
	is "$(cat "$T/out")" $'.\n..\nnotify.sock\nno'
	kill "$manager"
	ok delete --force c1
	wait "${jobs[0]}" || :
}

@test "LISTEN_FDS: sockets are passed on" {
	script 'echo $LISTEN_FDS $LISTEN_PID; cat <&3; cat <&4; exec ls /proc/self/fd'
	echo three >"$T/three"
	echo four >"$T/four"
	status=0
	LISTEN_FDS=2 "$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1 </dev/null >"$T/out" 2>&1 3<"$T/three" 4<"$T/four" 5<"$T" || status=$?
	is "$status" 0
	is "$(cat "$T/out")" $'2 1\nthree\nfour\n0\n1\n2\n3\n4\n5' # the last is the directory that is read
}

@test "LISTEN_FDS and --preserve-fds add up" {
	script 'cat <&3; cat <&4; exec ls /proc/self/fd'
	echo three >"$T/three"
	echo four >"$T/four"
	status=0
	LISTEN_FDS=1 "$KEDGE" --root "$STATE" run --preserve-fds 1 --bundle "$BUNDLE" c1 </dev/null >"$T/out" 2>&1 3<"$T/three" 4<"$T/four" 5<"$T" || status=$?
	is "$status" 0
	is "$(cat "$T/out")" $'three\nfour\n0\n1\n2\n3\n4\n5'
}

# What keyring is this? The description of one's own, by system call, for want of a program.
keyring='my %n = (x86_64 => 250, aarch64 => 219); my $b = "\0" x 200; chomp(my $m = qx(uname -m));
	syscall($n{$m}, 6, -3, $b, 200) > 0 or die "$!"; $b =~ s/\0.*//s; print $b =~ s/.*;//r'

@test "keyring: a new one, unless told" {
	use_debian
	[[ -e /proc/keys ]] || skip "the kernel has no keys"
	config ".process.args = [\"perl\", \"-e\", $(jq -n --arg s "$keyring" '$s')]"
	ok run --bundle "$BUNDLE" c1
	is "$output" _ses.c1
	kedge run --no-new-keyring --bundle "$BUNDLE" c1
	hasnt "$output" _ses.c1
}

@test "keyring: exec has one of the container's name" {
	use_debian
	[[ -e /proc/keys ]] || skip "the kernel has no keys"
	start
	ok exec c1 perl -e "$keyring"
	is "$output" _ses.c1
}
