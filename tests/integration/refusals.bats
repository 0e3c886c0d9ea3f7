#!/usr/bin/env bats
# Without a system call that confinement is built on there is no container, rather than one that is confined less: an old
# kernel, or a sandbox around the runtime that does not know the call.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# without CALL...: kedge, and what it starts, do not have them from now on.
without() {
	type -P python3 >/dev/null || skip "python3 is not installed"
	printf '#!/bin/sh\nexec %s %s %s "$@"\n' "$HELPERS/refuse" "$1" "$REAL" >"$T/kedge"
	chmod +x "$T/kedge"
	KEDGE=$T/kedge
}

setup() {
	begin
	REAL=$KEDGE
	mkdir "$T/data"
}

@test "no openat2, mount_setattr, clone3 or new mount interface: refused, and nothing is left" {
	for call in openat2 mount_setattr clone3 open_tree move_mount fsopen fsconfig fsmount; do
		without "$call"
		script 'echo ran' 'bind($T + "/data"; "/mnt"; ["ro", "nosuid"])'
		refused "function not implemented"
		is "$output" "" || { echo "without $call"; return 1; }
	done
}

@test "no close_range: no command leaves what it inherited open" {
	start
	without close_range
	for command in "run --bundle $BUNDLE c2" "exec c1 true" "state c1" "kill c1 KILL"; do
		# shellcheck disable=SC2086 # words
		kedge $command
		is "$status" 1
		is "$output$stderr" "kedge: cannot set up the process: function not implemented"
	done
	KEDGE=$REAL
	is "$(state status)" running
}

@test "no openat2: exec, kill and delete have no path of the container to open" {
	start
	without openat2
	ok exec c1 echo fine
	is "$output" fine
	ok kill c1 KILL
	ok delete --force c1
	nothing_left
}

@test "no openat2 for a container that was made with it: its terminal is refused" {
	start
	without openat2
	fails 255 "function not implemented" exec --tty c1 true
	KEDGE=$REAL
}

# Without close_range there is no log either.
not_created() {
	kedge create --bundle "$BUNDLE" "$@" c1
	is "$status" 1 || return 1
	has "$stderr" "function not implemented" || return 1
	nothing_left
}

@test "no openat2, mount_setattr or close_range: no kind of container gets by without them" {
	for kind in . 'userns | writable' '.process.terminal = true'; do
		config "$kind"
		if [[ $kind == *terminal* ]]; then
			"$HELPERS/recvfd" "$T/socket" console >/dev/null 2>&1 3>&- 4>&- &
			eventually test -S "$T/socket"
			set -- --console-socket "$T/socket"
		fi
		for call in openat2 mount_setattr close_range; do
			without "$call"
			not_created "$@" || { echo "$kind without $call"; return 1; }
		done
	done
	kill %% 2>/dev/null || :
	# Without a mount namespace no path is resolved and nothing mounted, but descriptors are inherited all the same.
	config 'without("mount") | .mounts = [] | .linux |= del(.maskedPaths, .readonlyPaths)'
	not_created
}
