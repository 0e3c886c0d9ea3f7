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

apt_install() {
	(($# > 0)) || return 0
	say "installing $*"
	apt_do update || die "apt-get update failed: see $VM_CACHE/apt.log"
	apt_do install --no-install-recommends "$@" || die "cannot install $*: see $VM_CACHE/apt.log"
}

# Each argument is COMMAND=PACKAGE; only what is absent gets installed.
need_host() {
	local pair missing=()
	for pair in "$@"; do
		command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
	done
	apt_install "${missing[@]}"
}

# need_libraries DEB...: those that the packages ask for, which the host's release has as well.
need_libraries() {
	local deb name missing=()
	for deb in "$@"; do dpkg-deb -f "$deb" Pre-Depends Depends; done >"$VM_CACHE/depends"
	while read -r name; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
	done < <(grep -o '\blib[a-z0-9.+-]*' "$VM_CACHE/depends" | sort -u)
	apt_install "${missing[@]}"
}

codename() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# What apt itself uses for the host's release: the same mirror serves the others.
mirror() {
	local codename uri
	codename=$(codename)
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

# from_backports URI: from is what makes apt know those of the host's release, and nothing else.
from_backports() {
	local lists=$VM_CACHE/backports
	mkdir -p "$lists/partial"
	echo "deb $1 $(codename)-backports main" >"$VM_CACHE/backports.list"
	from=(-o "Dir::Etc::SourceList=$VM_CACHE/backports.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o Acquire::Languages=none -o Acquire::Check-Valid-Until=false)
	[[ ! ${backports_known:-} ]] || return 0
	apt_do "${from[@]}" update || die "apt-get update of the backports failed: see $VM_CACHE/apt.log"
	backports_known=1
}

# fetch DIR PACKAGE...: with the options of apt that are in from.
fetch() {
	local dir=$1
	shift
	# shellcheck disable=SC2154 # the caller's
	(cd "$dir" && apt-get -qq "${from[@]}" download "$@" >>"$VM_CACHE/apt.log" 2>&1) ||
		die "cannot download $*: see $VM_CACHE/apt.log"
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
