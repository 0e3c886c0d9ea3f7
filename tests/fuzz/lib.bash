# shellcheck shell=bash disable=SC2034,SC2154 # for the callers, and theirs
# Builds of the targets for other fuzzers than replay.c. The caller has set $top.

fuzz_targets=(json config options lists state seccomp notify guard policy wire)

# fuzz_build DIR ENGINE LDFLAGS COMPILER CONFIGURE-OPTIONS...: ENGINE is the FUZZ_DRIVER of fuzz.h.
fuzz_build() {
	local dir=$1 engine=$2 ldflags=$3 compiler=$4
	shift 4
	mkdir -p "$dir"
	(
		cd "$dir"
		if [[ $(cat configured-with 2>/dev/null) != "$compiler $*" ]]; then
			"$top/configure" CC=clang --disable-static-pie "$@" >configure.log
			echo "$compiler $*" >configured-with
		fi
		# kedge-init has no libc that a fuzzer could call.
		make -s commit.h init/kedge-init
		make -s -j"$(nproc)" fuzz-programs CC="$compiler" CPPFLAGS="-DFUZZ_DRIVER=$engine" LDFLAGS="$ldflags"
	) >"$dir/build.log" 2>&1 || {
		tail -n 30 "$dir/build.log"
		echo "the targets do not build with $compiler"
		return 1
	}
}

fuzz_build_libfuzzer() {
	fuzz_build "$top/build-fuzz" FUZZ_LIBFUZZER -fsanitize=fuzzer clang --enable-sanitizers \
		CFLAGS='-g -O1 -fsanitize=fuzzer-no-link'
}
fuzz_build_afl() {
	AFL_QUIET=1 fuzz_build "$top/build-afl" FUZZ_AFL '' afl-clang-fast CFLAGS='-g -O2 -funroll-loops'
}
