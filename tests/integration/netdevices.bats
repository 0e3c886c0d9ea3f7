#!/usr/bin/env bats
# linux.netDevices: kedge runs in a network namespace of the test's own, where the devices are. Pairs of veth, because
# every kernel of the test beds has them.
# shellcheck disable=SC2154 # what kedge() and namespace() set

load helpers

setup() {
	begin
	namespace host
	cat >"$T/kedge" <<-END
		#!/bin/sh
		exec nsenter --net=$NS_host $KEDGE "\$@"
	END
	chmod +x "$T/kedge"
	KEDGE=$T/kedge
	on_host ip link add v0 type veth peer name p0 || skip "the kernel has no veth"
	on_host ip link set p0 up
}

teardown() {
	local pid status=0
	finish || status=1
	for pid in "${holders[@]}"; do kill "$pid" || status=1; done
	return "$status"
}

# namespace NAME: a new one, with its path in $NS_NAME.
namespace() {
	unshare --net sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&- &
	holders+=($!)
	printf -v "NS_$1" /proc/%s/ns/net "$!"
	eventually differ "/proc/$!/ns/net" /proc/self/ns/net
}
on_host() { nsenter --net="$NS_host" "$@"; }
inside() { nsenter --net="/proc/$(pid_of)/ns/net" "$@"; }
# The devices of a namespace without those that the kernel makes.
devices() { "$@" ip -o link | awk -F'[ :@]+' '$2 ~ /^[vepbt][a-z]*[0-9]/ { print $2 }' | sort | tr '\n' ' '; }
moves() { config ".process.args = [\"sleep\", \"1000\"]" ".linux.netDevices = $1" "${@:2}"; }

@test "a device is moved, keeps its name, and is brought up" {
	moves '{v0: {}}'
	ok run --detach --bundle "$BUNDLE" c1
	is "$(devices on_host)" "p0 "
	has "$(inside ip -o link show v0)" ",UP"
}

@test "a device gets a new name" {
	moves '{v0: {name: "eth0"}}'
	ok run --detach --bundle "$BUNDLE" c1
	is "$(devices on_host)" "p0 "
	is "$(devices inside)" "eth0 "
}

@test "a template gets a number that is free" {
	namespace inner
	nsenter --net="$NS_inner" ip link add eth0 type veth peer name v0
	moves '{v0: {name: "eth%d"}}' "joins(\"network\"; \"$NS_inner\")"
	ok run --detach --bundle "$BUNDLE" c1
	matches "$(devices inside)" '^eth0 eth[1-9] v0 $'
}

@test "hardware address, MTU, and permanent addresses of global scope are kept" {
	on_host ip link set v0 address 02:00:00:00:00:17 mtu 1400
	on_host ip link set v0 up
	on_host ip address add 192.0.2.7/24 broadcast 192.0.2.255 dev v0
	on_host ip address add 192.0.2.8/24 dev v0
	on_host ip address add 198.51.100.1 peer 198.51.100.2/32 dev v0 metric 77
	on_host ip address add 2001:db8::7/64 dev v0 nodad noprefixroute
	on_host ip address add 192.0.2.9/24 valid_lft 1000 preferred_lft 1000 dev v0
	on_host ip address add 127.1.2.3/8 scope host dev v0
	moves '{v0: {name: "eth0"}}'
	ok run --detach --bundle "$BUNDLE" c1
	has "$(inside ip -o link show eth0)" "mtu 1400"
	has "$(inside ip -o link show eth0)" "02:00:00:00:00:17"
	is "$(inside ip -o -4 address show dev eth0 | awk '{ print $4 }' | sort | tr '\n' ' ')" "192.0.2.7/24 192.0.2.8/24 198.51.100.1 "
	has "$(inside ip -o -4 address show dev eth0)" "brd 192.0.2.255"
	has "$(inside ip -o -4 address show dev eth0)" "peer 198.51.100.2/32"
	has "$(inside ip -o -4 address show dev eth0)" "metric 77"
	has "$(inside ip -o -6 address show dev eth0 scope global)" "2001:db8::7/64"
	has "$(inside ip -o -6 address show dev eth0 scope global)" "noprefixroute"
}

