#!/usr/bin/env bats
# A user without any privilege runs containers in a user namespace with the one id that is its own.

load helpers

setup() {
	begin
	# What a stranger can reach: bats' own directories are closed.
	home=$(mktemp -d)
	chmod 755 "$home"
	mkdir "$home/bundle" "$home/run"
	cp "$KEDGE" "$home/kedge"
	cp -a "$ROOTS/busybox" "$home/bundle/rootfs"
	chown -R 65534:65534 "$home"
}

teardown() {
	as_nobody delete --force c1 || :
	rm -rf --one-file-system "$home"
	finish
}

as_nobody() {
	(cd "$home/bundle" && exec env -i PATH="$PATH" XDG_RUNTIME_DIR="$home/run" \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$home/kedge" "$@" </dev/null)
}

stopped() { [[ $(as_nobody state c1 | jq -r .status) == stopped ]]; }

bundle() { # FILTER
	rm -f "$home/bundle/config.json"
	as_nobody spec --rootless
	jq ".process.terminal = false | $1" "$home/bundle/config.json" >"$home/config.new"
	cp "$home/config.new" "$home/bundle/config.json"
}

@test "rootless: run" {
	bundle '.process.args = ["sh", "-c", "id -u; cat /proc/self/uid_map; hostname"]'
	run as_nobody run c1
	is "$status" 0
	is "$(tr -s ' ' <<<"$output")" "0
 0 65534 1
kedge"
	is "$(ls "$home/run/kedge")" ""
}

@test "rootless: create, start, exec, state, kill, delete" {
	bundle '.process.args = ["sleep", "1000"]'
	as_nobody create c1 >/dev/null
	is "$(as_nobody state c1 | jq -r .status)" created
	as_nobody start c1
	is "$(as_nobody exec c1 cat /proc/1/comm)" sleep
	pid=$(as_nobody state c1 | jq .pid)
	is "$(stat -c %u "/proc/$pid/root/")" 65534
	as_nobody kill c1 KILL
	eventually stopped
	as_nobody delete c1
	is "$(ls "$home/run/kedge")" ""
}

@test "rootless: a limit without a delegated cgroup is refused" {
	bundle '.process.args = ["true"] | .linux.resources.pids.limit = 10'
	run as_nobody run c1
	is "$status" 1
	has "$output" "cgroup"
	is "$(ls "$home/run/kedge" 2>/dev/null)" ""
}

@test "rootless: ids that are not ours are refused" {
	bundle '.process.args = ["true"] | .linux.uidMappings[0].hostID = 0'
	run as_nobody run c1
	is "$status" 1
	has "$output" "uidMappings"
	is "$(ls "$home/run/kedge" 2>/dev/null)" ""
}
