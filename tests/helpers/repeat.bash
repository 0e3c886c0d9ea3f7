# shellcheck shell=bash
# For runners of bats: one test of many failed, and it may be that chance made it fail. Sourced.
#
# It is steady when it passes each of REPEATS times by itself; the failure is then shown as one that is to be mended, and
# scripts/test bears few of them. A file in which one miss is the finding has the line "# repeats: never", and what a
# sanitizer said is one, too.

REPEATS=${REPEATS:-3}

# lone_failure TAP: the test as a filter of bats, when it is the only one that failed.
lone_failure() {
	((REPEATS > 0)) && [[ $(grep -c '^not ok' "$1") == 1 ]] || return 1
	! grep -qE 'Sanitizer|runtime error:' "$1" || return 1
	sed -nE 's/^not ok [0-9]+ //; T; s/ in [0-9]+ms( .*)?$//; s/[][\\.*^$+?(){}|]/\\&/g; s/.*/^&$/p' "$1"
}

# may_repeat FILTER FILE...: none of the files that have the test forbids it.
may_repeat() {
	local filter=$1 file
	shift
	for file; do
		if grep -q '^# repeats: never' "$file" && [[ $(bats --count -f "$filter" "$file") != 0 ]]; then return 1; fi
	done
}

# passed_alone TAP: of a repetition.
passed_alone() { [[ $(grep -c '^ok' "$1") == 1 && $(grep -ciE '^not ok|# skip' "$1") == 0 ]]; }

mark_unsteady() { # TAP
	sed -i -E "s/^not (ok.*)/# unsteady, then $REPEATS times in a row ok: not \1\n\1/" "$1"
}
