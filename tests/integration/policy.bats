#!/usr/bin/env bats
# requires: own-guard
# What the host's policy refuses, and the filter that it puts below a container's own. In a place with an /etc of its own.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

PROGRAMS=${PROGRAMS:-$(dirname "$KEDGE")/../tests/helpers}
POLICY=/etc/kedge/policy.json

setup() {
	mountpoint -q /etc || { echo "not with an /etc of its own: see run"; return 1; }
	begin
	policy '{}'
}
teardown() {
	rm -f "$POLICY"
	finish
}

# policy JSON: the member containers; the guard is off, so that it starts for nothing here.
policy() { jq -n "{mode: \"off\", containers: $1}" >"$POLICY"; }

by() { has "$stderr" "refused by $POLICY: containers.$1"; } # RULE

@test "policy: an empty one refuses nothing, and one that others may write is no policy" {
	run_ok true
	chmod 666 "$POLICY"
	config
	refused "must be a file that root owns and nobody else may write"
	chmod 644 "$POLICY"
	chown 1000 "$POLICY"
	refused "must be a file that root owns and nobody else may write"
	rm "$POLICY"
	ln -s /etc/hostname "$POLICY"
	refused "cannot open '$POLICY'"
	rm "$POLICY"
	policy '{}'
	ok run --bundle "$BUNDLE" c1
}

@test "policy: what it does not know is an error with its place" {
	config
	policy '{"require": ["seccomp", "luck"]}'
	refused "containers.require[1]: unknown requirement 'luck'"
	policy '{"no-capabilities": ["CAP_MAGIC"]}'
	refused "containers.no-capabilities[0]: unknown capability"
	policy '{"mount-sources": ["srv"]}'
	refused "containers.mount-sources[0]: 'srv' must be an absolute path"
	policy '{"no-divices": true}'
	refused "containers.no-divices: is not known"
	policy '{"seccomp-floor": "some"}'
	refused "containers.seccomp-floor: unknown value"
}

@test "policy: require" {
	while IFS='|' read -r word path bad good; do
		policy "{require: [\"$word\"]}"
		config "$bad"
		refused "$path"
		by "require[0] '$word'"
		config "$bad" "$good"
		ok run --bundle "$BUNDLE" c1
	done <<-'END'
		no-new-privileges|process.noNewPrivileges: not set|.process.noNewPrivileges = false|.process.noNewPrivileges = true
		seccomp|linux.seccomp: missing|.|.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW"}
		user-namespace|linux.namespaces: no 'user' namespace|.|userns
		masked-paths|linux.maskedPaths: empty|.linux.maskedPaths = []|.linux.maskedPaths = ["/proc/kcore"]
		read-only-root|root.readonly: not set|writable|.root.readonly = true
		no-root|process.user.uid: is 0|.|.process.user.uid = 1
	END
	policy '{require: ["memory-limit", "pids-limit"]}'
	config
	refused "linux.resources.memory.limit: no limit"
	config '.linux.resources.memory.limit = -1'
	refused "linux.resources.memory.limit: no limit"
	config '.linux.resources.memory.limit = 100000000'
	refused "linux.resources.pids.limit: no limit"
	by "require[1] 'pids-limit'"
}

@test "policy: capabilities, of create and of exec" {
	policy '{"no-capabilities": ["CAP_SYS_MODULE", "CAP_SYS_ADMIN"]}'
	config 'caps(["CAP_CHOWN", "CAP_SYS_ADMIN"])'
	refused "process.capabilities.bounding: CAP_SYS_ADMIN"
	by "no-capabilities[1] 'CAP_SYS_ADMIN'"
	config '.process.capabilities.inheritable = ["CAP_SYS_MODULE"]'
	refused "process.capabilities.inheritable: CAP_SYS_MODULE"
	start c1 'caps(["CAP_CHOWN"])'
	ok exec --cap CAP_KILL c1 true
	fails 255 "process.capabilities.bounding: CAP_SYS_ADMIN: refused by" exec --cap CAP_SYS_ADMIN c1 true
	jq '.process | .args = ["true"] | .capabilities.permitted = ["CAP_SYS_MODULE"]' "$BUNDLE/config.json" >"$T/process.json"
	fails 255 "process.capabilities.permitted: CAP_SYS_MODULE: refused by" exec --process "$T/process.json" c1
}

