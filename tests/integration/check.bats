#!/usr/bin/env bats
# kedge check: what it says of a host, and of hosts that lack something. The host is this one in a mount namespace.
# requires: root

load helpers

result() { jq -r --arg name "$1" '.checks[] | select(.name == $name) | .result' "$T/stdout"; }
detail() { jq -r --arg name "$1" '.checks[] | select(.name == $name) | .detail' "$T/stdout"; }
hint() { jq -r --arg name "$1" '.checks[] | select(.name == $name) | .hint // empty' "$T/stdout"; }

# check PREPARATION [COMMAND...]: after a piece of shell in a mount namespace of its own; the command is what runs kedge.
check() {
	local prepare=$1
	shift
	status=0
	unshare --mount --propagation private -- bash -euc "$prepare"'
		exec "$@"' bash "$@" "$KEDGE" check --json >"$T/stdout" 2>"$T/stderr" </dev/null 3>&- 4>&- || status=$?
	is "$(<"$T/stderr")" ''
}

@test "check: containers that run here can run" {
	script true
	ok run --bundle "$BUNDLE" "t$BATS_TEST_NUMBER"
	ok check
	matches "${lines[0]}" '^CHECK +RESULT +DETAIL$'
	is "${lines[-1]}" 'Containers can run.'
	ok check --json
	is "$(jq -c '[.canRun, .rootless]' "$T/stdout")" '[true,false]'
	is "$(jq -r '[.checks[].name] | length == (unique | length)' "$T/stdout")" true
	is "$(jq -r '[.checks[] | select(.result | IN("ok", "limited", "missing", "-") | not)] | length' "$T/stdout")" 0
	is "$(jq -r '[.checks[] | select(.detail == "")] | length' "$T/stdout")" 0
	is "$(jq -r '[.checks[] | select(.required and .result == "missing")] | length' "$T/stdout")" 0
}

@test "check: the table and the JSON say the same" {
	ok check
	sed '1d; /^$/,$d' "$T/stdout" | sed -E 's/   *(ok|limited|missing|-) .*/|\1/' >"$T/table"
	ok check --json
	jq -r '.checks[] | .name + "|" + .result' "$T/stdout" | diff -u - "$T/table"
}

@test "check: without cgroup2 no container can run, and check says so" {
	check 'mount -t tmpfs none /sys/fs/cgroup'
	is "$status" 1
	is "$(result 'cgroup v2')" missing
	has "$(hint 'cgroup v2')" 'mount -t cgroup2'
	is "$(jq -r .canRun "$T/stdout")" false
	is "$(result 'controllers')" -
}

@test "check: with cgroup2 read-only no container can run" {
	check "mount -o remount,bind,ro $CGROUP_MOUNT"
	is "$status" 1
	is "$(result cgroups)" missing
	has "$(detail cgroups)" 'Read-only file system'
}

@test "check: the controllers are those of the host" {
	check :
	is "$(detail controllers | sed 's/; not .*//')" "$(sed 's/^$/none/' "$CGROUP_MOUNT/cgroup.controllers")"
}

@test "check: system calls that are refused are named" {
	check : "$HELPERS/refuse" openat2,clone3
	is "$status" 1
	is "$(result 'system calls')" missing
	has "$(detail 'system calls')" 'clone3, openat2'
}

@test "check: a capability that every container needs" {
	check : setpriv --bounding-set -sys_admin --inh-caps -sys_admin
	is "$status" 1
	is "$(result privileges)" missing
	has "$(detail privileges)" CAP_SYS_ADMIN
	check : setpriv --bounding-set -sys_boot --inh-caps -sys_boot
	is "$status" 0
	is "$(result privileges)" limited
	has "$(detail privileges)" CAP_SYS_BOOT
}

