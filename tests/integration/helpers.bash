# shellcheck shell=bash
# shellcheck disable=SC2034 # what the tests use
# For the bats files of this directory. Each test has a state directory, a bundle and a parent cgroup of its own, and
# whatever it did must be undone by "delete --force" alone: finish() looks for what is left.
#
#   config [FILTER...]      writes config.json: the default one, changed by jq filters
#   script TEXT [FILTER...] the same, the program being this text for sh
#   kedge ARGUMENTS...      runs it: $status, $output, $stderr, ${lines[@]}; stdio are files, so nothing waits for a reader
#   ok, fails, refused      the same, and what must come of it
#   is, has, matches        compare, and show both sides where they differ

bats_require_minimum_version 1.5.0

KEDGE=${KEDGE:-$BATS_TEST_DIRNAME/../../build/bin/kedge}
ROOTS=${ROOTS:-$BATS_TEST_DIRNAME/../../build/roots}
HELPERS=$BATS_TEST_DIRNAME/../helpers

setup() { begin; }
teardown() { finish; }

begin() {
	T=$BATS_TEST_TMPDIR
	STATE=$T/state
	BUNDLE=$T/bundle
	ROOTFS=$(realpath "$ROOTS/busybox")
	CGROUP_MOUNT=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
	# The run has a name of its own; the number of a process may be that of another one in another namespace.
	PARENT=/kedge-test-${BATS_RUN_TMPDIR##*-}-$$-$BATS_TEST_NUMBER
	CGROUP=$CGROUP_MOUNT$PARENT
	MARK=kedge-test-of=$T
	mkdir "$STATE" "$BUNDLE" "$CGROUP"
	chmod 755 "$T" # for users of containers that go through it
	cat /proc/self/mountinfo >"$T/mounts-before"
}

# Everything is looked at, then everything found is told at once.
finish() {
	local dir found=() left
	[[ -d ${STATE:-} ]] || return 0
	for dir in "$STATE"/*/; do
		[[ -e $dir/intent || -e $dir/state.json ]] || continue
		kedge delete --force "$(basename "$dir")"
		((status == 0)) || found+=("delete --force $(basename "$dir"): $stderr")
	done
	left=$(state_files)
	[[ -z $left ]] || found+=("state: $left")
	left=$(diff "$T/mounts-before" /proc/self/mountinfo | grep '^[<>]' || :)
	[[ -z $left ]] || found+=("mounts: $left")
	left=$(find "$CGROUP" -mindepth 1 -type d 2>/dev/null || :)
	[[ -z $left ]] || found+=("cgroups: $left")
	eventually no_marked || found+=("processes of a command that has ended: $left")
	remove_cgroups
	((${#found[@]} == 0)) || { printf 'left behind: %s\n' "${found[@]}"; return 1; }
}

# Who has just been killed may still be ending.
no_marked() {
	left=$(grep -lzxF -- "$MARK" /proc/[0-9]*/environ 2>/dev/null || :)
	[[ -z $left ]]
}

# A name with a comma is no id: the cache of filters, which all containers of a state root share.
state_files() { find "$STATE" -mindepth 1 ! -path "$STATE/*,*"; }

remove_cgroups() {
	local dir
	[[ -d $CGROUP ]] || return 0
	find "$CGROUP" -depth -type d | while read -r dir; do
		rmdir "$dir" 2>/dev/null && continue
		echo 1 >"$dir/cgroup.kill"
		eventually rmdir "$dir" 2>/dev/null
	done
}

# What a build with sanitizers cannot be measured by.
no_sanitizers() { # WHY
	if readelf -dW "$KEDGE" | grep -q libasan; then skip "a build with sanitizers $1"; fi
}

# --- configurations

default_config() {
	cat <<-'END'
	{
		"ociVersion": "1.0.2",
		"process": {
			"user": {"uid": 0, "gid": 0}, "args": ["true"], "cwd": "/",
			"env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"],
			"capabilities": {"bounding": [], "effective": [], "permitted": []},
			"noNewPrivileges": true
		},
		"root": {"path": "", "readonly": true},
		"hostname": "test",
		"mounts": [
			{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
			 "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
			{"destination": "/dev/pts", "type": "devpts", "source": "devpts",
			 "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
			{"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
			 "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
			{"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
			 "options": ["nosuid", "noexec", "nodev"]},
			{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
			{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
			 "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}
		],
		"linux": {
			"namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"},
				       {"type": "mount"}, {"type": "cgroup"}],
			"resources": {"devices": [{"allow": false, "access": "rwm"}]},
			"maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
					"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
			"readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
		}
	}
	END
}

# What filters may call, beside jq's own.
JQ='
	def mount($to; $type; $source; $options): .mounts += [{destination: $to, type: $type, source: $source, options: $options}];
	def bind($from; $to; $more): mount($to; "bind"; $from; ["bind"] + $more);
	def unmount($to): .mounts |= map(select(.destination != $to));
	def tmp: mount("/tmp"; "tmpfs"; "tmpfs"; ["mode=1777"]);
	def without($type): .linux.namespaces |= map(select(.type != $type));
	def joins($type; $path): without($type) | .linux.namespaces += [{type: $type, path: $path}];
	def new($type): without($type) | .linux.namespaces += [{type: $type}];
	def caps($list): .process.capabilities |= (.bounding = $list | .effective = $list | .permitted = $list);
	def writable: .root.readonly = false;
	def userns: new("user") | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}];
	def hook($kind; $text): .hooks[$kind] += [{path: "/bin/sh", args: ["sh", "-c", $text], env: ["PATH=/bin:/usr/bin"]}];
'

