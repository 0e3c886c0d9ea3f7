#!/usr/bin/env bats
# mounts[]: every option, what it does, and destinations and sources that mean harm.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

# mounted PATH: the options, the optional fields, the type and the superblock's options of what is mounted there
mounted() { awk -v p="$1" '$5 == p { o = $6; f = ""; for (i = 7; $i != "-"; i++) f = f " " $i; t = o f " - " $(i + 1) " " $(i + 3) } END { print t }' <<<"$output"; }
# options FILTER...: runs it with the mount table as output
table() { run_ok 'cat /proc/self/mountinfo' "$@"; }
flags() { mounted "$1" | cut -d' ' -f1; }

# What the test mounts on the host is seen by nobody else.
private_run() { # SHELL-TEXT
	status=0
	env "$MARK" unshare --mount --propagation private bash -euc "$1"'; exec "$0" "$@"' "$KEDGE" --root "$STATE" run \
		--bundle "$BUNDLE" c1 </dev/null >"$T/stdout" 2>"$T/stderr" 3>&- 4>&- || status=$?
	output=$(cat "$T/stdout") stderr=$(cat "$T/stderr")
	is "$status $stderr" "0 "
}

@test "mounts: the default ones have the options asked for" {
	table
	is "$(flags /proc)" rw,relatime
	is "$(flags /dev)" rw,nosuid
	is "$(flags /dev/pts)" rw,nosuid,noexec,relatime
	is "$(flags /dev/shm)" rw,nosuid,nodev,noexec,relatime
	is "$(flags /sys)" ro,nosuid,nodev,noexec,relatime
	matches "$(mounted /dev)" ' - tmpfs rw,size=65536k,mode=755'
	matches "$(mounted /dev/pts)" ' - devpts rw,gid=5,mode=620,ptmxmode=666'
	is "$(flags /)" ro,relatime
}

@test "mounts: each option of a new mount" {
	for pair in ro+ro,relatime rw+rw,relatime nosuid+rw,nosuid,relatime nodev+rw,nodev,relatime noexec+rw,noexec,relatime \
		noatime+rw,noatime strictatime+rw relatime+rw,relatime nodiratime+rw,nodiratime,relatime nosymfollow+rw,relatime,nosymfollow \
		"nosuid suid+rw,relatime" "nodev dev+rw,relatime" "noexec exec+rw,relatime" "ro rw+rw,relatime" \
		"noatime atime+rw,relatime" "nodiratime diratime+rw,relatime" "nosymfollow symfollow+rw,relatime" \
		"strictatime nostrictatime+rw,relatime" defaults+rw,relatime silent+rw,relatime loud+rw,relatime iversion+rw,relatime \
		"async nolazytime noiversion nomand norelatime+rw,relatime"; do
		table "mount(\"/mnt\"; \"tmpfs\"; \"tmpfs\"; \"${pair%+*}\" / \" \")"
		is "${pair%+*}: $(flags /mnt)" "${pair%+*}: ${pair#*+}"
	done
}

@test "mounts: options of the file system" {
	table 'mount("/mnt"; "tmpfs"; "named"; ["size=1m", "mode=0711", "nr_inodes=20", "uid=5", "gid=6"])'
	matches "$(mounted /mnt)" '^rw,relatime - tmpfs rw,size=1024k,nr_inodes=20,mode=711,uid=5,gid=6'
	has "$output" " - tmpfs named "
	table 'mount("/mnt"; "tmpfs"; "t"; ["sync", "dirsync", "lazytime"])'
	has "$(mounted /mnt)" sync
	has "$(mounted /mnt)" lazytime
}

@test "mounts: what the options promise" {
	use_debian
	mkdir "$T/data"
	cp "$ROOTFS/usr/bin/cat" "$T/data/cat"
	chmod 4755 "$T/data/cat"
	ln -s cat "$T/data/link"
	run_ok '/mnt/cat /proc/self/comm 2>/dev/null || echo noexec' 'bind($T + "/data"; "/mnt"; ["noexec"])'
	is "$output" noexec
	user='.process.user.uid = 7 | .process.noNewPrivileges = false'
	run_ok '/mnt/cat /proc/self/status | grep ^Uid | xargs' 'bind($T + "/data"; "/mnt"; ["nosuid"])' "$user"
	is "$output" "Uid: 7 7 7 7"
	run_ok '/mnt/cat /proc/self/status | grep ^Uid | xargs' 'bind($T + "/data"; "/mnt"; [])' "$user"
	is "$output" "Uid: 7 0 0 0"
	run_ok 'touch /mnt/x 2>/dev/null || echo ro' 'bind($T + "/data"; "/mnt"; ["ro"])'
	is "$output" ro
	run_ok 'cat /mnt/link 2>/dev/null >/dev/null || echo nosymfollow' 'bind($T + "/data"; "/mnt"; ["nosymfollow"])'
	is "$output" nosymfollow
	[ ! -e "$T/data/x" ]
}