@test "check: newuidmap that is not there, without privileges, and as it should be" {
	local fake="mkdir -p $T/upper $T/work; mount -t tmpfs none $T/upper; mkdir $T/upper/{u,w}
		mount -t overlay -o lowerdir=/usr/bin,upperdir=$T/upper/u,workdir=$T/upper/w none /usr/bin"
	check "$fake; rm -f /usr/bin/newuidmap"
	is "$status" 0
	is "$(result newuidmap)" limited
	has "$(detail newuidmap)" 'No such file'
	has "$(hint newuidmap)" 'uidmap'
	check "$fake; rm -f /usr/bin/newuidmap; cp /bin/true /usr/bin/newuidmap"
	is "$(result newuidmap)" limited
	has "$(hint newuidmap)" setuid
	check "$fake; rm -f /usr/bin/newuidmap; cp /bin/true /usr/bin/newuidmap; chmod u+s /usr/bin/newuidmap"
	is "$(result newuidmap)" ok
}

@test "check: ids of /etc/subuid are those of the user, by name or number" {
	local etc="mount -t tmpfs none /mnt; cp -a /etc /mnt; mount --bind /mnt/etc /etc
		printf 'someone:x:4321:4321::/:/bin/sh\n' >>/etc/passwd
		printf 'someone:100000:65536\nother:200000:10\n4321:300000:4\n' >/etc/subuid; : >/etc/subgid"
	check "$etc" setpriv --reuid 4321 --regid 4321 --clear-groups
	is "$(jq -r .rootless "$T/stdout")" true
	is "$(detail subuid)" '65540 ids in 2 ranges for someone'
	is "$(result subgid)" limited
	is "$(detail subgid)" '0 ids in 0 ranges for someone'
	check "$etc"
	is "$(detail subuid)" '65550 ids in 3 ranges for all users'
}

@test "check: a user without user namespaces cannot run containers; root can" {
	local none='echo 0 >/proc/sys/user/max_user_namespaces'
	unshare --user --map-root-user true || skip "this kernel gives no user namespace"
	# In a user namespace of its own: the setting is that namespace's.
	status=0
	unshare --user --map-root-user bash -euc "$none"'
		exec "$@"' bash "$KEDGE" check --json >"$T/stdout" 2>"$T/stderr" </dev/null || status=$?
	is "$status" 1
	is "$(result 'user namespaces')" missing
	has "$(hint 'user namespaces')" max_user_namespaces
}

@test "check: engines that are there, and whether they know kedge" {
	local fake="mount -t tmpfs none /mnt; mkdir -p /mnt/{bin,etc}; cp -a /etc/. /mnt/etc; mount --bind /mnt/etc /etc
		mount --bind /mnt/bin /usr/local/bin; cp /bin/true /usr/local/bin/podman; cp /bin/true /usr/local/bin/dockerd
		mkdir -p /etc/containers/containers.conf.d /etc/docker /etc/crio"
	check "$fake"
	is "$(result Podman)" limited
	has "$(hint Podman)" podman.conf
	is "$(result Docker)" limited
	is "$(result CRI-O)" -
	local engines=${KEDGE%/bin/*}/engines
	check "$fake; cp $engines/podman.conf /etc/containers/containers.conf.d/kedge.conf; cp $engines/docker.json /etc/docker/daemon.json
		sed 's/^/# /' $engines/crio.conf >/etc/crio/crio.conf; cp /bin/true /usr/local/bin/crio"
	is "$(result Podman)" ok
	is "$(detail Podman)" /etc/containers/containers.conf.d/kedge.conf
	is "$(result Docker)" ok
	is "$(result CRI-O)" limited
}

@test "check: the state directory, on a tmpfs and not" {
	ok check --json
	is "$(detail 'state directory')" "$(realpath -m "$STATE"), $([[ $(stat -f -c %T "$STATE") == tmpfs ]] || echo 'not ')on a tmpfs"
	check 'mount -t tmpfs none /run'
	is "$(result 'state directory')" ok
	is "$(detail 'state directory')" '/run/kedge, on a tmpfs'
}

@test "check: no guard runs" {
	check 'mount -t tmpfs none /run'
	is "$status" 0
	is "$(result 'drift guard')" limited
	is "$(result 'tier sample')" -
}

@test "check takes no argument" {
	fails 1 '"check" requires exactly 0 argument(s)' check all
}
