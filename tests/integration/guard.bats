#!/usr/bin/env bats
# What the drift guard is asked for, and what the state tells of it; guard_*.bats have what it does.

load helpers

@test "guard: the state has the fingerprint" {
	sleeper
	create
	ok state c1
	is "$(jq -r '.guard.namespaces | keys | join(" ")' <<<"$output")" "cgroup ipc mount network pid time user uts"
	local pid ns file
	pid=$(jq .pid <<<"$output")
	for ns in cgroup ipc mount:mnt network:net pid time user uts; do
		file=${ns#*:} ns=${ns%:*}
		is "$(jq ".guard.namespaces.$ns" <<<"$output")" "$(stat -Lc %i "/proc/$pid/ns/$file")"
	done
	is "$(jq .guard.device <<<"$output")" "$(stat -Lc %d "/proc/$pid/ns/mnt")"
}

@test "guard: annotations only tighten" {
	config '.annotations = {"org.kedge.guard.mode": "off"}'
	refused "annotations: org.kedge.guard.mode: 'off' is looser than the host's 'enforce'"
	config '.annotations = {"org.kedge.guard.scope": "process"}'
	refused "looser than the host's 'container'"
	config '.annotations = {"org.kedge.guard.mode": "sure"}'
	refused "annotations: org.kedge.guard.mode: invalid value 'sure'"
	config '.annotations = {"org.kedge.guard.modes": "off"}'
	refused "annotations: unknown annotation 'org.kedge.guard.modes'"
	config '.annotations = {"org.kedge.guard.mode": "enforce", "org.kedge.guard.sweep-ms": "100"}'
	ok run --bundle "$BUNDLE" c1
}

@test "guard: features lists the annotations" {
	ok features
	is "$(jq -r '.potentiallyUnsafeConfigAnnotations | map(select(startswith("org.kedge.guard."))) | join(" ")' <<<"$output")" \
		"$(printf 'org.kedge.guard.%s ' mode require nesting foreign-mounts joiners scope sweep-ms | sed 's/ $//')"
}

@test "guard: what is required and not there ends create" {
	config '.annotations = {"org.kedge.guard.require": "lsm"}'
	# A kernel that loads LSM programs would be one where it is there.
	kedge run --bundle "$BUNDLE" c1
	if ((status == 0)); then skip "this kernel loads LSM programs"; fi
	has "$(cat "$T/stderr")" "org.kedge.guard.require 'lsm': drift guard: "
	nothing_left
}
