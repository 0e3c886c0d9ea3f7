#!/usr/bin/env bats
# checkpoint and restore, with the criu of ROOTS/criu or of the host, and a drift guard that kills what it takes for drift.
# requires: own-guard
# shellcheck disable=SC2154 # what kedge() sets

load criu_helpers

setup_file() { guard_setup_file; }
teardown_file() { guard_teardown_file; }

@test "checkpoint: without criu the error says so, and the container runs on" {
	sleeper
	ok run --detach --bundle "$BUNDLE" c1
	status=0
	env "$MARK" PATH="$T" "$KEDGE" --root "$STATE" checkpoint --image-path "$T/images" c1 </dev/null >"$T/stdout" 2>"$T/stderr" || status=$?
	is "$status" 1
	has "$(cat "$T/stderr")" "kedge: checkpoint 'c1': cannot execute 'criu': "
	is "$(state status)" running
}

@test "checkpoint: what is asked for wrongly" {
	sleeper
	create
	fails 1 "Container cannot be checkpointed in created state" checkpoint --image-path "$T/images" c1
	fails 1 "container does not exist" checkpoint c2
	fails 1 "cannot open directory '$T/nosuch'" restore --bundle "$BUNDLE" --image-path "$T/nosuch" c2
	ok start c1
	fails 1 "invalid --parent-path '../nosuch'" checkpoint --image-path "$T/images" --parent-path ../nosuch c1
	fails 1 "--parent-path must be relative" checkpoint --image-path "$T/images" --parent-path /tmp c1
	fails 1 "option --manage-cgroups-mode: invalid value 'hard'" checkpoint --image-path "$T/images" --manage-cgroups-mode hard c1
	fails 1 "option --empty-ns: namespace 'mount' is not supported" checkpoint --image-path "$T/images" --empty-ns mount c1
	fails 1 "Use --page-server ADDRESS:PORT to specify page server" checkpoint --image-path "$T/images" --page-server 1234 c1
	fails 1 "invalid --status-fd argument 77" checkpoint --image-path "$T/images" --status-fd 77 --lazy-pages c1
	is "$(state status)" running
}

@test "checkpoint and restore: memory, files and the guard go on" {
	needs_criu
	prepare_attack
	counter
	count
	ok checkpoint "${MODE[@]}" --image-path "$T/images" --work-path "$T/scratch" c1
	fails 1 "container does not exist" state c1
	[ -e "$T/scratch/dump.log" ]
	nothing_left
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" --work-path "$T/scratch" --pid-file "$T/pid" c1
	is "$(cat "$T/pid")" "$(pid_of)"
	goes_on "$n"
	ok exec c1 cat /sys/class/net/lo/flags
	is "$output" 0x9 # IFF_LOOPBACK | IFF_UP
	# again, from what was restored
	ok checkpoint "${MODE[@]}" --image-path "$T/images2" c1
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images2" c1
	goes_on "$n"
}

@test "restore: what drifts afterwards is killed" {
	needs_criu
	prepare_attack
	counter '.process.args = ["sh", "-c", "echo 1 >/tmp/n; until [ -e /mnt/go ]; do sleep 0.05; done; exec unshare -n sleep 1000"]' \
		'caps(["CAP_SYS_ADMIN"])'
	ok checkpoint "${MODE[@]}" --image-path "$T/images" c1
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	ok guard verify c1
	touch "$T/data/go"
	eventually is_status stopped
	eventually there_is drifts
	has "$(drifts)" network
}

@test "restore: several processes, and those that exec adds later" {
	needs_criu
	prepare_attack
	counter '.process.args = ["sh", "-c", "echo 1 >/tmp/n; sleep 1000 & sleep 1001 & wait"]'
	background e exec c1 sleep 1002
	eventually test_exec '[ $(pidof sleep | wc -w) -eq 3 ]'
	ok checkpoint "${MODE[@]}" --image-path "$T/images" c1
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	ok ps c1
	is "$(grep -c 'sleep 100[012]' <<<"$output")" 3
	ok exec c1 sh -c 'sleep 0.3; (true)'
	is "$(drifts)" ""
	ok guard verify c1
}

@test "checkpoint: --leave-running and --pre-dump do not end it" {
	needs_criu
	prepare_attack
	counter
	local earlier=()
	if criu check --feature mem_dirty_track >/dev/null 2>&1; then
		ok checkpoint "${MODE[@]}" --pre-dump --image-path "$T/parent" c1
		earlier=(--parent-path ../parent)
	else
		fails 1 "option --pre-dump: criu cannot do that on this kernel" checkpoint --pre-dump --image-path "$T/parent" c1
	fi
	is "$(state status)" running
	ok checkpoint "${MODE[@]}" --leave-running "${earlier[@]}" --image-path "$T/images" c1
	count
	goes_on "$n"
	ok delete --force c1
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	is "$(state status)" running
}

@test "restore: hooks run as at create, and one that fails leaves nothing" {
	needs_criu
	prepare_attack
	counter 'hook("createRuntime"; "cat >>'"$T"'/hook; [ ! -e '"$T"'/bad ]")' 'hook("poststop"; "echo stop >>'"$T"'/hook")'
	ok checkpoint "${MODE[@]}" --image-path "$T/images" c1
	is "$(grep -c stop "$T/hook")" 1
	rm "$T/hook"
	touch "$T/bad"
	fails 1 "restore 'c1': error running createRuntime hook #0" restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	nothing_left
	rm "$T/bad" "$T/hook"
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	is "$(jq -r '.id, .status' "$T/hook")" $'c1\ncreated'
}

@test "restore: in the foreground, with pipes as stdio" {
	needs_criu
	prepare_attack
	counter '.process.args = ["sh", "-c", "echo 1 >/tmp/n; until [ -e /mnt/go ]; do sleep 0.05; done; echo done; exit 7"]'
	ok delete --force c1
	# a pipe that nobody here waits for
	mkfifo "$T/fifo"
	exec 9<>"$T/fifo"
	"$KEDGE" --root "$STATE" run --detach --bundle "$BUNDLE" c1 </dev/null 2>&1 3>&- 4>&- 9>&- | cat >"$T/first" 9>&- &
	eventually test_exec 'test -s /tmp/n'
	ok checkpoint "${MODE[@]}" --image-path "$T/images" c1
	wait $!
	touch "$T/data/go"
	status=0
	{ "$KEDGE" --root "$STATE" restore "${MODE[@]}" --bundle "$BUNDLE" --image-path "$T/images" c1 </dev/null 2>"$T/stderr" || echo "status $?" >"$T/status"; } | cat >"$T/second"
	is "$(cat "$T/second" "$T/status" "$T/stderr")" $'done\nstatus 7'
	exec 9>&-
	nothing_left
}

@test "restore: into a network namespace that is there; damaged images are an error" {
	needs_criu
	prepare_attack
	mkdir -p "$T/ns"
	touch "$T/ns/net"
	unshare --net="$T/ns/net" true
	counter "joins(\"network\"; \"$T/ns/net\")"
	ok checkpoint "${MODE[@]}" --image-path "$T/images" c1
	ok restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	is "$(stat -Lc %i "/proc/$(pid_of)/ns/net")" "$(stat -c %i "$T/ns/net")"
	ok delete --force c1
	rm "$T/images/pstree.img"
	fails 1 "restore 'c1': criu failed: " restore "${MODE[@]}" --detach --bundle "$BUNDLE" --image-path "$T/images" c1
	nothing_left
	umount "$T/ns/net"
}
