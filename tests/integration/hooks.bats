#!/usr/bin/env bats
# The six kinds of hooks: when they run, what they get, and what their failure does.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

kinds=(prestart createRuntime createContainer startContainer poststart poststop)

# hooks TEXT [FILTER...]: each kind gets two hooks that run TEXT with KIND and N set. /mnt is $T/shared; where the hook sees
# the container's files it is found as /mnt, elsewhere by its path outside.
hooks() {
	local text=$1 kind n filter='.'
	shift
	mkdir -p "$T/shared"
	for kind in "${kinds[@]}"; do
		for n in 0 1; do
			filter+=" | hook(\"$kind\"; $(jq -n --arg s "KIND=$kind N=$n; for D in $T/shared /mnt; do [ -e \$D/here ] && break; done; $text" '$s'))"
		done
	done
	touch "$T/shared/here"
	script 'echo program >>/mnt/order' 'bind($T + "/shared"; "/mnt"; ["rw"])' "$filter" "$@"
}

@test "hooks: all kinds, in order" {
	hooks 'echo $KIND $N >>$D/order'
	ok create --bundle "$BUNDLE" c1
	is "$(cat "$T/shared/order")" $'prestart 0\nprestart 1\ncreateRuntime 0\ncreateRuntime 1\ncreateContainer 0\ncreateContainer 1'
	: >"$T/shared/order"
	ok start c1
	eventually is_status stopped
	eventually has_lines 5 "$T/shared/order"
	is "$(grep -v program "$T/shared/order")" $'startContainer 0\nstartContainer 1\npoststart 0\npoststart 1'
	is "$(sed -n 3,5p "$T/shared/order" | grep -c program)" 1
	: >"$T/shared/order"
	ok delete c1
	is "$(cat "$T/shared/order")" $'poststop 0\npoststop 1'
}

@test "hooks: run runs them all" {
	hooks 'echo $KIND >>$D/order'
	ok run --bundle "$BUNDLE" c1
	is "$(grep -v -e program -e poststart "$T/shared/order" | uniq | xargs)" "prestart createRuntime createContainer startContainer poststop"
	is "$(sort "$T/shared/order" | uniq -c | awk '{ print $1 $2 }' | xargs)" \
		"2createContainer 2createRuntime 2poststart 2poststop 2prestart 1program 2startContainer"
	nothing_left
}

@test "hooks: the state on stdin" {
	hooks 'cat >$D/$KIND-$N; echo >>$D/$KIND-$N' '.annotations = {"org.test": "x"}' '.process.args = ["sleep", "1000"]'
	ok create --bundle "$BUNDLE" c1
	pid=$(pid_of)
	ok start c1
	ok delete --force c1
	for kind in "${kinds[@]}"; do
		case $kind in
		prestart | createRuntime) want="created $pid" ;;
		createContainer | startContainer) want="created 1" ;;
		poststart) want="running $pid" ;;
		poststop) want="stopped 0" ;;
		esac
		for n in 0 1; do
			is "$kind $(jq -r '"\(.status) \(.pid // 0)"' "$T/shared/$kind-$n")" "$kind $want"
			is "$(jq -c '[.ociVersion, .id, .bundle, .annotations]' "$T/shared/$kind-$n")" \
				"[\"1.0.2\",\"c1\",\"$BUNDLE\",{\"org.test\":\"x\"}]"
		done
	done
}

@test "hooks: namespaces they run in" {
	hooks 'readlink /proc/self/ns/mnt >$D/$KIND; readlink /proc/self/ns/net >>$D/$KIND' '.process.args = ["sleep", "1000"]'
	ok run --detach --bundle "$BUNDLE" c1
	inner=$(ns "$(pid_of)" mnt)$'\n'$(ns "$(pid_of)" net)
	ok delete --force c1
	for kind in prestart createRuntime poststart poststop; do
		is "$kind $(cat "$T/shared/$kind")" "$kind $(ns self mnt)"$'\n'"$(ns self net)"
	done
	for kind in createContainer startContainer; do is "$kind $(cat "$T/shared/$kind")" "$kind $inner"; done
}

@test "hooks: createContainer starts in the root, and what it mounts there is the container's" {
	mkdir "$T/lib"
	touch "$T/lib/file"
	config '.process.args = ["cat", "/mnt/file"] | .hooks.createContainer = [{
		path: "/bin/sh", args: ["sh", "-c", "mount --bind \($T)/lib ./mnt && echo mounted >mnt/file"], env: ["PATH=/usr/bin:/bin:/usr/sbin:/sbin"]}]'
	ok run --bundle "$BUNDLE" c1
	is "$output" mounted
	nothing_left
}

@test "hooks: createContainer sees the host's files, startContainer the container's" {
	hooks 'if [ -e /bin/busybox ] && [ ! -e /var/lib/dpkg ]; then echo container; else echo host; fi >$D/$KIND'
	[[ -e /var/lib/dpkg ]] || skip "the machine is no Debian: its root cannot be told from the container's"
	ok run --bundle "$BUNDLE" c1
	is "$(cat "$T/shared/createRuntime" "$T/shared/createContainer" "$T/shared/startContainer" | xargs)" "host host container"
}

@test "hooks: the environment is what they are given" {
	hooks 'env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD= | sort >$D/$KIND' '.hooks[][].env = ["A=1", "PATH=/usr/bin:/bin"]'
	SECRET=1 ok run --bundle "$BUNDLE" c1
	for kind in "${kinds[@]}"; do is "$kind $(cat "$T/shared/$kind")" "$kind A=1"$'\n'"PATH=/usr/bin:/bin"; done
}

