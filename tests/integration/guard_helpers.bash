# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what the tests and helpers.bash use
# For the files that need a drift guard of their own: they say "# requires: own-guard" (see run). One guard serves the file: it
# is started with the loosest policy, which each container tightens by its annotations.
#
#   guard_setup_file, guard_teardown_file
#   guarded [FILTER...]        config for the attacker or any program: enforce, strict
#   attack ARGUMENTS...        runs the attacker in c1, fd 3 being LEAK; $outcome is how far it got
#   events [FILTER]            the audit log's lines of this test, by jq

load helpers

GUARD=/run/kedge-guard
attacker=$(dirname "$KEDGE")/../tests/helpers/attacker
workload=$(dirname "$KEDGE")/../tests/helpers/workload

guard_setup_file() {
	export GUARD_LOG=$BATS_FILE_TMPDIR/guard.jsonl
	mountpoint -q /etc || { echo "not with a guard of its own: see run"; return 1; }
	mkdir -p /etc/kedge
	jq -n --arg log "$GUARD_LOG" --argjson more "${1:-{\}}" '{mode: "off", nesting: "auto", "foreign-mounts": "off",
		joiners: "any", scope: "process", "sweep-ms": 100, log: $log} + $more' >/etc/kedge/policy.json
	# GUARD_WITHOUT_BPF=1 shows what is left on a host that does not let load programs.
	local start=(); start+=("$KEDGE" guard start)
	if [[ ${GUARD_WITHOUT_BPF:-} ]]; then start=(setpriv --bounding-set "-bpf,-perfmon,-sys_admin" "${start[@]}"); fi
	"${start[@]}" </dev/null >"$BATS_FILE_TMPDIR/start" 2>&1 3>&- 4>&- ||
		{ cat "$BATS_FILE_TMPDIR/start"; return 1; }
	GUARD_HAS=$("$KEDGE" guard status --json | jq -r '.tiers | join(" ")')
	export GUARD_HAS
	echo "# tiers: $GUARD_HAS" >&3
}

guard_teardown_file() {
	"$KEDGE" guard stop </dev/null >"$BATS_FILE_TMPDIR/stop" 2>&1 3>&- 4>&- || { cat "$BATS_FILE_TMPDIR/stop"; return 1; }
}

has_tier() { [[ " $GUARD_HAS " == *" $1 "* ]]; }
needs_tier() { has_tier "$1" || skip "this kernel gives no tier '$1'"; }

# The annotations of the strictest guard.
STRICT='.annotations += {"org.kedge.guard.mode": "enforce", "org.kedge.guard.nesting": "strict",
	"org.kedge.guard.foreign-mounts": "deny", "org.kedge.guard.joiners": "registered",
	"org.kedge.guard.scope": "container"}'

guarded() { config 'tmp' "$STRICT" "$@"; }

# A host's file that no container sees, and one for the host to look at afterwards.
prepare_attack() {
	HOST=$T/host
	mkdir -p "$HOST"
	echo secret >"$HOST/secret"
	rm -f "$HOST/created"
	: >"$T/outcome"
	: >>"$GUARD_LOG"
	events_from=$(($(wc -l <"$GUARD_LOG") + 1))
}

attacker_config() { # ARGUMENTS-AS-JSON [FILTER...]
	local arguments=$1
	shift
	guarded "bind(\"$(realpath "$attacker")\"; \"/attacker\"; [\"ro\"]) | bind(\"$T/outcome\"; \"/outcome\"; [])" \
		'caps(["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]) | new("time")' \
		".process.args = [\"/attacker\", \"-o\", \"/outcome\"] + $arguments" "$@"
}

# Much longer than the guard is allowed to need.
run_ms() { if has_tier sample; then echo 400; else echo 3000; fi; }

# The way of the attack is its arguments; FILTERS is an array of more filters, LEAK what fd 3 is opened on.
attack() {
	local arguments
	prepare_attack
	arguments=$(jq -cn '$ARGS.positional' --args -- "${WAY[@]}" -t "$(run_ms)" "$@")
	attacker_config "$arguments" "${FILTERS[@]}" || return 1
	leaking run --bundle "$BUNDLE" c1
	outcome=$("$attacker" show "$T/outcome")
	[[ -z ${GUARD_SHOW:-} ]] || echo "# ${WAY[*]:4} $*: $outcome record_us=$(drifts .latencyUs.record | tr "\n" " ")" >&3
}

# kedge with what LEAK names as descriptor 3 of the container, both in the namespaces that SANDBOX, options of unshare, makes.
leaking() {
	local preserve=()
	status=0
	if [[ ${LEAK:-} ]]; then preserve=(--preserve-fds 1); fi
	# shellcheck disable=SC2016 # the inner shell expands it
	env -- "$MARK" ${SANDBOX:+unshare "${SANDBOX[@]}" --fork --} bash -c 'exec "$@" 3<"$0"' "${LEAK:-/dev/null}" \
		timeout -k 5 60 "$KEDGE" --root "$STATE" "$1" "${preserve[@]}" "${@:2}" </dev/null \
		>"$T/stdout" 2>"$T/stderr" 3>&- 4>&- || status=$?
	output=$(<"$T/stdout") stderr=$(<"$T/stderr")
}

value() { # NAME: of the outcome
	local word
	for word in $outcome; do
		if [[ $word == "$1="* ]]; then echo "${word#*=}"; fi
	done
}

events() { tail -n "+$events_from" "$GUARD_LOG" | jq -c "${1:-.}"; }
drifts() { events "select(.type == \"drift\") | ${1:-.}"; }
there_is() { [[ $("$@") ]]; }

# killed DRIFT: by the guard, in its time, and said so everywhere. The host has nothing of it.
killed() {
	is "$status $(value survived) $(value error)" "137 0 0" || { echo "$outcome"; echo "$stderr"; return 1; }
	has "$stderr" "container 'c1' was killed by the drift guard: " || return 1
	eventually there_is drifts || return 1
	is "$(drifts '.drift | index("'"$1"'") != null' | sort -u)" true || { drifts; return 1; }
	is "$(drifts .action | sort -u)" '"killed"' || { drifts; return 1; }
	in_time
}

# What each tier promises: nothing with lsm or syscall, else a tick or a switch, else a poll.
in_time() {
	if has_tier syscall; then is "$(value calls)" 0; return; fi
	local most=1000000 # the poll comes every 100 ms
	if has_tier sample; then most=10000; fi
	if (($(value us) > most)); then
		echo "$outcome: longer than $most us"
		return 1
	fi
}