@test "policy: exec and update are asked as create is" {
	start c1 '.process.noNewPrivileges = false'
	policy '{require: ["no-new-privileges", "no-root"]}'
	fails 255 "process.noNewPrivileges: not set: refused by" exec c1 true
	fails 255 "process.user.uid: is 0: refused by" exec --no-new-privs c1 true
	ok exec --no-new-privs --user 1:1 c1 true
	policy '{require: ["memory-limit", "pids-limit"]}'
	fails 1 "linux.resources.pids.limit: no limit: refused by" update --pids-limit -1 c1
	fails 1 "linux.resources.memory.limit: no limit: refused by" update --memory -1 c1
}

@test "policy: the host's namespaces, absent or by a path" {
	policy '{"no-host-namespaces": ["network", "pid", "ipc"]}'
	run_ok true
	config 'without("network")'
	refused "linux.namespaces: the host's 'network'"
	by "no-host-namespaces[0] 'network'"
	config "joins(\"ipc\"; \"/proc/1/ns/ipc\") | unmount(\"/dev/mqueue\")"
	refused "linux.namespaces: the host's 'ipc'"
	unshare --net sleep 1000 3>&- 4>&- &
	sleeper=$!
	eventually differ /proc/self/ns/net "/proc/$sleeper/ns/net"
	config "joins(\"network\"; \"/proc/$sleeper/ns/net\")"
	ok run --bundle "$BUNDLE" c1
	kill "$sleeper"
}

@test "policy: devices" {
	policy '{"no-devices": true}'
	run_ok true '.linux.resources.devices += [{allow: true, type: "c", access: "m"}, {allow: true, type: "c", major: 1, minor: 3, access: "rwm"},
		{allow: true, type: "c", major: 136, access: "rwm"}]' '.linux.devices = [{path: "/dev/null", type: "c", major: 1, minor: 3}]'
	config '.linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11}]'
	refused "linux.devices[0]: /dev/kmsg: refused by $POLICY: containers.no-devices"
	for rule in '{allow: true, access: "rwm"}' '{allow: true, type: "b", major: 8, access: "r"}' '{allow: true, type: "c", major: 1, access: "w"}'; do
		config ".linux.resources.devices += [$rule]"
		refused "linux.resources.devices[1]: allows a device of the host"
	done
}

@test "policy: what is mounted comes from where it may" {
	mkdir -p "$T"/good/sub "$T/bad"
	ln -s "$T/bad" "$T/good/link"
	policy "{\"mount-sources\": [\"$T/good\"], \"root-paths\": [\"$(dirname "$ROOTFS")\"]}"
	run_ok true 'bind($T + "/good/sub"; "/mnt"; [])'
	for source in bad good/link good/../bad good-not; do
		config "bind(\$T + \"/$source\"; \"/mnt\"; [])"
		refused "mounts[7] '/mnt': '$(realpath -ms "$T/$source")' is below none of the paths allowed"
		by mount-sources
	done
	config 'mount("/mnt"; "overlay"; "overlay"; ["lowerdir=/:/etc"])'
	refused "mounts[7] '/mnt': type 'overlay' is not bound from a path"
	start c1
	echo '[{"destination": "/mnt", "type": "bind", "source": "'"$T/bad"'"}]' >"$T/list"
	fails 1 "mounts[0] '/mnt': '$T/bad' is below none of the paths allowed" mounts add c1 "$T/list"
	ok delete --force c1
	config '.root.path = "/"'
	refused "root.path: '/' is below none of the paths allowed"
}

