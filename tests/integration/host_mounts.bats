#!/usr/bin/env bats
# Joining a mount namespace changes its root. All of it happens in mount namespaces of the test: were the machine's own
# entered, the machine would be gone.

load helpers

joins() { config '.linux.namespaces |= map(if .type == "mount" then .path = "'"$1"'" else . end)'; }

@test "the runtime's own mount namespace is not joined" {
	joins /proc/self/ns/mnt
	run -1 unshare --mount "$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1
	has "$output" "is the host's mount namespace"
	nothing_left
}

@test "the mount namespace of process 1 is not joined" {
	joins /proc/1/ns/mnt
	run -1 unshare --mount --pid --fork --mount-proc -- sh -c 'unshare --mount "$@"; exit' sh \
		"$KEDGE" --root "$STATE" run --bundle "$BUNDLE" c1
	has "$output" "is the host's mount namespace"
	nothing_left
}
