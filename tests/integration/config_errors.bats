#!/usr/bin/env bats
# Configurations that must be refused: each with one line that names where it is wrong, and with nothing left behind.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# each: lines "FILTER@TEXT" on stdin; all of them are tried, and all that are wrong are told.
each() {
	local filter text bad=0 n=0
	while IFS=@ read -r filter text; do
		n=$((n + 1))
		config "$filter"
		if ! refused "$text" >"$T/why"; then
			bad=1
			echo "--- $filter"
			cat "$T/why"
			kedge delete --force c1
		fi
	done
	((n > 0 && bad == 0))
}

# raw TEXT MESSAGE: the document as it stands
raw() {
	printf '%s' "$1" >"$BUNDLE/config.json"
	refused "$2"
}

@test "config: wrong types" {
	each <<-'END'
		.process.user.uid = "0"@process.user.uid: must be a number, is a string
		.process.user = []@process.user: must be an object, is an array
		.process.user = "root"@process.user: must be an object, is a string
		.process.args = "true"@process.args: must be an array, is a string
		.process.args = [1]@process.args[0]: must be a string, is a number
		.process.env = {A: "1"}@process.env: must be an array, is an object
		.process.cwd = 1@process.cwd: must be a string, is a number
		.process.noNewPrivileges = "true"@process.noNewPrivileges: must be a boolean, is a string
		.process.noNewPrivileges = 1@process.noNewPrivileges: must be a boolean, is a number
		.process.capabilities = []@process.capabilities: must be an object, is an array
		.process.capabilities.bounding = "CAP_KILL"@process.capabilities.bounding: must be an array, is a string
		.process.capabilities.bounding = [5]@process.capabilities.bounding[0]: must be a string, is a number
		.process.rlimits = "x"@process.rlimits: must be an array, is a string
		.process.rlimits = ["x"]@process.rlimits[0]: must be an object, is a string
		.process.oomScoreAdj = "5"@process.oomScoreAdj: must be a number, is a string
		.process = []@process: must be an object, is an array
		.root = "rootfs"@root: must be an object, is a string
		.root.path = 5@root.path: must be a string, is a number
		.root.readonly = "true"@root.readonly: must be a boolean, is a string
		.hostname = 5@hostname: must be a string, is a number
		.mounts = {}@mounts: must be an array, is an object
		.mounts[0] = "/proc"@mounts[0]: must be an object, is a string
		.mounts[0].options = "ro"@mounts[0].options: must be an array, is a string
		.mounts[0].options = [null]@mounts[0].options[0]
		.hooks = []@hooks: must be an object, is an array
		.hooks.prestart = {}@hooks.prestart: must be an array, is an object
		.annotations = []@annotations: must be an object, is an array
		.annotations = {a: 1}@annotations["a"]: must be a string, is a number
		.linux = []@linux: must be an object, is an array
		.linux.namespaces = {}@linux.namespaces: must be an array, is an object
		.linux.namespaces += ["user"]@linux.namespaces[6]: must be an object, is a string
		.linux.maskedPaths = "x"@linux.maskedPaths: must be an array, is a string
		.linux.readonlyPaths = {}@linux.readonlyPaths: must be an array, is an object
		.linux.seccomp = []@linux.seccomp: must be an object, is an array
		.linux.sysctl = []@linux.sysctl: must be an object, is an array
		.linux.sysctl = {"net.ipv4.ip_forward": 1}@linux.sysctl["net.ipv4.ip_forward"]: must be a string, is a number
		.linux.cgroupsPath = []@linux.cgroupsPath: must be a string, is an array
		.linux.devices = {}@linux.devices: must be an array, is an object
		.linux.resources = []@linux.resources: must be an object, is an array
		.linux.resources.devices = {}@linux.resources.devices: must be an array, is an object
		.linux.resources.devices[0].allow = "false"@linux.resources.devices[0].allow: must be a boolean, is a string
		.linux.resources.memory.limit = "1g"@linux.resources.memory.limit: must be a number, is a string
		.linux.resources.pids.limit = true@linux.resources.pids.limit: must be a number, is a boolean
		.ociVersion = 1@ociVersion: must be a string, is a number
	END
}