@test "policy: shared mounts, symlinks on volumes, hooks" {
	mkdir -p "$T"/{trusted,other}
	policy "{\"no-shared-mounts\": true, nosymfollow: true, \"trusted-sources\": [\"$T/trusted\"], \"hook-paths\": [\"/usr/lib/hooks\"]}"
	config '.linux.rootfsPropagation = "rshared"'
	refused "linux.rootfsPropagation: rshared"
	config 'bind($T + "/trusted"; "/mnt"; ["rshared"])'
	refused "mounts[7] '/mnt': is shared with the host"
	config 'bind($T + "/other"; "/mnt"; [])'
	refused "mounts[7] '/mnt': without the option nosymfollow"
	run_ok true 'bind($T + "/other"; "/mnt"; ["nosymfollow"]) | bind($T + "/trusted"; "/tmp"; [])'
	config 'hook("poststop"; "true")'
	refused "hooks.poststop[0].path: '/bin/sh' is below none of the paths allowed"
}

@test "policy: annotations tighten, and need no file" {
	config '.annotations["org.kedge.policy.require"] = "masked-paths,seccomp"'
	refused "linux.seccomp: missing: refused by annotations: org.kedge.policy.require"
	config '.annotations["org.kedge.policy.no-capabilities"] = "CAP_CHOWN"' 'caps(["CAP_CHOWN"])'
	refused "refused by annotations: org.kedge.policy.no-capabilities"
	policy '{"no-devices": true, "seccomp-floor": "all", require: ["seccomp"]}'
	config '.annotations["org.kedge.policy.no-devices"] = "false"'
	refused "annotations only tighten"
	config '.annotations["org.kedge.policy.seccomp-floor"] = "off"'
	refused "looser than the host's"
	config '.annotations["org.kedge.policy.mount-sources"] = "/"'
	refused "unknown annotation"
	config '.annotations["org.kedge.policy.require"] = "no-root"'
	refused "linux.seccomp: missing: refused by $POLICY"
}

# answers CALL...: what a container sees, one "NAME errno" a line
answers() { # FILTER CALL...
	local filter=$1
	shift
	config "$filter" ".process.args = [\"/intruder\", \"call\", $(printf '"%s",' "$@" | sed 's/,$//')]"
	ok run --bundle "$BUNDLE" c1 || return 1
}

floor_calls=(init_module finit_module delete_module kexec_load kexec_file_load reboot swapon acct open_by_handle_at bpf
	userfaultfd perf_event_open add_key request_key keyctl tioclinux tiocsti tiocsti-high)

@test "policy: the seccomp floor holds without a profile, whatever the capabilities" {
	own_root
	cp "$PROGRAMS/intruder" "$ROOTFS/intruder"
	every='.process.capabilities |= (.bounding = ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_BOOT", "CAP_DAC_READ_SEARCH", "CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_SYS_PACCT"] | .permitted = .bounding | .effective = .bounding)'
	policy '{}'
	answers "$every" "${floor_calls[@]}"
	isnt "$(grep -vc ' EPERM$' <<<"$output")" 0 # without the floor the kernel has other reasons
	policy '{"seccomp-floor": "all"}'
	for nnp in true false; do
		answers "$every | .process.noNewPrivileges = $nnp" "${floor_calls[@]}" tcgets getpid unshare-user socket-unix
		is "$(grep -v ' EPERM$' <<<"$output" | sed -E 's/^(getpid) .*/\1/')" $'tcgets EBADF\ngetpid\nunshare-user 0\nsocket-unix 0'
		is "$(grep -c ' EPERM$' <<<"$output")" "${#floor_calls[@]}"
	done
	# Not for exec alone.
	start c1 "$every"
	ok exec --cap CAP_KILL c1 /intruder call bpf tiocsti-high
	is "$output" $'bpf EPERM\ntiocsti-high EPERM'
	ok delete --force c1
}

