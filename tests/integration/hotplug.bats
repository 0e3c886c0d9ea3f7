#!/usr/bin/env bats
# mounts add and remove: into a container that runs, and against what may run there.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# change add|remove JSON [ID]
change() {
	echo "$2" >"$T/mounts.json"
	ok mounts "$1" "${3:-c1}" "$T/mounts.json"
}
is_stopped() { [[ $(state status) == stopped ]]; }
# table: what is mounted in c1, "destination options" a line
table() {
	ok exec c1 cat /proc/self/mountinfo
	awk '{ print $5, $6 }' <<<"$output"
}
# not_done TEXT add|remove JSON: an error, and the container has the mounts that it had
not_done() {
	local before after
	before=$(table)
	echo "$3" >"$T/mounts.json"
	fails 1 "$1" mounts "$2" c1 "$T/mounts.json" || return 1
	after=$(table)
	is "$after" "$before"
}

@test "mounts: a directory, a file and a file system come and go" {
	own_root
	sleeper writable
	ok run --detach --bundle "$BUNDLE" c1
	mkdir "$T/data"
	echo hello >"$T/data/file"
	change add '[{"destination": "/new/dir", "source": "'"$T/data"'", "options": ["rbind", "ro", "nosuid"]},
		{"destination": "/new/file", "type": "bind", "source": "'"$T/data/file"'"},
		{"destination": "/new/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "ro"]},
		{"destination": "/new/proc", "type": "proc", "source": "proc"}]'
	ok exec c1 cat /new/dir/file /new/file
	is "$output" $'hello\nhello'
	has "$(table)" "/new/dir ro,nosuid,relatime"
	has "$(table)" "/new/tmp ro,relatime"
	# of the container's own pid namespace
	ok exec c1 cat /new/proc/1/comm
	is "$output" sleep
	change remove '[{"destination": "/new/dir"}, {"destination": "/new/file"}, {"destination": "/new/tmp"},
		{"destination": "/new/proc"}]'
	hasnt "$(table)" "/new/"
	ok exec c1 true
}

@test "mounts: in a user namespace, with mapped ids" {
	own_root
	chown -R 100000:200000 "$ROOTFS"
	sleeper writable userns
	ok run --detach --bundle "$BUNDLE" c1
	mkdir "$T/data"
	touch "$T/data/file"
	change add '[{"destination": "/new/dir", "source": "'"$T/data"'", "options": ["bind", "idmap"]},
		{"destination": "/new/tmp", "type": "tmpfs", "source": "tmpfs"}]'
	ok exec c1 stat -c %u:%g /new/dir/file /new/tmp
	is "$output" $'0:0\n0:0'
	change remove '[{"destination": "/new/tmp"}, {"destination": "/new/dir"}]'
	hasnt "$(table)" "/new/"
}

@test "mounts: created and paused containers have them, a stopped one does not" {
	sleeper
	create
	mkdir "$T/data"
	change add '[{"destination": "/mnt", "source": "'"$T/data"'", "options": ["bind"]}]'
	ok start c1
	has "$(table)" "/mnt rw"
	ok pause c1
	change remove '[{"destination": "/mnt"}]'
	ok resume c1
	hasnt "$(table)" "/mnt "
	ok kill c1 KILL
	eventually is_stopped
	fails 1 "mounts 'c1': container not running" mounts remove c1 "$T/mounts.json"
}

@test "mounts: from stdin, and an empty list" {
	sleeper
	create
	echo '[{"destination": "/mnt", "type": "tmpfs", "source": "t"}]' >"$T/in"
	STDIN=$T/in ok mounts add c1 -
	change add '[]'
	STDIN=$T/in ok mounts remove c1 -
}

@test "mounts: all or none" {
	own_root
	sleeper writable
	ok run --detach --bundle "$BUNDLE" c1
	mkdir "$T/data"
	not_done "mounts[1] '/etc/passwd/x': cannot mount at '/etc/passwd/x': not a directory" add \
		'[{"destination": "/new/dir", "source": "'"$T/data"'", "options": ["bind"]}, {"destination": "/etc/passwd/x", "source": "'"$T/data"'", "options": ["bind"]}]'
	not_done "mounts[1] '/new/b': cannot open '$T/nosuch': no such file or directory" add \
		'[{"destination": "/new/a", "source": "'"$T/data"'", "options": ["bind"]}, {"destination": "/new/b", "source": "'"$T/nosuch"'", "options": ["bind"]}]'
	change add '[{"destination": "/new/dir", "source": "'"$T/data"'", "options": ["bind"]}]'
	not_done "mounts[0] '/new': cannot unmount '/new': nothing is mounted there" remove \
		'[{"destination": "/new"}, {"destination": "/new/dir"}]'
}

