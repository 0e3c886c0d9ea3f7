#!/usr/bin/env bats
# What the callers of a runtime do with it, word for word: containerd's shim (through go-runc), conmon, Podman, CRI-O and
# dockerd. Each test is one caller's way through a container's life, or what it reads when something fails.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# --- containerd

# shim COMMAND...: as go-runc calls it.
shim() {
	kedge --log "$T/log.json" --log-format json "$@"
}

shim_ok() {
	shim "$@"
	is "$status" 0 || { echo "shim $*: $stderr"; cat "$T/log.json"; return 1; }
	is "$stderr" "" || return 1
	is "$(<"$T/log.json")" "" || return 1
}

# What the shim takes for the error: the whole file as a stream of {level, msg, time}, the last "error" in it.
shim_error() {
	jq -re -s 'if any(.[]; (.time | fromdateiso8601) and (keys == ["level", "msg", "time"]) | not) then error("bad entry")
		else map(select(.level == "error")) | last.msg end' "$T/log.json"
}

@test "containerd: create, start, state, exec, ps, update, events, kill, delete" {
	sleeper
	shim_ok create --bundle "$BUNDLE" --pid-file "$T/init.pid" c1
	pid=$(<"$T/init.pid")
	is "$(wc -c <"$T/init.pid")" "${#pid}"
	shim_ok start c1
	shim_ok state c1
	is "$(jq -r '[.id, .status, .pid, .bundle, (.created | sub("\\.[0-9]+Z$"; "Z") | fromdateiso8601 > 0)] | @csv' <<<"$output")" \
		"\"c1\",\"running\",$pid,\"$BUNDLE\",true"
	jq '.process | .args = ["sleep", "1000"]' "$BUNDLE/config.json" >"$T/process.json"
	shim_ok exec --process "$T/process.json" --detach --pid-file "$T/exec.pid" c1
	shim_ok ps --format json c1
	is "$(jq -c sort <<<"$output")" "$(jq -nc '$ARGS.positional | map(tonumber) | sort' --args "$pid" "$(<"$T/exec.pid")")"
	shim_ok ps --format table c1 "-o pid,comm"
	is "$(awk 'NR > 1 { print $2 }' <<<"$output" | sort -u)" sleep
	shim_ok list --format=json
	is "$(jq -r '.[].id' <<<"$output")" c1
	echo '{}' >"$T/resources"
	STDIN=$T/resources shim_ok update --resources=- c1
	shim_ok events --stats c1
	is "$(jq -r .type <<<"$output")" stats
	shim_ok pause c1
	shim_ok resume c1
	shim_ok kill c1 15
	shim_ok kill --all c1 9
	eventually is_status stopped
	shim_ok delete c1
	nothing_left
}

# takes NAME KIND LINE...: what comes over $T/NAME, in the background, into $T/NAME.out
takes() {
	"$HELPERS/recvfd" "$T/$1" "${@:2}" >"$T/$1.out" 2>&1 3>&- 4>&- &
	takers+=($!)
	eventually test -S "$T/$1"
}

@test "containerd: with a terminal and a pidfd, for init and for an exec" {
	script 'printf "name> "; read name; echo "got $name"; sleep 1000' '.process.terminal = true'
	takes init.tty console one
	takes init.pidfd pidfd
	shim --debug --rootless=false create --bundle "$BUNDLE" --pid-file "$T/init.pid" --console-socket "$T/init.tty" \
		--pidfd-socket "$T/init.pidfd" --no-new-keyring c1
	is "$status$stderr" 0
	is "$(jq -r .level "$T/log.json" | sort -u)" debug
	rm "$T/log.json"
	wait "${takers[1]}"
	is "$(cat "$T/init.pidfd.out")" "$(cat "$T/init.pid")"
	shim_ok --rootless=false start c1
	has_text() { tr -d '\r' <"$T/$1.out" | grep -qx "$2"; }
	eventually has_text init.tty 'got one'
	jq '.process | .args = ["sh", "-c", "printf \"name> \"; read name; echo \"got $name\""]' "$BUNDLE/config.json" >"$T/process.json"
	takes exec.tty console two
	takes exec.pidfd pidfd
	shim_ok exec --process "$T/process.json" --console-socket "$T/exec.tty" --pidfd-socket "$T/exec.pidfd" --detach --pid-file "$T/exec.pid" c1
	wait "${takers[3]}"
	is "$(cat "$T/exec.pidfd.out")" "$(cat "$T/exec.pid")"
	eventually has_text exec.tty 'got two'
	shim_ok delete --force c1
	wait "${takers[@]}" || :
}

