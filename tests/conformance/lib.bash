# shellcheck shell=bash disable=SC2034 # for those who source it
# Shared by the scripts of this folder: where things are.

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd -- "$HERE/../.." && pwd)
SUITES=$TOP/build/conformance
ROOTS=${ROOTS:-$TOP/build/roots}
