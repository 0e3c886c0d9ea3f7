#!/usr/bin/env bats
# What kernel exploits do to leave a container, against the drift guard of a kernel that loads everything: the payloads of
# tests/vm/evil, each with the tiers that a host may have. The figures are printed as a table of comments; times say little
# here, as the machine is emulated: what counts is what the attacker still got done. PAYLOADS are the numbers of those that
# are tried, all of them unless told.
# shellcheck disable=SC2016,SC2034
# repeats: never

load helpers

PAYLOADS=${PAYLOADS:-1 2 3 4 5 6 7 8 9 10 11 12}
LOG=/var/log/kedge/guard.jsonl
HOST=/srv/host
ATTACKER=/kedge/build/tests/helpers/attacker
WORKLOAD=/kedge/build/tests/helpers/workload

symbol() { awk -v name="$1" '$3 == name { print "0x" $1; exit }' /proc/kallsyms; }

setup_file() {
	[[ $(runtime_name) == kedge ]] || return 0
	mkdir -p "$HOST" /etc/kedge
	echo secret >"$HOST/secret"
	echo '{"mode": "off", "nesting": "auto", "foreign-mounts": "off", "joiners": "any", "scope": "process",
		"sweep-ms": 100, "syscall-tier": true}' >/etc/kedge/policy.json
	[[ -e /dev/evil ]] || insmod "/usr/lib/modules/$(uname -r)/evil.ko" "switch_task_namespaces=$(symbol switch_task_namespaces)" \
		"find_task_by_vpid=$(symbol find_task_by_vpid)" "init_nsproxy=$(symbol init_nsproxy)"
	start_guard
}

teardown_file() {
	[[ $(runtime_name) == kedge ]] || return 0
	{
		uname -r
		awk '{ printf "%-7s %-11s %-15s %6s %7s %4s %6s %-22s %-60s %6s %s\n", $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 }' \
			"$BATS_FILE_TMPDIR/table"
	} | sed 's/^/# /' >&3
	kill -CONT "$(<"$GUARD/lock")"
	"$RUNTIME" guard stop --force 3>&-
	rm -rf /etc/kedge "$HOST"
}

setup() { only_kedge "has no drift guard"; }
teardown() {
	last_output
	clean_up
}

# --- one attack

STRICT='"org.kedge.guard.mode": "enforce", "org.kedge.guard.nesting": "strict", "org.kedge.guard.foreign-mounts": "deny",
	"org.kedge.guard.joiners": "registered", "org.kedge.guard.scope": "container"'

# attackers ANNOTATIONS: a container as Docker would have it, and /dev/evil: to be given the number of a payload.
attackers() {
	local minor
	minor=$(awk '$2 == "evil" { print $1 }' /proc/misc)
	bundle busybox '["/attacker", "-o", "/outcome", "-f", "'"$HOST/created"'", "-s", "'"$HOST/secret"'", "-t", "200",
		"kernel", "0"]' '.annotations = {'"$1"'} | .mounts += [
		{destination: "/attacker", type: "bind", source: "'"$ATTACKER"'", options: ["bind", "ro"]},
		{destination: "/outcome", type: "bind", source: "'"$BATS_TEST_TMPDIR/outcome"'", options: ["bind"]}] |
		.linux.devices = [{path: "/dev/evil", type: "c", major: 10, minor: '"$minor"', fileMode: 438}] |
		.linux.resources.devices += [{allow: true, type: "c", major: 10, minor: '"$minor"', access: "rw"}] |
		.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["swapon"], action: "SCMP_ACT_ERRNO"}]}'
	mv "$BATS_TEST_TMPDIR/bundle/config.json" "$BATS_TEST_TMPDIR/attacker.json"
}

value() { tr ' ' '\n' <<<"$outcome" | sed -n "s/^$1=//p"; }
events() { tail -n "+$from" "$LOG" 2>/dev/null; }
is_over() { events | grep -Eq '"type": *"(killed|disarmed)"'; }

# payload N: of attackers; sets $verdict, one word for what the attacker got done.
payload() {
	local child='' config
	rm -f "$HOST/created"
	: >"$BATS_TEST_TMPDIR/outcome"
	from=$(($(wc -l <"$LOG" 2>/dev/null || echo 0) + 1))
	# Payload 4 is about the container's init: somebody else must be it. One that sheds its label (11) may have a parent that
	# has one.
	if (($1 == 4 || $1 == 11)); then child='"-c",'; fi
	config=$(<"$BATS_TEST_TMPDIR/attacker.json")
	config=${config/'"kernel"'/$child'"kernel"'}
	echo "${config/'"0"'/'"'$1'"'}" >"$BATS_TEST_TMPDIR/bundle/config.json"
	status=0
	rt run --bundle "$BATS_TEST_TMPDIR/bundle" "k$1" </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 || status=$?
	outcome=$("$ATTACKER" show "$BATS_TEST_TMPDIR/outcome") || {
		echo "payload $1 was not started, status $status: $(<"$BATS_TEST_TMPDIR/log") $(events)"
		return 1
	}
	local gained=''
	if [[ -e $HOST/created || $(value read) == 1 ]]; then gained=-gained; fi
	if (($(value survived))); then
		verdict=survived$gained
	elif ((status != 137)); then
		verdict=status-$status
	elif (($(value calls) == 0)); then
		verdict=none$gained
	else
		verdict=late$gained
	fi
}