@test "hooks: args[0] is passed as given, without args it is the path" {
	mkdir "$T/shared"
	config '.hooks.createRuntime = [{path: "/bin/sh", args: ["named", "-c", "echo $0 $1 >$2", "zero", "one", $T + "/shared/a"]}]'
	ok run --bundle "$BUNDLE" c1
	is "$(cat "$T/shared/a")" "zero one"
	printf '#!/bin/sh\necho "$# $0" >%s/shared/b\n' "$T" >"$T/hook"
	chmod 755 "$T/hook"
	config '.hooks.createRuntime = [{path: ($T + "/hook")}]'
	ok run --bundle "$BUNDLE" c1
	is "$(cat "$T/shared/b")" "0 $T/hook"
}

@test "hooks: a failing one undoes the container" {
	for kind in prestart createRuntime createContainer startContainer; do
		mkdir -p "$T/shared"
		script 'echo ran >/mnt/ran' 'bind($T + "/shared"; "/mnt"; ["rw"])' \
			"hook(\"$kind\"; \"echo the reason >&2; exit 3\") | hook(\"$kind\"; \"touch \(\$T)/shared/second /mnt/second\")
			| hook(\"poststop\"; \"echo poststop >>\(\$T)/shared/poststop\")"
		refused "error running $kind hook #0"
		has "$stderr" "exit status 3"
		has "$stderr" "the reason"
		[ ! -e "$T/shared/ran" ]
		[ ! -e "$T/shared/second" ]
		is "$(cat "$T/shared/poststop")" poststop
		rm "$T/shared/poststop"
	done
}

@test "hooks: a failing poststart ends the container" {
	sleeper 'hook("poststart"; "echo the reason >&2; exit 4")'
	refused "error running poststart hook #0"
	has "$stderr" "exit status 4"
	create
	fails 1 "error running poststart hook #0" start c1
	nothing_left
}

@test "hooks: a failing startContainer at start ends the container" {
	sleeper 'hook("startContainer"; "echo the reason; exit 5")'
	create
	fails 1 "error running startContainer hook #0" start c1
	has "$stderr" "exit status 5"
	has "$stderr" "the reason"
	nothing_left
}

@test "hooks: an init that ends before its program is no success of start" {
	# Without a pid namespace a hook can end its parent.
	sleeper '.linux.namespaces |= map(select(.type != "pid")) | hook("startContainer"; "kill -9 $PPID")'
	create
	fails 1 "ended before it started the program" start c1
	ok delete c1
	nothing_left
}

@test "hooks: a failing poststop is a warning, the others run" {
	mkdir "$T/shared"
	config 'hook("poststop"; "exit 1") | hook("poststop"; "touch \($T)/shared/second")'
	kedge run --bundle "$BUNDLE" c1
	is "$status" 0
	has "$stderr" "error running poststop hook #0"
	[ -e "$T/shared/second" ]
	nothing_left
}

none_sleeps() { ! pgrep -f '^sleep 987$' >/dev/null; }

@test "hooks: one that takes too long is killed, with its children" {
	for kind in prestart createRuntime createContainer startContainer; do
		config "hook(\"$kind\"; \"sleep 987 & sleep 987\") | .hooks.${kind}[0].timeout = 1"
		before=$SECONDS
		refused "error running $kind hook #0"
		matches "$stderr" "past specified timeout of 1|timed out"
		((SECONDS - before < 10))
		eventually none_sleeps
	done
}

@test "hooks: one that is killed" {
	for kind in createRuntime createContainer; do
		config "hook(\"$kind\"; \"kill -9 \$\$\")"
		refused "error running $kind hook #0"
		matches "$stderr" 'signal: [Kk]illed|signal 9'
	done
}

@test "hooks: one that is not there" {
	for kind in prestart createContainer startContainer; do
		config ".hooks.$kind = [{path: \"/no/such/hook\"}]"
		refused "error running $kind hook #0"
	done
	config '.hooks.prestart = [{path: "relative"}]'
	refused "hooks.prestart[0].path: must be an absolute path, is 'relative'"
}

@test "hooks: those that do not read, that say much, that leave children" {
	hooks 'exec 0<&-; head -c 300000 /dev/zero | tr "\0" x; sleep 1000 >/dev/null 2>&1 & echo $! >>$D/children'
	ok run --bundle "$BUNDLE" c1
	is "$output" ""
	while read -r pid; do
		if [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == "sleep 1000 " ]]; then kill "$pid"; fi
	done <"$T/shared/children"
}

@test "hooks: nothing of the runtime is open in them" {
	hooks 'for f in /proc/$$/fd/*; do readlink $f; done >$D/$KIND; true'
	ok run --bundle "$BUNDLE" c1
	for kind in "${kinds[@]}"; do
		is "$kind $(grep -v -e ^pipe: -e "^/memfd:state " -e "/shared/$kind$" -e "^/mnt/$kind$" "$T/shared/$kind" | grep -v -e '^/proc/[0-9]*/fd$')" "$kind "
	done
}

@test "hooks: createRuntime can reach the namespaces by the pid it is told" {
	type -P nsenter >/dev/null || skip "nsenter is not installed"
	cat >"$T/hook" <<-'END'
		#!/bin/sh
		pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
		nsenter -t "$pid" -i sh -c 'echo 7777 >/proc/sys/kernel/msgmax'
	END
	chmod 755 "$T/hook"
	config '.process.args = ["cat", "/proc/sys/kernel/msgmax"]' '.hooks.createRuntime = [{path: ($T + "/hook"), env: ["PATH=/usr/bin:/bin"]}]'
	ok run --bundle "$BUNDLE" c1
	is "$output" 7777
}

@test "hooks: a Debian root" {
	use_debian
	hooks 'echo $KIND >>$D/order'
	ok run --bundle "$BUNDLE" c1
	is "$(sort "$T/shared/order" | uniq | wc -l)" 7
}
