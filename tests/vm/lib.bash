# shellcheck shell=bash
# Shared by build, run and suite: where things are, and how to get host tools.

VM_HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
VM_TOP=$(cd -- "$VM_HERE/../.." && pwd)
VM_CACHE=${VM_CACHE:-$VM_TOP/build/vm}
export DEBIAN_FRONTEND=noninteractive

say() { printf 'vm: %s\n' "$*" >&2; }

die() {
	say "$*"
	exit 1
}

apt_do() { apt-get -qq -y -o DPkg::Lock::Timeout=300 "$@" >>"$VM_CACHE/apt.log" 2>&1; }

# Each argument is COMMAND=PACKAGE; only what is absent gets installed.
need_host() {
	local pair missing=()
	for pair in "$@"; do
		command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
	done
	((${#missing[@]} == 0)) && return
	say "installing ${missing[*]}"
	apt_do update || die "apt-get update failed: see $VM_CACHE/apt.log"
	apt_do install --no-install-recommends "${missing[@]}" ||
		die "cannot install ${missing[*]}: see $VM_CACHE/apt.log"
}

# What apt itself uses for the host's release: the same mirror serves the others.
mirror() {
	local codename uri
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	uri=$(mirror_of "$codename")
	if [[ -z $uri ]]; then
		apt_do update
		uri=$(mirror_of "$codename")
	fi
	[[ -n $uri ]] || die "apt knows no mirror for $codename"
	echo "$uri"
}

mirror_of() {
	# shellcheck disable=SC2016 # apt expands it
	apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' "Codename: $1" 'Label: Debian' | sed -n 1p
}

TRIM=(
	--dpkgopt='path-exclude=/usr/share/doc/*'
	--dpkgopt='path-exclude=/usr/share/man/*'
	--dpkgopt='path-exclude=/usr/share/info/*'
	--dpkgopt='path-exclude=/usr/share/locale/*'
	--dpkgopt='path-exclude=/usr/share/zoneinfo/*'
	--dpkgopt=force-unsafe-io
)

# mmdebstrap starts from a blank apt: hand it the host's ways of fetching.
debstrap() {
	apt-config dump | grep -E '^Acquire::(https?|Retries|Check-)' >"$VM_CACHE/apt.conf" || :
	mmdebstrap --mode=root --aptopt="$VM_CACHE/apt.conf" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='APT::Install-Recommends "false"' "${TRIM[@]}" "$@"
}

digest() { sha256sum | cut -c1-16; }