# In filters: $T, $parent and $rootfs. The id is c1 unless the test says otherwise.
config() {
	local filter='.' f
	for f; do filter+=" | ($f)"; done
	default_config | jq --arg T "$T" --arg rootfs "$ROOTFS" --arg parent "$PARENT" "$JQ"'
		.root.path = $rootfs | .linux.cgroupsPath = $parent + "/c1" | '"$filter" >"$BUNDLE/config.json"
}

script() {
	local text=$1
	shift
	config ".process.args = [\"sh\", \"-c\", $(jq -n --arg s "$text" '$s')]" "$@"
}

# A root that the test may change.
own_root() {
	cp -a "$ROOTFS" "$T/rootfs"
	ROOTFS=$T/rootfs
}

use_debian() {
	[[ -d $ROOTS/debian ]] || skip "there is no $ROOTS/debian (tests/helpers/mkroots debian)"
	ROOTFS=$(realpath "$ROOTS/debian")
}

# --- commands

# stdin is empty unless STDIN names a file.
kedge() {
	status=0
	env -- "$MARK" timeout -k 5 "${LIMIT:-120}" "$KEDGE" --root "$STATE" "$@" <"${STDIN:-/dev/null}" \
		>"$T/stdout" 2>"$T/stderr" 3>&- 4>&- || status=$?
	output=$(tr -d '\0' <"$T/stdout")
	stderr=$(tr -d '\0' <"$T/stderr")
	mapfile -t lines <"$T/stdout"
}

# In the background, with nothing that could keep bats waiting; its output is in $T/NAME, its pid in ${jobs[@]}.
background() { # NAME COMMAND...
	local name=$1
	shift
	env -- "$MARK" "$KEDGE" --root "$STATE" "$@" </dev/null >"$T/$name" 2>&1 3>&- 4>&- &
	jobs+=($!)
}

ok() {
	kedge "$@"
	if ((status != 0)) || [[ $stderr ]]; then
		printf 'kedge %s: status %s\nstdout: %s\nstderr: %s\n' "$*" "$status" "$output" "$stderr"
		return 1
	fi
}

# fails STATUS TEXT COMMAND...: one line on stderr that holds TEXT, one object in the log that says the same.
fails() {
	local want=$1 text=$2
	shift 2
	rm -f "$T/log.json"
	kedge --log "$T/log.json" --log-format json "$@"
	is "$status" "$want" || { echo "of: kedge $*"; echo "stdout: $output"; echo "stderr: $stderr"; return 1; }
	has "$stderr" "$text" || return 1
	is "$(wc -l <"$T/stderr")" 1 || { echo "lines in stderr: $stderr"; return 1; }
	is "$(jq -s 'map(select(.level == "error")) | length' "$T/log.json")" 1 || { cat "$T/log.json"; return 1; }
	is "$(jq -r 'select(.level == "error").msg' "$T/log.json")" "${stderr#kedge: }"
}

# refused TEXT [COMMAND...]: what failed has left nothing; the command is a run of c1 unless told.
refused() {
	local text=$1
	shift
	if (($# == 0)); then set -- run --bundle "$BUNDLE" c1; fi
	fails 1 "$text" "$@" || return 1
	nothing_left
}

nothing_left() {
	is "$(state_files)" "" || { echo "in the state directory"; return 1; }
	is "$(find "$CGROUP" -mindepth 1 -type d)" "" || { echo "in the cgroup"; return 1; }
}

# run_ok TEXT [FILTER...]: the script succeeds and says nothing on stderr.
run_ok() {
	script "$@" || return 1
	ok run --bundle "$BUNDLE" c1
}

create() { ok create --bundle "$BUNDLE" "${1:-c1}"; }

# A container that stays until it is killed.
sleeper() { config '.process.args = ["sleep", "1000"]' "$@"; }

start() { # [ID [FILTER...]]
	local id=${1:-c1}
	if (($#)); then shift; fi
	sleeper ".linux.cgroupsPath = \$parent + \"/$id\"" "$@" || return 1
	ok run --detach --bundle "$BUNDLE" "$id"
}

state() { # FIELD [ID]
	"$KEDGE" --root "$STATE" state "${2:-c1}" | jq -r ".$1"
}
pid_of() { state pid "${1:-c1}"; }
ns() { readlink "/proc/$1/ns/$2"; } # PID TYPE

# --- comparing

is() {
	if [[ $1 != "$2" ]]; then
		printf 'have: %s\nwant: %s\n' "$1" "$2"
		return 1
	fi
}
isnt() {
	if [[ $1 == "$2" ]]; then
		printf 'have: %s\nwant: another one\n' "$1"
		return 1
	fi
}
has() {
	if [[ $1 != *"$2"* ]]; then
		printf 'have: %s\nwant in it: %s\n' "$1" "$2"
		return 1
	fi
}
hasnt() {
	if [[ $1 == *"$2"* ]]; then
		printf 'have: %s\nwant nowhere: %s\n' "$1" "$2"
		return 1
	fi
}
matches() {
	if [[ ! $1 =~ $2 ]]; then
		printf 'have: %s\nwant: %s\n' "$1" "$2"
		return 1
	fi
}

# eventually COMMAND...: tries for half a minute. What it expands before is looked at once: a condition is a function.
eventually() {
	local n
	for ((n = 0; n < 600; n++)); do
		if "$@"; then return 0; fi
		sleep 0.05
	done
	return 1
}

gone() { [[ ! -e /proc/$1 ]] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
is_status() { [[ $(state status "${2:-c1}" 2>/dev/null) == "$1" ]]; }
runs() { [[ $(cat "/proc/$2/comm" 2>/dev/null) == "$1" ]]; } # NAME PID: no longer who forked it
differ() { [[ $(readlink "$1") != "$(readlink "$2")" ]]; } # LINK LINK
has_lines() { [[ -e $2 && $(wc -l <"$2") -ge $1 ]]; } # COUNT FILE