@test "mounts: a bind mount of a directory and of a file, created where missing" {
	own_root
	mkdir "$T/data"
	echo content >"$T/data/file"
	run_ok 'cat /new/dir/file /new/file /etc/hostname; touch /new/dir/made' 'bind($T + "/data"; "/new/dir"; ["rw"])' \
		'bind($T + "/data/file"; "/new/file"; ["ro"])' 'bind($T + "/data/file"; "/etc/hostname"; ["ro"])'
	is "$output" $'content\ncontent\ncontent'
	[ -e "$T/data/made" ]
	is "$(stat -c '%F %a %u' "$T/rootfs/new" "$T/rootfs/new/dir" "$T/rootfs/new/file")" $'directory 755 0\ndirectory 755 0\nregular empty file 644 0'
}

@test "mounts: a relative destination is below the root, a relative source below the bundle" {
	mkdir "$BUNDLE/data"
	touch "$BUNDLE/data/here"
	script 'ls /mnt' 'bind("data"; "mnt"; ["ro"])'
	kedge run --bundle "$BUNDLE" c1
	is "$status" 0
	is "$output" here
	has "$stderr" "mounts[7].destination 'mnt' is relative"
	cd "$T"
	script 'ls /mnt' 'bind("data"; "/mnt"; ["ro"])'
	ok run --bundle bundle c1
	is "$output" here
}

@test "mounts: bind and rbind" {
	mkdir -p "$T/data/sub"
	script 'ls /mnt/sub; cat /proc/self/mountinfo' 'bind($T + "/data"; "/mnt"; [])'
	private_run "mount -t tmpfs none '$T/data/sub'; touch '$T/data/sub/inner'"
	hasnt "$output" inner
	script 'ls /mnt/sub; cat /proc/self/mountinfo' 'mount("/mnt"; "none"; $T + "/data"; ["rbind"])'
	private_run "mount -t tmpfs none '$T/data/sub'; touch '$T/data/sub/inner'"
	is "$(head -n 1 <<<"$output")" inner
}

@test "mounts: recursive attributes reach what is mounted below" {
	mkdir -p "$T/data/sub"
	for pair in ro+ro,relatime:rw,relatime rro+ro,relatime:ro,relatime rnosuid+rw,nosuid,relatime:rw,nosuid,relatime \
		rnodev+rw,nodev,relatime:rw,nodev,relatime rnoexec+rw,noexec,relatime:rw,noexec,relatime \
		rnoatime+rw,noatime:rw,noatime rstrictatime+rw:rw rnodiratime+rw,nodiratime,relatime:rw,nodiratime,relatime \
		rnosymfollow+rw,relatime,nosymfollow:rw,relatime,nosymfollow "rro rrw+rw,relatime:rw,relatime" \
		"rnosuid rsuid+rw,relatime:rw,relatime" "rnoatime ratime+rw,relatime:rw,relatime" \
		"ro rnoexec+ro,noexec,relatime:rw,noexec,relatime" "rnosuid suid+rw,nosuid,relatime:rw,nosuid,relatime"; do
		script 'cat /proc/self/mountinfo' "bind(\$T + \"/data\"; \"/mnt\"; \"rbind ${pair%+*}\" / \" \")"
		private_run "mount -t tmpfs none '$T/data'; mkdir '$T/data/sub'; mount -t tmpfs none '$T/data/sub'"
		is "${pair%+*}: $(flags /mnt):$(flags /mnt/sub)" "${pair%+*}: ${pair#*+}"
	done
}

@test "mounts: remount changes what is there" {
	table 'mount("/mnt"; "tmpfs"; "tmpfs"; [])' 'mount("/mnt"; ""; ""; ["remount", "bind", "ro", "noexec"])'
	is "$(flags /mnt)" ro,noexec,relatime
}

