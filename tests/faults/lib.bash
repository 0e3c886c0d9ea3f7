# shellcheck shell=bash disable=SC2154,SC2034 # $work, $KEDGE and the like are the runner's, $status is for it
# Operations and invariants of tests/faults/run.

id=c
limit_s=60 # for what never ends

set_up() {
	[[ -x $KEDGE ]] || { echo "not ok 1 - there is no $KEDGE"; echo 1..1; exit 1; }
	"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O1 -o "$inject" "$top/tests/helpers/inject.c"
	"$top/tests/helpers/mkroots" -d "$ROOTS" busybox
	cgroups=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
	parent=/kedge-faults-$$
	mkdir -p "$cgroups$parent" "$work"/{state,bundle,pid}
	chmod 711 "$work"
	echo 'bound' >"$work/bundle/file"
	echo '{"unified": {"cgroup.max.depth": "7", "cgroup.max.descendants": "9"}}' >"$work/bundle/resources.json"
	configuration "$(probe)" >"$work/bundle/probe.json"
	configuration 'exec sleep 1000' >"$work/bundle/sleep.json"
	# Not by the first container: its bpffs is a mount, too. Where it cannot be, there is none.
	"$KEDGE" guard start </dev/null >/dev/null 2>&1 || :
	mapfile -t mounts </proc/self/mountinfo
	# What a container says of itself when nobody interferes.
	"$KEDGE" --root "$work/state" run --bundle "$work/bundle" --config "$work/bundle/probe.json" $id \
		</dev/null >"$work/expected" 2>"$work/err" || { sed 's/^/# /' "$work/err"; echo "Bail out! no container can be run"; exit 1; }
	before exec
	"$KEDGE" --root "$work/state" exec --process "$work/bundle/process.json" $id </dev/null >"$work/expected-exec"
	after
}

clean_up() {
	"$KEDGE" --root "$work/state" delete --force $id >/dev/null 2>&1 || :
	if [[ -d $cgroups$parent ]]; then
		echo 1 >"$cgroups$parent/cgroup.kill" || :
		find "$cgroups$parent" -depth -type d -exec rmdir {} + 2>/dev/null || :
	fi
	rm -rf "$work"
}

# Everything that confines, as the payload sees it.
probe() {
	cat <<-'END'
		exec 2>&1
		grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' /proc/self/status
		cut -d' ' -f5,6 /proc/self/mountinfo | sort
		hostname; umask; ulimit -n; cat /proc/self/oom_score_adj /mnt/file /proc/sys/net/ipv4/ip_forward
		for ns in pid mnt ipc uts net cgroup; do
			test "$(readlink /proc/self/ns/$ns)" = "$(cat /mnt/ns-$ns 2>/dev/null)" && echo "host $ns"
		done
		mkdir /tmp/denied; ls /dev; cat /proc/kcore | wc -c; echo > /proc/sys/net/ipv4/ip_forward
		ls /proc/self/fd | wc -l; pwd; env | sort
	END
}