@test "containerd: the log is a stream of entries, the last error is the one" {
	config
	shim_ok run --bundle "$BUNDLE" c1
	[ -e "$T/log.json" ]
	shim state c1
	shim start c2
	is "$(wc -l <"$T/log.json")" 2
	has "$(shim_error)" "container does not exist"
	has "$(shim_error)" c2
}

@test "containerd: errors of kill and delete are told apart by their words" {
	shim kill c1 9
	has "$(shim_error)" "does not exist"
	shim delete c1
	has "$(shim_error)" "does not exist"
	start
	ok kill c1 KILL
	eventually is_status stopped
	shim kill c1 9
	is "$status" 1
	has "$(shim_error)" "container not running"
	shim_ok_force() { shim delete --force "$1" && is "$status" 0; }
	shim_ok_force c1
	shim_ok_force c1
}

@test "containerd: a version is parsed by its lines, features are JSON alone" {
	kedge --version
	is "$status" 0
	matches "${lines[0]}" '^kedge version [^ ]+$'
	matches "${lines[1]}" '^commit: '
	matches "${lines[2]}" '^spec: 1\.'
	shim_ok features
	jq -e '(.ociVersionMin | startswith("1.")) and (.ociVersionMax | startswith("1.")) and
		(.linux.namespaces | index("user")) and .linux.mountExtensions.idmap.enabled and (.mountOptions | index("rro"))' \
		<<<"$output"
}

# --- dockerd, which looks for words in the lower-cased message to find the client's exit status

@test "dockerd: 126 and 127 are found in the message" {
	own_root
	mkdir "$ROOTFS/directory"
	install -m 644 /dev/null "$ROOTFS/file"
	declare -A words=(
		[nosuchprogram]="executable file not found in \$PATH"
		[/no/such/program]="no such file or directory"
		[/file]="permission denied"
		[/directory]="is a directory: permission denied"
	)
	start c1 '.root.path = $T + "/rootfs"'
	for program in "${!words[@]}"; do
		rm -f "$T/log.json"
		config '.root.path = $T + "/rootfs"' ".linux.cgroupsPath = \$parent + \"/c2\"" ".process.args = [\"$program\"]"
		shim run --bundle "$BUNDLE" c2
		is "$status" 1
		has "$(shim_error | tr '[:upper:]' '[:lower:]')" "${words[$program],,}"
		shim exec c1 "$program"
		is "$status" 255
		has "$(shim_error | tr '[:upper:]' '[:lower:]')" "${words[$program],,}"
	done
}

# --- conmon, which has stderr for the message and the pid file for success

@test "conmon: the pid file is there only when the process is, and stderr is the message" {
	sleeper
	kedge create --bundle "$BUNDLE" --pid-file "$T/pid" --no-pivot --no-new-keyring c1
	is "$status" 0
	is "$(<"$T/pid")" "$(pid_of)"
	ok start c1
	jq '.process | .args = ["nosuchprogram"]' "$BUNDLE/config.json" >"$T/process.json"
	kedge exec --pid-file "$T/exec.pid" --process "$T/process.json" --detach c1
	is "$status" 255
	[ ! -e "$T/exec.pid" ]
	has "$stderr" nosuchprogram
	is "$(wc -l <"$T/stderr")" 1
	ok delete --force c1
	config '.process.args = ["nosuchprogram"]'
	kedge create --bundle "$BUNDLE" --pid-file "$T/pid2" c1
	is "$status" 1
	[ ! -e "$T/pid2" ]
	is "$(wc -l <"$T/stderr")" 1
	nothing_left
}