@test "mounts: propagation" {
	mkdir "$T/data"
	for pair in private+ rprivate+ unbindable+unbindable runbindable+unbindable; do
		table "bind(\$T + \"/data\"; \"/mnt\"; [\"${pair%+*}\"])"
		is "${pair%+*}: $(mounted /mnt | sed 's/^[^ ]*//; s/ - .*//; s/^ //')" "${pair%+*}: ${pair#*+}"
	done
	for word in shared rshared; do
		table "bind(\$T + \"/data\"; \"/mnt\"; [\"$word\"])"
		matches "$(mounted /mnt)" ' shared:[0-9]+ '
	done
	for word in slave rslave; do
		script 'cat /proc/self/mountinfo' "bind(\$T + \"/data\"; \"/mnt\"; [\"$word\"])"
		private_run "mount -t tmpfs none '$T/data'; mount --make-shared '$T/data'"
		matches "$(mounted /mnt)" ' master:[0-9]+ '
		hasnt "$(mounted /mnt)" shared
	done
}

@test "mounts: what the container mounts does not appear on the host, unless it shares" {
	mkdir -p "$T/data/sub"
	cat >"$T/inside" <<-'END'
		mount -t tmpfs inside /mnt/sub
	END
	for pair in private+0 rslave+0 rshared+1; do
		script "$(cat "$T/inside")" "bind(\$T + \"/data\"; \"/mnt\"; [\"${pair%+*}\", \"rbind\"]) | caps([\"CAP_SYS_ADMIN\"])
			| if \"${pair%+*}\" == \"rshared\" then .linux.rootfsPropagation = \"rshared\" else . end"
		status=0
		env "$MARK" unshare --mount --propagation private bash -euc '
			mount -t tmpfs none "$1/data"; mount --make-shared "$1/data"; mkdir "$1/data/sub"
			"$2" --root "$1/state" run --bundle "$1/bundle" c1; grep -c " - tmpfs inside " /proc/self/mountinfo || :' \
			- "$T" "$KEDGE" </dev/null >"$T/out" 2>&1 3>&- 4>&- || status=$?
		is "$status" 0
		is "${pair%+*}: $(cat "$T/out")" "${pair/+/: }"
	done
}

@test "mounts: mountinfo has them in the order of the configuration, and none twice" {
	mkdir -p "$T/a" "$T/host"
	run_ok 'cut -d" " -f5 /proc/self/mountinfo | grep ^/mnt' writable 'mount("/mnt"; "tmpfs"; "tmpfs"; [])' \
		'bind($T + "/a"; "/mnt/1"; [])' 'mount("/mnt/2"; "tmpfs"; "tmpfs"; [])' 'bind($T + "/a"; "/mnt/2/3"; ["rbind"])' \
		'mount("/mnt/2/3"; "tmpfs"; "tmpfs"; [])'
	is "$output" $'/mnt\n/mnt/1\n/mnt/2\n/mnt/2/3\n/mnt/2/3'
	# A bind of what holds the container's root does not show the container's mounts a second time.
	own_root
	mv "$ROOTFS" "$T/host/root"
	script 'ls /mnt/root/proc; grep -c " /mnt/root/" /proc/self/mountinfo; true' ".root.path = \"$T/host/root\"" \
		"bind(\"$T/host\"; \"/mnt\"; [\"rbind\"])"
	ok run --bundle "$BUNDLE" c1
	is "$output" 0
}

@test "mounts: rootfsPropagation" {
	for pair in private+ rprivate+ unbindable+unbindable runbindable+unbindable; do
		table ".linux.rootfsPropagation = \"${pair%+*}\""
		is "${pair%+*}: $(mounted / | sed 's/^[^ ]*//; s/ - .*//; s/^ //')" "${pair%+*}: ${pair#*+}"
	done
	for word in shared rshared; do
		table ".linux.rootfsPropagation = \"$word\""
		matches "$(mounted /)" ' shared:[0-9]+'
		hasnt "$(mounted /)" master
	done
	table
	hasnt "$(mounted /)" shared
	config '.linux.rootfsPropagation = "loud"'
	refused "linux.rootfsPropagation: unknown propagation 'loud'"
}

@test "mounts: a tmpfs has the mode of the directory below, unless told or there was none" {
	own_root
	mkdir -m 711 "$T/rootfs/data"
	run_ok 'stat -c "%n %a" /data /mnt /new' 'mount("/data"; "tmpfs"; "tmpfs"; [])' 'mount("/mnt"; "tmpfs"; "tmpfs"; ["mode=750"])' \
		'mount("/new"; "tmpfs"; "tmpfs"; [])'
	is "$output" $'/data 711\n/mnt 750\n/new 1777'
}

