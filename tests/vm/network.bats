#!/usr/bin/env bats
# Podman's bridge networks with the runtime under test: joining a prepared
# network namespace. Only in qemu: the kernel of the uml beds has no nf_tables
# for IPv4 (CONFIG_NF_TABLES_IPV4 and _INET are off), and netavark fails there:
# "Could not process rule: Operation not supported".
# shellcheck disable=SC2016,SC2153 # what is quoted is for the containers' shells

bats_require_minimum_version 1.5.0
load helpers

IMAGE=localhost/vm/busybox:1

setup_file() {
	command podman import -q -c 'CMD ["sh"]' "$IMAGES/busybox.tar" "$IMAGE"
}

teardown() {
	last_output
	pm rm -f -t 0 -a >/dev/null 2>&1
	pm network rm -f apart >/dev/null 2>&1
	true
}

# page PORT: what an HTTP server of this machine answers.
page() {
	exec {web}<>"/dev/tcp/127.0.0.1/$1" || return
	printf 'GET /index.html HTTP/1.0\r\n\r\n' >&"$web"
	timeout 10 cat <&"$web" | tail -n 1
	exec {web}>&-
}

page_is() { [[ $(page "$1" 2>/dev/null) == "$2" ]]; }

@test "bridge: a Debian system has an address and reaches the host" {
	mkdir "$BATS_TEST_TMPDIR/w"
	echo from the host >"$BATS_TEST_TMPDIR/w/index.html"
	busybox httpd -f -p 8099 -h "$BATS_TEST_TMPDIR/w" </dev/null >/dev/null 2>&1 3>&- &
	local pid=$!
	eventually 10 page_is 8099 "from the host"
	run pm run --rm --rootfs "$IMAGES/debian:O" bash -c 'cat /sys/class/net/eth0/operstate
		exec 3<>/dev/tcp/10.88.0.1/8099; printf "GET / HTTP/1.0\r\n\r\n" >&3; tail -n 1 <&3'
	kill "$pid"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = up ]
	[[ $output == *"from the host"* ]]
}

@test "-p: a port of the host leads into the container" {
	pm run -d --name web -p 8080:80 "$IMAGE" \
		sh -c 'mkdir /w && echo from inside >/w/index.html && exec httpd -f -p 80 -h /w'
	eventually 30 page_is 8080 "from inside"
	pm rm -f -t 0 web
	run page_is 8080 "from inside"
	[ "$status" -ne 0 ]
}

@test "network: containers of one network find each other by name, others do not" {
	pm network create apart
	pm run -d --name server --network apart "$IMAGE" \
		sh -c 'mkdir /w && echo hello >/w/index.html && exec httpd -f -p 80 -h /w'
	# Its name is known, and its port open, some time after its start.
	run pm run --rm --network apart --rootfs "$IMAGES/debian:O" bash -c 'for i in {1..300}; do
			{ exec 3<>/dev/tcp/server/80; } 2>/dev/null && break
			sleep 0.1
		done
		printf "GET /index.html HTTP/1.0\r\n\r\n" >&3; tail -n 1 <&3'
	[ "$status" -eq 0 ]
	[[ $output == *hello* ]]
	run pm run --rm --network none --rootfs "$IMAGES/debian:O" getent hosts server
	[ "$status" -ne 0 ]
}

@test "exec: sees the network of the container" {
	pm run -d --name one "$IMAGE" sleep 1000
	run pm exec one ip -4 -o addr show dev eth0
	[ "$status" -eq 0 ]
	[[ $output == *"inet 10.88."* ]]
}

@test "--userns=auto with a bridge" {
	run pm run --rm --userns=auto "$IMAGE" sh -c 'ip -4 -o addr show dev eth0; read -r a b c </proc/self/uid_map; test $b -ge 1000000'
	[ "$status" -eq 0 ]
	[[ $output == *"inet 10.88."* ]]
}