@test "conmon: a pid file that is there already is replaced as a whole" {
	echo 4194304 >"$T/pid"
	ln "$T/pid" "$T/other"
	sleeper
	ok create --bundle "$BUNDLE" --pid-file "$T/pid" c1
	is "$(<"$T/pid")" "$(pid_of)"
	is "$(<"$T/other")" 4194304
	is "$(find "$T" -maxdepth 1 -name '.pid*')" ""
}

# --- Podman

@test "Podman: the log of a failure is one JSON object" {
	config '.process.args = ["nosuchprogram"]'
	kedge --log-format=json --log "$T/oci-log" create --bundle "$BUNDLE" --pid-file "$T/pid" c1
	is "$status" 1
	is "$(jq -s length "$T/oci-log")" 1
	matches "$(jq -r .msg "$T/oci-log")" 'executable file not found in|no such file or directory'
	config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 10, hard: 5}]' '.process.capabilities.bounding = ["CAP_NO_SUCH"]'
	rm "$T/oci-log"
	kedge --log-format=json --log "$T/oci-log" create --bundle "$BUNDLE" c1
	is "$(jq -s length "$T/oci-log")" 1
}

@test "Podman: start, kill by number, delete --force, update from a file" {
	sleeper
	ok create --bundle "$BUNDLE" --pid-file "$T/pid" c1
	ok start c1
	echo '{}' >"$T/resources"
	ok update "--resources=$T/resources" c1
	ok kill c1 28
	ok kill --all c1 9
	eventually is_status stopped
	ok delete --force c1
	ok delete --force c1
}

# --- CRI-O, which has --root as one word and reads stdout and stderr together

@test "CRI-O: --root=R, state, kill -a by name, update on stdin, an exec that is waited for" {
	cri() {
		status=0
		output=$(env -- "$MARK" "$KEDGE" "--root=$STATE" "$@" <"${STDIN:-/dev/null}" 2>&1 3>&- 4>&-) || status=$?
	}
	sleeper
	ok create --bundle "$BUNDLE" --pid-file "$T/pid" c1
	cri start c1
	is "$status$output" 0
	cri state c1
	is "$(jq -r .status <<<"$output")" running
	cri features
	jq -e .ociVersionMin <<<"$output"
	echo '{}' >"$T/resources"
	STDIN=$T/resources cri update --resources - c1
	is "$status$output" 0
	jq '.process | .args = ["sh", "-c", "echo inside; exit 7"]' "$BUNDLE/config.json" >"$T/process.json"
	cri exec --process "$T/process.json" c1
	is "$status$output" 7inside
	cri kill -a c1 KILL
	is "$status$output" 0
	eventually is_status stopped
	cri kill c1 TERM
	is "$status" 1
	has "$output" "container not running"
	cri delete --force c1
	is "$status$output" 0
}

# --- all of them

@test "fixed words: what is looked for in messages" {
	start
	fails 1 "container with given ID already exists" create --bundle "$BUNDLE" c1
	fails 1 "cannot start an already running container" start c1
	fails 1 "cannot delete container c1 that is not stopped: running" delete c1
	fails 1 "container not paused" resume c1
	ok pause c1
	fails 255 "cannot exec in a paused container (use --ignore-paused to override)" exec c1 true
	ok resume c1
	fails 1 'unknown signal "FOO"' kill c1 FOO
	fails 1 "invalid container ID format" state a/b
	ok kill c1 KILL
	eventually is_status stopped
	fails 255 "cannot exec in a stopped container" exec c1 true
	fails 1 "cannot start a container that has stopped" start c1
	fails 1 "JSON specification file config.json not found" create --bundle "$STATE" c2
}

@test "options as Go programs write them: one dash, =, booleans, after the id" {
	sleeper
	kedge -log "$T/log.json" -log-format=json create -bundle "$BUNDLE" --no-pivot=false -no-new-keyring=true c1 --pid-file="$T/pid"
	is "$status" 0
	[ -s "$T/pid" ]
	kedge delete c1 -force=true
	is "$status" 0
	config
	ok run -no-subreaper --bundle "$BUNDLE" c1
	nothing_left
}