@test "mounts: tmpcopyup" {
	own_root
	mkdir "$T/rootfs/data"
	echo content >"$T/rootfs/data/file"
	mkdir -m 750 "$T/rootfs/data/dir"
	ln -s file "$T/rootfs/data/link"
	mkdir "$T/rootfs/data/empty"
	run_ok 'cat /data/link; touch /data/new' 'mount("/data"; "tmpfs"; "tmpfs"; ["tmpcopyup"])'
	is "$output" content
	chown 5:6 "$T/rootfs/data/file" "$T/rootfs/data"
	chmod 4711 "$T/rootfs/data/file"
	run_ok 'stat -c "%n %F %a %u:%g" /data /data/*; grep -c " /data .* tmpfs " /proc/self/mountinfo' \
		'mount("/data"; "tmpfs"; "tmpfs"; ["tmpcopyup"])'
	is "$output" "/data directory 755 5:6
/data/dir directory 750 0:0
/data/empty directory 755 0:0
/data/file regular file 4711 5:6
/data/link symbolic link 777 0:0
1"
	[ ! -e "$T/rootfs/data/new" ]
	run_ok 'ls /data; touch /data/x 2>/dev/null || echo ro' 'mount("/data"; "tmpfs"; "tmpfs"; ["tmpcopyup", "ro"])'
	is "$output" $'dir\nempty\nfile\nlink\nro'
}

@test "mounts: a source that is missing" {
	config 'bind($T + "/none"; "/mnt"; [])'
	refused "mounts[7] '/mnt'"
	has "$stderr" "'$T/none': no such file or directory"
	config 'mount("/mnt"; "bind"; ""; ["bind"]) | del(.mounts[-1].source)'
	refused "a bind mount needs a source"
}

@test "mounts: a file system that the kernel does not know, and an option it does not" {
	config 'mount("/mnt"; "nosuchfs"; "x"; [])'
	refused "mounts[7] '/mnt'"
	has "$stderr" "nosuchfs"
	has "$stderr" "the kernel has no such file system"
	config 'mount("/mnt"; "tmpfs"; "tmpfs"; ["nosuchoption=1"])'
	refused "nosuchoption"
	config 'mount("/mnt"; "tmpfs"; "tmpfs"; ["size=lots"])'
	refused "mounts[7] '/mnt'"
	config 'bind($T; "/mnt"; ["subvol=x"])'
	refused "a bind mount cannot have the file system option 'subvol'"
	config 'mount("/mnt"; "none"; "x"; []) | del(.mounts[-1].type)'
	refused "needs a type"
}

@test "mounts: what sizes a tmpfs changes nothing of a bind mount, with a warning" {
	mkdir -m 711 "$T/dir"
	config '.process.args = ["stat", "-c", "%a", "/mnt"] | bind($T + "/dir"; "/mnt"; ["nosuid", "mode=755", "size=1k"])'
	kedge run --bundle "$BUNDLE" c1
	is "$status $output" "0 711"
	has "$stderr" "level=warning msg=\"mounts[7].options: a bind mount has no 'mode'"
	has "$stderr" "a bind mount has no 'size'"
}

@test "mounts: a directory over a file and a file over a directory" {
	touch "$T/file"
	mkdir "$T/dir"
	config 'bind($T + "/dir"; "/etc/passwd"; [])'
	refused "mounts[7] '/etc/passwd'"
	config 'bind($T + "/file"; "/etc"; [])'
	refused "mounts[7] '/etc'"
}

@test "mounts: a destination that is a symlink out of the root stays inside" {
	own_root
	mkdir "$T/outside" "$T/data"
	touch "$T/data/mine" "$T/outside/secret"
	for target in "$T/outside" "../../../../../../../../..$T/outside" ../outside; do
		rm -f "$T/rootfs/link"
		ln -s "$target" "$T/rootfs/link"
		run_ok 'ls -d /link/*' 'bind($T + "/data"; "/link"; [])' || [[ $stderr == *"mounts[7]"* ]]
		hasnt "$output" secret
		is "$(ls "$T/outside")" secret
		run_ok 'ls /link/sub/dir' 'bind($T + "/data"; "/link/sub/dir"; [])' || [[ $stderr == *"mounts[7]"* ]]
		is "$(ls "$T/outside")" secret
		config 'bind($T + "/data/mine"; "/link/newfile"; [])'
		kedge run --bundle "$BUNDLE" c1
		is "$(ls "$T/outside")" secret
	done
}

@test "mounts: a dangling link as a file's destination makes nothing outside" {
	own_root
	touch "$T/data"
	ln -s "$T/created" "$T/rootfs/etc/link"
	config 'bind($T + "/data"; "/etc/link"; [])'
	kedge run --bundle "$BUNDLE" c1
	[ ! -e "$T/created" ]
}

@test "mounts: .. in a destination ends at the root" {
	mkdir "$T/data"
	echo x >"$T/data/mine"
	run_ok 'cat /mnt/mine' 'bind($T + "/data"; "/../../mnt/../../mnt"; [])'
	is "$output" x
}