@test "config: out of range" {
	each <<-'END'
		.process.user.uid = 4294967296@process.user.uid: must be between 0 and 4294967294, is 4294967296
		.process.user.uid = 4294967295@process.user.uid: must be between 0 and 4294967294
		.process.user.uid = -1@process.user.uid: must be between 0 and 4294967294, is -1
		.process.user.uid = 0.5@process.user.uid: must be a whole number without exponent, is 0.5
		.process.user.umask = 512@process.user.umask: must be between 0 and 511, is 512
		.process.oomScoreAdj = -1001@process.oomScoreAdj: must be between -1000 and 1000, is -1001
		.process.oomScoreAdj = 99999999999999999999@process.oomScoreAdj
		.process.rlimits = [{type: "RLIMIT_CORE", soft: -1, hard: 1}]@process.rlimits[0].soft
		.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: -1}@process.ioPriority.priority
		.linux.resources.devices[0].major = -2@linux.resources.devices[0].major
		.linux.resources.cpu.idle = 2@linux.resources.cpu.idle: must be between 0 and 1, is 2
		.linux.resources.memory.swappiness = 101@linux.resources.memory.swappiness: must be between 0 and 100, is 101
		.linux.resources.pids.limit = -2@linux.resources.pids.limit
		.linux.resources.cpu = {quota: 5, burst: 6}@linux.resources.cpu.burst: must not be larger than the quota
		.hooks.prestart = [{path: "/bin/true", timeout: 0}]@hooks.prestart[0].timeout
		.hooks.prestart = [{path: "/bin/true", timeout: -5}]@hooks.prestart[0].timeout
	END
}

@test "config: unknown words" {
	each <<-'END'
		.linux.namespaces += [{type: "foo"}]@linux.namespaces[6].type: unknown namespace 'foo'
		.linux.namespaces += [{type: "PID"}]@linux.namespaces[6].type: unknown namespace 'PID'
		.linux.namespaces += [{type: ""}]@linux.namespaces[6].type
		.process.rlimits = [{type: "RLIMIT_FOO", soft: 1, hard: 1}]@process.rlimits[0].type: unknown resource limit 'RLIMIT_FOO'
		.linux.rootfsPropagation = "public"@linux.rootfsPropagation: unknown propagation 'public'
		.linux.resources.devices[0].type = "x"@linux.resources.devices[0].type: unknown device type 'x'
		.linux.resources.devices[0].access = "x"@linux.resources.devices[0].access: must be made of 'r', 'w' and 'm', is 'x'
		.linux.personality = {domain: "WINDOWS"}@linux.personality.domain: unknown execution domain 'WINDOWS'
		.linux.memoryPolicy = {mode: "MPOL_FOO"}@linux.memoryPolicy.mode: unknown memory policy mode 'MPOL_FOO'
		.linux.timeOffsets = {realtime: {secs: 1}}@linux.timeOffsets
		.process.execCPUAffinity = {initial: "a-b"}@process.execCPUAffinity.initial: must be a list
		.linux.resources.cpu.cpus = "3-1"@linux.resources.cpu.cpus: must be a list
	END
}

@test "config: what is required, and what stands twice" {
	each <<-'END'
		del(.ociVersion)@ociVersion: is required
		del(.root)@root: is required
		del(.root.path)@root.path: is required
		del(.process.cwd)@process.cwd: is required
		del(.process.args)@process.args
		.process.args = []@process.args: must have at least one entry
		.process.args = [""]@process.args[0]: must not be empty
		del(.process.user.uid)@process.user.uid: is required
		.mounts += [{}]@mounts[7].destination: is required
		.linux.namespaces += [{path: "/x"}]@linux.namespaces[6].type: is required
		.linux.namespaces += [{type: "pid"}]@linux.namespaces[6]: the namespace 'pid' is listed twice
		.linux.namespaces[0].path = "proc/1/ns/pid"@linux.namespaces: the path of 'pid' must be absolute
		.linux.resources.devices += [{access: "r"}]@linux.resources.devices[1].allow: is required
		.linux.resources.devices += [{allow: true}]@linux.resources.devices[1].access: is required
		.hooks.poststop = [{}]@hooks.poststop[0].path: is required
		.linux.devices = [{path: "/dev/x", type: "c", major: 1}]@linux.devices[0].minor: is required for a device of type 'c'
		.linux.resources.hugepageLimits = [{limit: 1}]@linux.resources.hugepageLimits[0].pageSize: is required
		.linux.timeOffsets = {monotonic: {secs: 1}}@linux.timeOffsets: needs a 'time' namespace
	END
}

@test "config: versions" {
	each <<-'END'
		.ociVersion = ""@ociVersion
		.ociVersion = "invalid"@ociVersion: 'invalid' is not a version
		.ociVersion = "1.0"@ociVersion: '1.0' is not a version
		.ociVersion = "1.0.0.0"@ociVersion
		.ociVersion = "01.0.0"@ociVersion
		.ociVersion = "2.0.0"@ociVersion
		.ociVersion = "0.9.0"@ociVersion
	END
	for version in 1.0.0 1.0.2-dev 1.1.0+x 1.2.1 1.3.0 1.4.0; do
		config ".ociVersion = \"$version\""
		ok run --bundle "$BUNDLE" c1
	done
}

