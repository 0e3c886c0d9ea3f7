# The shapes of config.json that engines write, with what is peculiar to each: all of it must be taken, and silently.
# What Podman and containerd really write is run in the test beds (tests/vm); these need no engine.
load helpers

caps='["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"]'

# Files that every engine binds into the container.
etc_files() {
	local name
	for name in hosts hostname resolv.conf; do echo "of the engine" >"$T/$name"; done
}

# A limit whose controller this kernel lacks is refused, as it must be: those are for the test beds.
limits() { # CONTROLLER FILTER
	if grep -qw "$1" "$CGROUP/cgroup.controllers"; then echo "$2"; else echo .; fi
}

runs() {
	ok run --bundle "$BUNDLE" c1
	is "$output" "${1:-of the engine}"
	nothing_left
}

# dockerd writes what it has no value for as well: null, 0, empty lists, and disableOOMKiller as false.
docker() {
	etc_files
	config '.ociVersion = "1.2.1" | .process.args = ["cat", "/etc/hosts"] | .root.readonly = false' \
		'.process += {consoleSize: {height: 0, width: 0}, oomScoreAdj: 0, apparmorProfile: "", noNewPrivileges: false, rlimits: null}' \
		".process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps}" \
		'.mounts += ["hosts", "hostname", "resolv.conf" | {destination: ("/etc/" + .), type: "bind", source: ($T + "/" + .),
			options: ["rbind", "rprivate"]}]' \
		'.hooks = {prestart: [{path: "/bin/true", args: ["libnetwork-setkey", "-exec-root=/var/run/docker", "c1", "1"]}]}' \
		'.linux.sysctl = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}' \
		'.linux.resources = {
			devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 5, access: "rwm"},
				  {allow: true, type: "c", major: 1, minor: 3, access: "rwm"},
				  {allow: true, type: "c", major: 1, minor: 9, access: "rwm"},
				  {allow: true, type: "c", major: 1, minor: 8, access: "rwm"},
				  {allow: true, type: "c", major: 5, minor: 0, access: "rwm"},
				  {allow: true, type: "c", major: 5, minor: 1, access: "rwm"},
				  {allow: false, type: "c", major: 10, minor: 229, access: "rwm"}],
			memory: {disableOOMKiller: false}, cpu: {shares: 0}, blockIO: {weight: 0}}' \
		'.linux.maskedPaths += ["/proc/asound", "/proc/interrupts", "/sys/devices/virtual/powercap"]' \
		'.linux.mountLabel = "" | .linux.uidMappings = null | .linux.devices = null | .annotations = {}' "$@"
}

@test "Docker: a config of dockerd" {
	docker
	runs
}

@test "Docker: with its time namespace" {
	docker 'new("time")' '.process.args = ["cat", "/proc/self/timens_offsets"]'
	ok run --bundle "$BUNDLE" c1
	has "$output" monotonic
	# shellcheck disable=SC2016 # jq's
	docker 'new("time")' '.linux.timeOffsets = {monotonic: {secs: 100, nanosecs: 0}, boottime: {secs: 100, nanosecs: 0}}' \
		'.process.args = ["awk", "/monotonic/ { print $2 }", "/proc/self/timens_offsets"]'
	runs 100
}

@test "Docker: with limits" {
	docker "$(limits memory '.linux.resources.memory = {limit: 67108864, swap: 134217728, reservation: 33554432,
		disableOOMKiller: false}')" "$(limits pids '.linux.resources.pids = {limit: 50}')" \
		"$(limits cpu '.linux.resources.cpu = {shares: 512, quota: 50000, period: 100000, cpus: "", mems: ""}')"
	runs
}

