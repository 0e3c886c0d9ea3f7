# shellcheck shell=bash disable=SC2034 # what it sets is for the lints
# What the lints share. A lint prints "file:line: reason" for each finding and exits 1 when it found any. It works on
# the tree it is given as its first argument (the self-tests give it a small bad one), else on the sources around it.
set -euo pipefail

lint_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=${1:-${top_srcdir:-$lint_dir/../..}}
cd "$top"

code_dirs=(base spec seccomp cgroups guard libcontainer init src)

# Files of the tree by name pattern, sorted; never below a build directory.
files_in() { # DIRS... -- PATTERNS...
	local dirs=() patterns=()
	while [[ $1 != -- ]]; do
		if [[ -d $1 ]]; then dirs+=("$1"); fi
		shift
	done
	shift
	if ((${#dirs[@]} == 0)); then return; fi
	for p in "$@"; do patterns+=(-o -name "$p"); done
	find "${dirs[@]}" -type f \( -false "${patterns[@]}" \) | sort
}

c_files() { files_in "${code_dirs[@]}" -- '*.c' '*.h'; }

# The project's files: the tracked ones where there is git, else (a release) all but what a build left there.
own_files() {
	if [[ -e .git ]] && git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files | while read -r file; do if [[ -f $file ]]; then echo "$file"; fi; done
	else
		find . \( -path './build?*' -o -path ./_build -o -path ./_inst -o -path ./autom4te.cache \) -prune -o \
			-type f ! -name configure ! -name 'configure~' ! -name Makefile.in ! -name aclocal.m4 -print |
			sed 's,^\./,,' | sort
	fi
}

found=0
finding() { # FILE LINE REASON
	printf '%s:%s: %s\n' "$1" "$2" "$3"
	found=1
}