configuration() { # SCRIPT
	local caps='["CAP_CHOWN", "CAP_NET_BIND_SERVICE"]'
	printf '{"user": {"uid": 0, "gid": 0, "umask": 18, "additionalGids": [7]}, "args": ["/bin/sh", "-c", %s], "cwd": "/tmp",
		"env": ["PATH=/bin", "MARK=%s"], "noNewPrivileges": true, "oomScoreAdj": 100,
		"capabilities": {"bounding": %s, "effective": %s, "permitted": %s},
		"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 99}]}' \
		"$(jq -Rs . <<<"$(probe)")" "$work" "$caps" "$caps" "$caps" >"$work/bundle/process.json"
	jq -n --slurpfile process "$work/bundle/process.json" --arg script "$1" --arg root "$(realpath "$ROOTS/busybox")" \
		--arg cgroup "$parent/$id" '{
		ociVersion: "1.2.0", hostname: "faults", root: {path: $root, readonly: true},
		process: ($process[0] | .args[2] = $script),
		mounts: [
			{destination: "/proc", type: "proc", source: "proc"},
			{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"]},
			{destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance"]},
			{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["ro", "nosuid", "nodev"]},
			{destination: "/mnt/file", type: "bind", source: "file", options: ["bind", "ro", "nosuid"]}],
		hooks: {createRuntime: [{path: "/bin/true"}], poststop: [{path: "/bin/true"}]},
		linux: {
			namespaces: [("pid", "mount", "ipc", "uts", "network", "cgroup") | {type: .}],
			cgroupsPath: $cgroup, sysctl: {"net.ipv4.ip_forward": "1"},
			resources: {devices: [{allow: false, access: "rwm"}]},
			maskedPaths: ["/proc/kcore", "/proc/acpi", "/sys/firmware"], readonlyPaths: ["/proc/sys", "/proc/bus"],
			seccomp: {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}}}'
}

kedge() { "$KEDGE" --root "$work/state" "$@" </dev/null; }

# The container as an operation wants it. Its stdio are files: nothing waits for the other end.
before() { # OPERATION
	reasons=()
	rm -f "$work"/{out,err,log} "$work"/pid/*
	init=0
	case $1 in
	create | run) return ;;
	start) kedge create --bundle "$work/bundle" --config "$work/bundle/probe.json" $id >"$work/out" 2>&1 ;;
	*) kedge run --detach --bundle "$work/bundle" --config "$work/bundle/sleep.json" $id >/dev/null 2>&1 ;;
	esac || reasons+=("cannot be made ready;")
	init=$(kedge state $id 2>/dev/null) || init=0
	init=${init#*'"pid": '} init=${init%%,*}
	if [[ $1 == delete ]]; then
		kedge kill $id KILL
		eventually is_status stopped || reasons+=("does not stop;")
	fi
}

# command_of OPERATION: its words in ${command[@]}.
command_of() {
	case $1 in
	create) command=(create --bundle "$work/bundle" --config "$work/bundle/probe.json" --pid-file "$work/pid/init" "$id") ;;
	run) command=(run --bundle "$work/bundle" --config "$work/bundle/probe.json" --pid-file "$work/pid/init" "$id") ;;
	start) command=(start "$id") ;;
	exec) command=(exec --process "$work/bundle/process.json" --pid-file "$work/pid/exec" "$id") ;;
	update) command=(update --resources "$work/bundle/resources.json" "$id") ;;
	kill) command=(kill "$id" KILL) ;;
	delete) command=(delete "$id") ;;
	delete-force) command=(delete --force "$id") ;;
	esac
}

# injected OPERATION INJECT-OPTIONS...: the operation, with its exit status in $status.
injected() {
	local operation=$1 command options=()
	shift
	command_of "$operation"
	if [[ $operation == start ]]; then options=(-p "$init"); fi
	status=0
	local out=$work/out
	if [[ $operation == start ]]; then out=$work/start-out; fi
	timeout $limit_s "$inject" -l "$work/log" "${options[@]}" "$@" -- "$KEDGE" --root "$work/state" "${command[@]}" \
		</dev/null >"$out" 2>"$work/err" || status=$?
}

what() { # POINT: "mkdirat (first process) fails with ENOSPC"
	awk -v point="$1" '$1 == "pid" && !first { first = $2 }
		$1 == point { printf "%s of %s", $3, $2 == first ? "the first process" : "process " $2 }
		$1 == "fails" { printf " %s", $0 }' "$work/log"
}

eventually() { # COMMAND...: true within half a minute
	local i
	for ((i = 0; i < 2000; i++)); do
		if "$@"; then return 0; fi
		sleep 0.01
	done
	return 1
}

is_status() { [[ $(kedge state $id 2>/dev/null) == *'"status": "'"$1\""* ]]; }
limits() { cat "$cgroups$parent/$id/cgroup.max.depth" "$cgroups$parent/$id/cgroup.max.descendants" | xargs; }
has_state() { [[ -e $work/state/$id ]]; }
has_cgroup() { [[ -d $cgroups$parent/$id ]]; }

# The processes that were followed and live, other than those given, in $left.
survivors() { # PIDS...
	local word pid key state _
	left=
	while read -r word pid; do
		[[ $word == pid && " $* " != *" $pid "* ]] || continue
		while read -r key state _; do
			if [[ $key == State: ]]; then break; fi
		done 2>/dev/null <"/proc/$pid/status" || continue
		if [[ $state != [ZX] ]]; then left+="$pid "; fi
	done < <(grep ^pid "$work/log" 2>/dev/null)
}
none_but() {
	local left
	survivors "$@"
	[[ ! $left ]]
}

same_as() { # EXPECTED HAVE
	cmp -s "$1" "$2" && return
	diff "$1" "$2" >"$work/difference" || :
	return 1
}

# 0 was said: is everything so?
after_success() { # OPERATION
	case $1 in
	create)
		is_status created || reasons+=("0, but not created;")
		[[ $(kedge state $id) == *'"pid": '"$(<"$work/pid/init"),"* ]] || reasons+=("0, but not in the pid file;")
		kedge start $id 2>/dev/null || reasons+=("0, but cannot be started;")
		eventually is_status stopped || reasons+=("0, but does not run;")
		same_as "$work/expected" "$work/out" || reasons+=("0, but confined otherwise: $(head -c 300 "$work/difference");")
		;;
	start)
		eventually is_status stopped || reasons+=("0, but does not run;")
		same_as "$work/expected" "$work/out" || reasons+=("0, but ran otherwise: $(head -c 300 "$work/difference");")
		;;
	run)
		same_as "$work/expected" "$work/out" || reasons+=("0, but ran otherwise: $(head -c 300 "$work/difference");")
		if has_state || has_cgroup; then reasons+=("0, but not removed;"); fi
		;;
	exec)
		same_as "$work/expected-exec" "$work/out" || reasons+=("0, but ran otherwise: $(head -c 300 "$work/difference");")
		is_status running || reasons+=("the container no longer runs;")
		;;
	update)
		[[ $(limits) == "7 9" ]] || reasons+=("0, but the limits are $(limits);")
		is_status running || reasons+=("the container no longer runs;")
		;;
	kill) eventually is_status stopped || reasons+=("0, but not killed;") ;;
	delete*) if has_state || has_cgroup; then reasons+=("0, but not removed;"); fi ;;
	esac
}

# libc's own start, before kedge does anything, has no other answer to a lack of memory.
is_loader() { ! grep -q close_range "$work/log"; }

# It said that it failed.
after_failure() { # OPERATION
	if ((status == 124)); then
		reasons+=("did not end;")
	elif ((status > 128 && status < 255)) && ! is_loader; then
		reasons+=("ended by signal $((status - 128));")
	fi
	[[ -s $work/err ]] || is_loader || reasons+=("status $status without a word;")
	case $1 in
	create | run)
		if has_state; then reasons+=("left the state directory;"); fi
		if has_cgroup; then reasons+=("left the cgroup;"); fi
		eventually none_but || reasons+=("left a process;")
		;;
	update)
		[[ $(limits) == "max max" ]] || reasons+=("failed, and the limits are $(limits);")
		is_status running || reasons+=("the container no longer runs;")
		;;
	exec)
		is_status running || reasons+=("the container no longer runs;")
		eventually none_but "$init" || reasons+=("left a process;")
		;;
	esac
}

judge() { # OPERATION HOW
	if [[ $2 == -e ]]; then
		if ((status == 0)); then after_success "$1"; else after_failure "$1"; fi
	elif ((status == 124)); then
		reasons+=("did not end;")
	elif [[ $1 == exec || $1 == update ]]; then
		# -K kills what is followed; the container's init is not.
		is_status running || reasons+=("the container no longer runs;")
		eventually none_but "$init" || reasons+=("left a process in the container;")
	fi
	invariants
}

# What holds at any time, however a command ended.
invariants() {
	local left=()
	kedge list >/dev/null 2>"$work/err2" || reasons+=("list: $(<"$work/err2");")
	kedge delete --force $id >/dev/null 2>"$work/err2" || reasons+=("delete --force: $(<"$work/err2");")
	# A name with a comma is none of a container.
	for left in "$work"/state/*; do
		if [[ $left != *[*,]* ]]; then reasons+=("state left: ${left##*/};"); fi
	done
	for left in "$cgroups$parent"/*/; do
		if [[ $left != *"*"* ]]; then reasons+=("cgroup left: $left;"); fi
	done
	for left in "$work"/pid/* "$work"/pid/.[!.]*; do
		case ${left##*/} in
		init | exec | "*" | ".[!.]*") ;;
		*) reasons+=("temporary file left: ${left##*/};") ;;
		esac
	done
	if ! eventually none_but; then
		survivors
		reasons+=("process left: $left;")
	fi
	mapfile -t left </proc/self/mountinfo
	if ((${#left[@]} != ${#mounts[@]})); then reasons+=("${#left[@]} mounts, before ${#mounts[@]};"); fi
	kedge create --bundle "$work/bundle" --config "$work/bundle/sleep.json" $id >/dev/null 2>"$work/err2" ||
		reasons+=("cannot be created again: $(<"$work/err2");")
	kedge delete --force $id >/dev/null 2>"$work/err2" || reasons+=("cannot be deleted again: $(<"$work/err2");")
}

# Back to nothing, even from what is broken.
after() {
	if ! has_state && ! has_cgroup; then return; fi
	kedge delete --force $id >/dev/null 2>&1 || :
	if has_cgroup; then
		echo 1 >"$cgroups$parent/$id/cgroup.kill"
		eventually rmdir "$cgroups$parent/$id" 2>/dev/null || :
	fi
	rm -rf "$work/state/$id"
}