@test "Podman: a config of its own" {
	etc_files
	: >"$T/.containerenv"
	config '.ociVersion = "1.2.1" | .process.args = ["cat", "/etc/hosts"] | .root.readonly = false' \
		'.process.user = {uid: 0, gid: 0, umask: 18, additionalGids: [1, 10]} | .process.oomScoreAdj = 0' \
		".process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps}" \
		'.process.rlimits = [{type: "RLIMIT_NPROC", hard: 1024, soft: 1024}]' \
		'.mounts += ["hosts", "hostname", "resolv.conf" | {destination: ("/etc/" + .), type: "bind", source: ($T + "/" + .),
			options: ["bind", "rprivate"]}]' \
		'.mounts += [{destination: "/run/.containerenv", type: "bind", source: ($T + "/.containerenv"),
			options: ["bind", "rprivate"]}]' \
		'.annotations = {"io.container.manager": "libpod", "org.opencontainers.image.stopSignal": "15",
			"org.systemd.property.KillSignal": "15", "org.systemd.property.TimeoutStopUSec": "uint64 10000000"}' \
		'.linux.sysctl = {"net.ipv4.ping_group_range": "0 0"}' \
		'.linux.maskedPaths += ["/sys/dev/block", "/sys/fs/selinux", "/proc/interrupts", "/sys/devices/virtual/powercap"]' \
		"$(limits pids '.linux.resources.pids = {limit: 2048}')"
	runs
}

@test "containerd: a config of ctr, and of the CRI plugin" {
	etc_files
	config '.ociVersion = "1.2.1" | .process.args = ["cat", "/etc/hosts"] | .root.readonly = false' \
		".process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps}" \
		'.process.rlimits = [{type: "RLIMIT_NOFILE", hard: 1024, soft: 1024}]' \
		'mount("/run"; "tmpfs"; "tmpfs"; ["nosuid", "strictatime", "mode=755", "size=65536k"])' \
		'.mounts += [{destination: "/etc/hosts", type: "bind", source: ($T + "/hosts"), options: ["rbind", "ro"]}]'
	runs
	config '.ociVersion = "1.2.1" | .process.args = ["cat", "/etc/hosts"]' \
		".process.capabilities = {bounding: $caps, effective: $caps, inheritable: null, permitted: $caps}" \
		'.process += {oomScoreAdj: 978, user: {uid: 0, gid: 0, additionalGids: [0, 10]}}' \
		'.mounts += ["hosts", "hostname", "resolv.conf" | {destination: ("/etc/" + .), type: "bind", source: ($T + "/" + .),
			options: ["rbind", "rprivate", "rw"]}]' \
		'.linux.rootfsPropagation = "rslave" | .linux.resources.unified = {}' \
		'.annotations = {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "s"}' \
		"$(limits cpu '.linux.resources.cpu = {shares: 102, quota: 0, period: 100000}')" \
		"$(limits memory '.linux.resources.memory = {limit: 67108864, swap: 67108864}')"
	runs
}

@test "CRI-O: a config that joins the namespaces of the pod" {
	etc_files
	start c1 '.linux.cgroupsPath = $parent + "/pod"' 'without("cgroup")'
	pod=$(pid_of)
	config '.ociVersion = "1.2.1" | .process.args = ["cat", "/etc/hosts"]' \
		".process.capabilities = {bounding: $caps, effective: $caps, inheritable: [], permitted: $caps, ambient: []}" \
		"joins(\"network\"; \"/proc/$pod/ns/net\") | joins(\"ipc\"; \"/proc/$pod/ns/ipc\") | joins(\"uts\"; \"/proc/$pod/ns/uts\")" \
		'del(.hostname) | .process.oomScoreAdj = 1000 | .linux.rootfsPropagation = "rprivate"' \
		'.mounts += [{destination: "/etc/hosts", type: "bind", source: ($T + "/hosts"), options: ["nosuid", "nodev", "rbind", "rw", "rprivate"]}]' \
		'.hooks = {} | .linux.sysctl = {} | .linux.devices = []' \
		'.annotations = {"io.kubernetes.cri-o.ContainerType": "container", "io.container.manager": "cri-o"}' \
		'.linux.resources |= (.blockIO = {} | .network = null | .hugepageLimits = [])'
	ok run --bundle "$BUNDLE" c2
	is "$output" "of the engine"
	ok delete --force c1
	nothing_left
}