# A line of the table: how long it lived, until the record was there, and until all were dead, in microseconds.
tell() { # TIERS N
	local times='- - - -'
	if ((status == 137)) && [[ $1 != sample ]]; then
		eventually 5 is_over || :
		times=$(events | jq -rs '[(map(select(.type == "drift"))[0] | .hook, (.drift // ["-"] | join("+")), .latencyUs.record),
			(map(select(.type == "killed"))[0] | .latencyUs.allDead)] | map(. // "-") | join(" ")')
	fi
	echo "k$2 $1 $verdict $(value calls) $(value created) $(value read) $(value us) $times" >>"$BATS_FILE_TMPDIR/table"
}

# expect TIERS N=VERDICT-REGEX...: what each payload must come to; all are tried before one fails.
expect() {
	local tiers=$1 wanted wrong=()
	shift
	attackers "$STRICT"
	for wanted; do
		[[ " $PAYLOADS " == *" ${wanted%%=*} "* ]] || continue
		payload "${wanted%%=*}"
		tell "$tiers" "${wanted%%=*}"
		[[ $verdict =~ ^(${wanted#*=})$ ]] || wrong+=("$wanted, not $verdict: $outcome: $(<"$BATS_TEST_TMPDIR/log")")
	done
	if ((${#wrong[@]})); then
		printf '%s\n' "${wrong[@]}"
		return 1
	fi
	if dmesg | grep -E 'Oops|BUG:|WARNING:|general protection'; then return 1; fi
}

@test "guard: without it the payloads work" {
	echo payload tiers verdict calls created read us hook drift record dead >"$BATS_FILE_TMPDIR/table"
	attackers ''
	local n
	for n in $PAYLOADS; do
		payload "$n"
		tell none "$n"
		case $n in
		3 | 4 | 5 | 9 | 10 | 11) [ "$verdict" = survived-gained ] ;;
		*) [ "$verdict" = survived ] ;;
		esac
	done
}

@test "guard: all tiers are on" {
	run rt guard status --json
	[ "$(jq -r '.tiers | sort | join(" ")' <<<"$output")" = "lsm poll sample sweep syscall" ]
	# With all that, and at its highest.
	run awk '/^VmHWM:/ { print $2 }' "/proc/$(<"$GUARD/lock")/status"
	[ "$output" -le 1024 ]
}

# The level of a pid namespace tells members from processes of the host: not here.
@test "guard: in the pid namespace of the host, too" {
	attackers "$STRICT"
	jq '.linux.namespaces |= map(select(.type != "pid"))' "$BATS_TEST_TMPDIR/attacker.json" >"$BATS_TEST_TMPDIR/host-pid.json"
	mv "$BATS_TEST_TMPDIR/host-pid.json" "$BATS_TEST_TMPDIR/attacker.json"
	payload 3
	[ "$verdict" = none ]
}

@test "guard: with system calls watched no payload gets a call done" {
	expect lsm+syscall 1=none 2=none 3=none 4=none 5=none 6=none 7=none 8=none 9=none 10=none 11=none 12=none
}

@test "guard: with LSM hooks no payload gains anything" {
	rt guard stop
	jq '.["syscall-tier"] = false' /etc/kedge/policy.json >"$BATS_TEST_TMPDIR/policy"
	cat "$BATS_TEST_TMPDIR/policy" >/etc/kedge/policy.json
	start_guard
	[ "$(rt guard status --json | jq -r '.tiers | sort | join(" ")')" = "lsm poll sample sweep" ]
	expect lsm 1=none 2=none 3=none 4=none 5=none '6=none|late' '7=none|late' '8=none|late' 9=none 10=none 11=none \
		'12=none|late|survived'
}

@test "guard: with samples alone payloads are killed within a tick or a switch" {
	without_lsm
	local killed='(none|late)(-gained)?'
	expect sample "1=$killed" "2=$killed" "3=$killed" "4=$killed" "5=$killed" "6=$killed" "7=$killed" "8=$killed" \
		"9=$killed" "10=$killed" "11=$killed" 12=survived
}
