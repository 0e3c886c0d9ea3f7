# shellcheck shell=bash disable=SC2034,SC2154 # some is set for the callers, $top by them
# What the scripts share: packages and builds. The caller has set $top.
set -euo pipefail

build_packages=(
	gcc make autoconf automake pkg-config libc6-dev binutils git
	libseccomp-dev libcap-dev libyajl-dev libmnl-dev libselinux1-dev libsystemd-dev
	clang bpftool libbpf-dev libelf-dev zlib1g-dev
)
root_packages=(busybox-static mmdebstrap)

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Installs what is missing, silently when nothing is: the packages' names are the only thing asked of apt.
install_packages() { # NAMES...
	local missing=() name
	for name in "$@"; do
		if [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) != installed ]]; then missing+=("$name"); fi
	done
	if ((${#missing[@]} == 0)); then return; fi
	if ((EUID != 0)); then die "these packages are missing and only root can install them: ${missing[*]}"; fi
	echo "installing: ${missing[*]}"
	local log
	log=$(mktemp)
	if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
		>"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "apt-get could not install them"
	fi
	rm -f "$log"
}

# Configures (when the options changed) and makes; the output is shown only when it fails.
build_in() { # DIR CONFIGURE-OPTIONS...
	local dir=$1
	shift
	mkdir -p "$dir"
	local log=$dir/build.log
	if ! configure_and_make "$@" >"$log" 2>&1; then
		tail -n 60 "$log" >&2
		die "the build in $dir failed; all of its output is in $log"
	fi
}

# No set -e here: bash ignores it in the condition of an if.
configure_and_make() { # CONFIGURE-OPTIONS...
	if [[ ! -x $top/configure || $top/configure -ot $top/configure.ac ]]; then "$top/autogen.sh" || return; fi
	if [[ ! -f $dir/Makefile || $(cat "$dir/configured-with" 2>/dev/null) != "$*" ]]; then
		(cd "$dir" && "$top/configure" "$@") || return
		echo "$*" >"$dir/configured-with"
	fi
	make -C "$dir" -j"$(nproc)"
}