@test "several devices, one of which takes the name that another had" {
	on_host ip link add v1 type veth peer name p1
	moves '{v0: {name: "v1"}, v1: {name: "v0"}}'
	on_host ip address add 192.0.2.7/24 dev v1
	ok run --detach --bundle "$BUNDLE" c1
	is "$(devices inside)" "v0 v1 "
	has "$(inside ip -o -4 address show dev v0)" "192.0.2.7/24"
}

@test "the devices are there for the hooks and sysctls of the container" {
	moves '{v0: {name: "eth0"}}' '.linux.sysctl["net.ipv4.conf.eth0.forwarding"] = "1"' \
		'hook("createRuntime"; "nsenter --net=/proc/$(jq .pid)/ns/net ip -o link >\($T)/hook")'
	ok run --detach --bundle "$BUNDLE" c1
	has "$(cat "$T/hook")" "eth0"
	is "$(inside cat /proc/sys/net/ipv4/conf/eth0/forwarding)" 1
}

@test "a container with ids of its own" {
	moves '{v0: {}}' userns
	on_host ip address add 192.0.2.7/24 dev v0
	ok run --detach --bundle "$BUNDLE" c1
	has "$(inside ip -o -4 address show dev v0)" "192.0.2.7/24"
}

@test "what stays when the container ends is the namespace's" {
	namespace inner
	moves '{v0: {}}' "joins(\"network\"; \"$NS_inner\")"
	ok run --detach --bundle "$BUNDLE" c1
	ok delete --force c1
	is "$(devices nsenter --net="$NS_inner")" "v0 "
	is "$(devices on_host)" "p0 "
}

@test "a device that is not there is told" {
	moves '{v7: {}}'
	refused 'linux.netDevices[v7]: cannot find the device: no such device'
}

@test "a name that the container has already is told, and the device stays where it is" {
	namespace inner
	nsenter --net="$NS_inner" ip link add eth0 type veth peer name v0
	on_host ip address add 192.0.2.7/24 dev v0
	on_host ip link set v0 up
	moves '{v0: {name: "eth0"}}' "joins(\"network\"; \"$NS_inner\")"
	refused "linux.netDevices[v0]: the container's network namespace has a device 'eth0' already"
	moves '{v0: {}}' "joins(\"network\"; \"$NS_inner\")"
	refused "linux.netDevices[v0]: the container's network namespace has a device 'v0' already"
	has "$(on_host ip -o -4 address show dev v0)" "192.0.2.7/24"
	has "$(on_host ip -o link show v0)" ",UP"
}

@test "a device that cannot be moved is told" {
	moves '{lo: {name: "lo7"}}'
	refused 'linux.netDevices[lo]: cannot move the device: invalid argument'
	has "$stderr" "some kinds of device cannot leave their network namespace"
	moves '{lo: {}}'
	refused "linux.netDevices[lo]: the container's network namespace has a device 'lo' already"
}

@test "no network namespace, or the runtime's own, is refused" {
	moves '{v0: {}}' 'without("network")'
	refused "linux.netDevices: needs a 'network' namespace in linux.namespaces"
	moves '{v0: {name: "v1"}}' "joins(\"network\"; \"$NS_host\")"
	refused "linux.netDevices[v0]: the container's network namespace is the runtime's own"
	is "$(devices on_host)" "p0 v0 "
}

@test "a create that fails gives the devices back as they were" {
	on_host ip link add v1 type veth peer name p1
	on_host ip link set v0 up
	on_host ip address add 192.0.2.7/24 dev v0
	on_host ip address add 2001:db8::7/64 dev v0 nodad
	moves '{v0: {name: "eth0"}, v1: {name: "eth1"}, v7: {}}'
	refused 'linux.netDevices[v7]: cannot find the device'
	moves '{v0: {name: "eth0"}, v1: {}}' 'hook("createRuntime"; "exit 3")'
	refused 'exit status 3'
	moves '{v0: {}, v1: {}}' '.process.args = ["/nosuch"]'
	refused 'exec: "/nosuch"'
	is "$(devices on_host)" "p0 p1 v0 v1 "
	has "$(on_host ip -o -4 address show dev v0)" "192.0.2.7/24"
	has "$(on_host ip -o -6 address show dev v0)" "2001:db8::7/64"
	has "$(on_host ip -o link show v0)" ",UP"
	hasnt "$(on_host ip -o link show v1)" ",UP"
}
