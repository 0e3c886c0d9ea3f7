#!/bin/sh
# Makes ./configure out of configure.ac; needed in a git checkout, not in a release tarball.
set -eu
cd "$(dirname "$0")"
exec autoreconf --install --force --warnings=all
