#!/usr/bin/env bats
# Commands on one container at once: each has its lock, one of them wins, the others are told, and nothing is left.
# repeats: never

load helpers

# at_once N COMMAND...: N times in parallel, {} being the number; statuses in ${statuses[@]}, stderr in $T/err.NUMBER.
at_once() {
	local n=$1 i pids=()
	shift
	for ((i = 1; i <= n; i++)); do
		timeout 60 "$KEDGE" --root "$STATE" "${@//\{\}/$i}" </dev/null >/dev/null 2>"$T/err.$i" &
		pids+=($!)
	done
	statuses=()
	for i in "${pids[@]}"; do
		local status=0
		wait "$i" || status=$?
		statuses+=("$status")
	done
}

winners() { printf '%s\n' "${statuses[@]}" | grep -cx 0 || :; }
# What the losers said, each kind once.
losers() { cat "$T"/err.* | sed 's/^kedge: [a-z]* .c1.: //' | sort -u; }

@test "of eight creators of one id one wins" {
	sleeper
	for round in {1..20}; do
		at_once 8 create --bundle "$BUNDLE" c1
		is "$(winners)" 1
		is "$(losers)" "container with given ID already exists"
		ok delete --force c1
		nothing_left
	done
}

@test "create against delete --force leaves a container or nothing" {
	sleeper
	for round in {1..20}; do
		timeout 60 "$KEDGE" --root "$STATE" create --bundle "$BUNDLE" c1 </dev/null >/dev/null 2>"$T/err.create" &
		creator=$!
		sleep "0.00$((round % 10))"
		ok delete --force c1
		if wait "$creator"; then
			# Before it or after it, but not half.
			kedge state c1
			((status == 1)) || has "$output" '"status": "created"'
		else
			[[ -s $T/err.create ]]
		fi
		ok delete --force c1
		nothing_left
	done
}

@test "of eight starters one wins and none waits for ever" {
	sleeper
	for round in {1..10}; do
		create
		at_once 8 start c1
		is "$(winners)" 1
		is "$(losers)" "cannot start an already running container"
		ok delete --force c1
		nothing_left
	done
}

@test "of eight deleters one removes it" {
	script 'exit 0'
	for round in {1..20}; do
		create
		ok start c1
		eventually stopped
		at_once 8 delete c1
		is "$(winners)" 1
		is "$(losers)" "container does not exist"
		nothing_left
	done
}

@test "eight deleters with --force all find it gone" {
	sleeper
	for round in {1..10}; do
		create
		at_once 8 delete --force c1
		is "$(winners)" 8
		is "$(losers)" ""
		nothing_left
	done
}

@test "exec against kill runs, is killed, or says that the container has stopped" {
	local round i pids said
	for round in {1..15}; do
		start
		pids=()
		for i in 1 2 3; do
			timeout 20 "$KEDGE" --root "$STATE" exec c1 sleep 1000 </dev/null >/dev/null 2>"$T/err.$i" &
			pids+=($!)
		done
		sleep "0.00$round"
		ok kill c1 KILL
		for i in "${pids[@]}"; do
			status=0
			wait "$i" || status=$?
			# 255 is a failure of exec itself.
			((status == 137 || status == 255)) || { echo "status $status"; return 1; }
		done
		said=$(losers)
		is "$(grep -vxE 'cannot exec in a stopped container|' <<<"$said")" ""
		ok delete --force c1
		nothing_left
	done
}

stopped() { [[ $("$KEDGE" --root "$STATE" state c1 2>/dev/null) == *'"status": "stopped"'* ]]; }

# The lives of containers c$1, c$(($1 + 8)), ...: one line for each that goes wrong.
lives() {
	local i
	for ((i = $1; i <= 100; i += 8)); do
		"$KEDGE" --root "$STATE" create --bundle "$BUNDLE" --config "$T/config.$i.json" "c$i" >/dev/null </dev/null 2>"$T/life.$i" &&
			"$KEDGE" --root "$STATE" start "c$i" </dev/null 2>>"$T/life.$i" &&
			"$KEDGE" --root "$STATE" delete --force "c$i" </dev/null 2>>"$T/life.$i" && continue
		echo "c$i: $(<"$T/life.$i")"
	done
}

@test "a hundred containers in eight processes" {
	sleeper
	for i in {1..100}; do jq --arg path "$PARENT/c$i" '.linux.cgroupsPath = $path' "$BUNDLE/config.json" >"$T/config.$i.json"; done
	for i in {1..8}; do lives "$i" >"$T/lives.$i" & done
	wait
	is "$(cat "$T"/lives.*)" ""
	nothing_left
}