@test "config: the root" {
	touch "$T/file"
	each <<-'END'
		.root.path = "none"@root.path: cannot find
		.root.path = ""@root.path
		.root.path = $T + "/file"@root.path
	END
	cp -a "$ROOTFS" "$BUNDLE/rootfs"
	config '.root.path = "rootfs"'
	ok run --bundle "$BUNDLE" c1
	rm "$BUNDLE/config.json"
	refused "JSON specification file config.json not found"
	mkdir "$BUNDLE/config.json"
	refused "not a regular file"
	rmdir "$BUNDLE/config.json"
	mkfifo "$BUNDLE/config.json"
	LIMIT=10 refused "not a regular file"
	refused "cannot open bundle '$T/none'" run --bundle "$T/none" c1
}

@test "config: no JSON" {
	raw '' "config.json: the document is empty"
	raw ' ' "config.json"
	raw '{' "config.json:1"
	raw '{"ociVersion": "1.0.2"' "config.json:1"
	raw '{"ociVersion": "1.0.2",}' "config.json:1"
	raw "{'ociVersion': '1.0.2'}" "config.json:1"
	raw '[]' "config.json:1"
	raw 'null' "config.json:1"
	raw '"x"' "config.json:1"
	raw '{"ociVersion": 01}' "config.json:1"
	raw '{"ociVersion": NaN}' "config.json:1"
	raw $'{\n\n"ociVersion": "1.0.2",\n"root": tru}' "config.json:4"
	raw '{"ociVersion": "1.0.2"} {}' "config.json:1"
	raw '{"ociVersion": "1.0.2"} x' "config.json:1"
	raw '// comment
{}' "config.json:1"
}

# edited SED-SCRIPT MESSAGE: the good document, changed as text
edited() {
	config
	sed -i "$1" "$BUNDLE/config.json"
	refused "$2"
}

@test "config: strings and members that JSON readers disagree about" {
	edited 's/"hostname": "test"/"hostname": "te\\u0000st"/' 'a string contains \u0000'
	edited 's/"hostname": "test"/"hostname": "te\\ud800st"/' "half of a surrogate pair"
	edited 's/"hostname": "test"/"hostname": "te\xffst"/' "UTF-8"
	edited 's/"hostname": "test"/"hostname": "a", "hostname": "b"/' "the member 'hostname' stands twice in one object"
	edited 's/"uid": 0/"uid": 1000, "uid": 0/' "the member 'uid' stands twice"
	edited 's/"uid": 0/"uid": 1000, "u\\u0069d": 0/' "the member 'uid' stands twice"
	edited 's/"uid": 0/"uid": 0x0/' "config.json:"
	edited 's/"gid": 0/"gid": 1e3/' "process.user.gid: must be a whole number without exponent, is 1e3"
	edited 's/"uid": 0/"uid": +0/' "config.json:"
	edited 's/"uid": 0/"uid": 00/' "config.json:"
	config
	printf '\0' >>"$BUNDLE/config.json"
	refused "NUL"
	printf '\xef\xbb\xbf' >"$T/bom"
	config
	cat "$T/bom" "$BUNDLE/config.json" >"$T/config.json"
	refused "config.json" run --config "$T/config.json" --bundle "$BUNDLE" c1
}

@test "config: too large, too deep, too many" {
	config
	head -c 5242880 /dev/zero | tr '\0' ' ' >>"$BUNDLE/config.json"
	refused "larger than the limit of 4 MiB"
	config ".annotations = {x: (\"x\" * 140000)}"
	refused "a string longer than the limit of 128 KiB"
	config ".unknown = $(printf '[%.0s' {1..100})$(printf ']%.0s' {1..100})"
	refused "nested deeper than the limit of 64"
	config '.unknown = [range(0; 210000)]'
	refused "more values than the limit of 200000"
	head -c 3000000 /dev/zero | tr '\0' '[' >"$BUNDLE/config.json"
	refused "nested deeper than the limit of 64"
}

@test "config: every cut of a document is refused" {
	config
	cp "$BUNDLE/config.json" "$T/whole"
	size=$(wc -c <"$T/whole")
	for ((cut = 1; cut < size - 2; cut += size / 12)); do
		head -c "$cut" "$T/whole" >"$BUNDLE/config.json"
		refused "config.json:"
	done
}

@test "config: unknown members are no error" {
	run_ok 'echo fine' '.unknown = {deep: [1]} | .process.unknown = 1 | .linux.unknown = "x" | .windows = {} | .vm = {}'
	is "$output" fine
}

@test "config: the line is told" {
	config '.process.oomScoreAdj = 5000'
	line=$(grep -n oomScoreAdj "$BUNDLE/config.json" | cut -d: -f1)
	refused "config.json:$line: process.oomScoreAdj"
}