@test "mounts: what is no list of mounts" {
	sleeper
	create
	local bad
	for bad in '{"destination": "/mnt"}' '[{"source": "/tmp"}]' '[{"destination": 1}]' '[{"destination": "/mnt"' '[], "a": [1]' '' '[{"destination": "/mnt"}]'; do
		echo "$bad" >"$T/mounts.json"
		kedge mounts add c1 "$T/mounts.json"
		is "$status $output" "1 "
		matches "$stderr" "^kedge: mounts 'c1': $T/mounts.json.*"
	done
	fails 1 "mounts: unknown command 'move' (known: add, remove)" mounts move c1 "$T/mounts.json"
	fails 1 "cannot read '$T/nosuch'" mounts add c1 "$T/nosuch"
	not_done "mounts[0] '/mnt': option 'remount' adds no mount" add '[{"destination": "/mnt", "options": ["remount", "rw"]}]'
}

@test "mounts: what protects the host stays" {
	sleeper
	ok run --detach --bundle "$BUNDLE" c1
	not_done "mounts[0] '/proc/sys': protects the host (linux.readonlyPaths), it stays" remove '[{"destination": "/proc/sys"}]'
	not_done "mounts[0] '/proc/kcore': protects the host (linux.maskedPaths), it stays" remove '[{"destination": "/proc/./kcore/"}]'
	not_done "mounts[0] '/': the root file system stays" remove '[{"destination": "/.."}]'
	fails 1 "container does not exist" mounts remove c2 "$T/mounts.json"
	config 'without("mount") | .mounts = [] | .linux.maskedPaths = [] | .linux.readonlyPaths = [] | .root.readonly = false' \
		'.process.args = ["sleep", "1000"] | .linux.cgroupsPath = $parent + "/c2"'
	create c2
	fails 1 "cannot change the mounts of container 'c2': they are the host's" mounts add c2 "$T/mounts.json"
}

@test "mounts: a symlink in the container leads nowhere" {
	own_root
	mkdir "$T/data" "$T/outside"
	ln -s /proc "$ROOTFS/data"
	ln -s "../../../../../../..$T/outside" "$ROOTFS/out"
	ln -s /nowhere "$ROOTFS/dangling"
	sleeper writable
	ok run --detach --bundle "$BUNDLE" c1
	local mount='"source": "'"$T/data"'", "options": ["bind"]}]'
	not_done "mounts[0] '/data/sys': cannot unmount '/data/sys': too many levels of symbolic links" remove '[{"destination": "/data/sys"}]'
	not_done "cannot mount at '/data/sys'" add '[{"destination": "/data/sys", '"$mount"
	not_done "cannot mount at '/out/x'" add '[{"destination": "/out/x", '"$mount"
	not_done "cannot mount at '/dangling'" add '[{"destination": "/dangling", '"$mount"
	is "$(ls -A "$T/outside")" ""
	[ ! -e "$ROOTFS/nowhere" ]
	# A source below the root is one of the container's: its links end there.
	ln -s "$T/outside" "$ROOTFS/host"
	not_done "no such file or directory" add '[{"destination": "/mnt", "source": "'"$ROOTFS/host"'", "options": ["bind"]}]'
}

@test "mounts: a program that exchanges the path all the time gets nothing" {
	own_root
	mkdir "$T/data" "$ROOTFS/a"
	script 'while :; do mv a b; ln -s /proc a; rm a; mv b a; done' writable
	ok run --detach --bundle "$BUNDLE" c1
	# Where it was in time both are done, to the directory that is meant.
	for _ in {1..15}; do
		echo '[{"destination": "/a/sys"}]' >"$T/mounts.json"
		kedge mounts remove c1 "$T/mounts.json"
		echo '[{"destination": "/a/sys", "source": "'"$T/data"'", "options": ["bind"]}]' >"$T/mounts.json"
		kedge mounts add c1 "$T/mounts.json"
	done
	ok exec c1 sh -c 'grep " /proc/sys " /proc/self/mountinfo'
	has "$output" "/sys /proc/sys ro,"
	is "${#lines[@]}" 1
}