@test "mounts: /proc or /sys of the image as a symlink is refused (CVE-2019-19921, CVE-2023-27561)" {
	busybox=$ROOTFS
	for dir in proc sys; do
		rm -rf "$T/rootfs"
		ROOTFS=$busybox
		own_root
		rmdir "$T/rootfs/$dir"
		mkdir "$T/rootfs/elsewhere"
		ln -s elsewhere "$T/rootfs/$dir"
		config
		refused "'/$dir'"
		has "$stderr" "too many levels of symbolic links"
		ln -sfn /nowhere "$T/rootfs/$dir"
		refused "'/$dir'"
	done
}

@test "mounts: a bind mount over parts of /proc does not fool the runtime (CVE-2019-16884, CVE-2025-52881)" {
	mkdir -p "$T/fake/self/attr" "$T/fake/sys/net/ipv4"
	touch "$T/fake/sys/net/ipv4/ip_forward"
	config 'bind($T + "/fake"; "/proc"; ["rw"]) | .linux.sysctl = {"net.ipv4.ip_forward": "1"} | .linux |= del(.maskedPaths, .readonlyPaths)'
	kedge run --bundle "$BUNDLE" c1
	is "$(cat "$T/fake/sys/net/ipv4/ip_forward")" ""
	run_ok 'cat /proc/sys/net/ipv4/ip_forward' 'bind($T + "/fake/sys/net"; "/proc/sys/net"; ["rw"])' \
		'.linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	is "$output" ""
	is "$(cat "$T/fake/sys/net/ipv4/ip_forward")" ""
}

@test "mounts: the cgroup mount shows the container's own, and is read-only" {
	run_ok 'cat /sys/fs/cgroup/cgroup.procs; mkdir /sys/fs/cgroup/x 2>/dev/null || echo ro; grep " /sys/fs/cgroup " /proc/self/mountinfo'
	is "${lines[0]}" 1
	has "$output" $'\nro\n'
	has "$output" " - cgroup2 "
}

@test "mounts: without a cgroup namespace nothing of the hierarchy can be changed (CVE-2023-25809)" {
	run_ok 'mkdir /sys/fs/cgroup/x 2>/dev/null || echo ro; echo $$ 2>/dev/null >/sys/fs/cgroup/cgroup.procs || echo ro' 'without("cgroup")'
	is "$output" $'ro\nro'
	run_ok 'cat /sys/fs/cgroup/cgroup.procs | head -n 1; mkdir /sys/fs/cgroup/x 2>/dev/null || echo denied' 'userns | without("cgroup")' \
		'unmount("/sys/fs/cgroup") | mount("/sys/fs/cgroup"; "cgroup"; "cgroup"; ["rw"])'
	is "$output" $'1\ndenied'
}

@test "mounts: many" {
	mkdir "$T/data"
	table 'mount("/mnt"; "tmpfs"; "tmpfs"; [])' '.mounts += [range(0; 300) | {destination: "/mnt/\(.)", type: "bind", source: ($T + "/data"), options: ["bind", "ro"]}]'
	is "$(grep -c ' /mnt/[0-9]* ro,relatime' <<<"$output")" 300
}

@test "mounts: the root is read-only, or not" {
	own_root
	run_ok 'touch /x 2>/dev/null || echo ro'
	is "$output" ro
	run_ok 'touch /x && echo rw' writable
	is "$output" rw
	[ -e "$T/rootfs/x" ]
}

@test "mounts: the old root is gone" {
	run_ok 'cat /proc/self/mountinfo; ls -a /'
	hasnt "$output" "$T"
	is "$(grep -c ' / / ' <<<"$(awk '{ print " " $5 " " $5 " " }' <<<"$output")")" 1
	hasnt "$output" pivot
}

@test "mounts: --no-pivot" {
	script 'cat /etc/hostname; ls -d /proc/1; touch /x 2>/dev/null || echo ro'
	ok run --no-pivot --bundle "$BUNDLE" c1
	is "$output" $'kedge-test\n/proc/1\nro'
}

@test "mounts: a Debian root with volumes over its links" {
	use_debian
	mkdir "$T/data"
	run_ok 'touch /var/run/x /lib/x; ls /usr/lib/x /run/x; dpkg-query -W -f "\${Status}" dpkg' tmp \
		'mount("/var/run"; "tmpfs"; "tmpfs"; [])' 'mount("/usr/lib"; "tmpfs"; "tmpfs"; ["tmpcopyup"])'
	is "$output" $'/run/x\n/usr/lib/x\ninstall ok installed'
}