@test "policy: the seccomp floor leaves a call to whom has its capability, and stands with a profile" {
	own_root
	cp "$PROGRAMS/intruder" "$ROOTFS/intruder"
	policy '{"seccomp-floor": "capabilities"}'
	answers 'caps(["CAP_SYS_ADMIN"])' tiocsti bpf keyctl init_module
	is "$output" $'tiocsti EBADF\nbpf EPERM\nkeyctl EOPNOTSUPP\ninit_module EPERM'
	answers 'caps([]) | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["getpid"], action: "SCMP_ACT_ERRNO", errnoRet: 99}]}' \
		tiocsti bpf getpid
	is "$output" $'tiocsti EPERM\nbpf EPERM\ngetpid EADDRNOTAVAIL'
	is "$(find "$STATE" -path '*,*' -name '*.bpf' | wc -l)" 3
}

@test "policy: no user namespace is made inside" {
	own_root
	cp "$PROGRAMS/intruder" "$ROOTFS/intruder"
	policy '{}'
	answers . unshare-user
	is "$output" "unshare-user 0"
	policy '{"no-user-namespaces": true}'
	answers . unshare-fs clone-user clone3 unshare-user-high unshare-user tiocsti
	is "$output" $'unshare-fs 0\nclone-user EPERM\nclone3 ENOSYS\nunshare-user-high EPERM\nunshare-user EPERM\ntiocsti EBADF'
	policy '{}'
	answers '.annotations["org.kedge.policy.no-user-namespaces"] = "true"' unshare-user
	is "$output" "unshare-user EPERM"
	use_debian
	policy '{"no-user-namespaces": true, "seccomp-floor": "all"}'
	script 'perl -e "fork or exit 3; wait; print \$? >> 8, qq(\n)"; dpkg --version | head -n 1' # glibc falls back to clone
	ok run --bundle "$BUNDLE" c1
	is "${lines[0]}" 3
}

@test "policy: plan shows the floor and refuses what create would" {
	config
	ok plan --bundle "$BUNDLE"
	hasnt "$output" "# host policy"
	policy '{"seccomp-floor": "all"}'
	ok plan --bundle "$BUNDLE"
	matches "$output" 'seccomp +flags 0x0 +# host policy'
	is "$("$KEDGE" features | jq -r '.annotations["org.kedge.policy.seccomp-floor"]')" all
	policy '{require: ["seccomp"]}'
	fails 1 "linux.seccomp: missing: refused by" plan --bundle "$BUNDLE"
}

@test "policy: a line for every change of a container, refused ones too" {
	policy "{audit: \"$T/audit.jsonl\", require: [\"masked-paths\"]}"
	sleeper
	create
	ok start c1
	ok exec c1 true
	kedge exec c1 false
	ok pause c1
	ok resume c1
	ok state c1
	fails 1 "" create --bundle "$BUNDLE" c1
	config '.linux.maskedPaths = []'
	fails 1 "refused by" run --bundle "$BUNDLE" c2
	fails 1 "" start $'no\n"such'
	ok kill c1 KILL
	eventually is_status stopped
	ok delete c1
	is "$(jq -r '[.type, .id, .result, .status // ""] | join(" ")' "$T/audit.jsonl")" 'create c1 done 0
start c1 done 0
exec c1 begun 
exec c1 done 0
exec c1 begun 
exec c1 done 1
pause c1 done 0
resume c1 done 0
create c1 failed 
run c2 begun 
run c2 failed 
start no
"such failed 
kill c1 done 0
delete c1 done 0'
	has "$(jq -r 'select(.id == "c2").error // ""' "$T/audit.jsonl")" "linux.maskedPaths: empty: refused by $POLICY"
	is "$(jq -r .root "$T/audit.jsonl" | sort -u) $(stat -c %a "$T/audit.jsonl")" "$STATE 600"
	is "$(jq -s 'map(select(.uid == 0 and .pid > 0 and .parentComm == "timeout" and (.time | endswith("Z")))) | length' "$T/audit.jsonl")" 14
	# What cannot be told of is not done.
	policy '{audit: "/nowhere/audit.jsonl"}'
	config
	refused "containers.audit: cannot open '/nowhere/audit.jsonl'"
	policy '{audit: "audit.jsonl"}'
	refused "containers.audit: 'audit.jsonl' must be an absolute path"
}
