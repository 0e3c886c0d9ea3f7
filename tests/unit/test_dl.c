/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dl.h"

#include <gnu/libc-version.h>
#include <unistd.h>

#include "tests/unit/fixture.h"

static void put(const char *name, const char *text)
{
	put_file(fixture_path(name), text);
}

int main(void)
{
	fixture_make();
	put("same", "\x7f" "ELF GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\nCopyright");
	put("longer", "GNU C Library stable release version 2.360.\n");
	put("shorter", "GNU C Library stable release version 2.3");
	put("cut", "GNU C Library stable release version ");
	put("other", "GNU C Library stable release version 2.41.\n");
	put("none", "something else");
	put("empty", "");
	ok(dl_libc_is(fixture_path("same"), "2.36"), "the same version");
	ok(!dl_libc_is(fixture_path("longer"), "2.36"), "no more digits may follow");
	ok(!dl_libc_is(fixture_path("shorter"), "2.36"), "nor fewer");
	ok(!dl_libc_is(fixture_path("cut"), "2.36"), "a file that ends early");
	ok(!dl_libc_is(fixture_path("other"), "2.36"), "another version");
	ok(!dl_libc_is(fixture_path("none"), "2.36"), "no C library");
	ok(!dl_libc_is(fixture_path("empty"), "2.36"), "an empty file");
	ok(!dl_libc_is(fixture_path("absent"), "2.36"), "no file");
	ok(!dl_libc_is("/", "2.36"), "a directory");
	if (access(LIBC_SO, R_OK) == 0)
		ok(dl_libc_is(LIBC_SO, gnu_get_libc_version()), "this machine's");
	else
		pass("this machine's # SKIP no " LIBC_SO);
	fixture_remove();
	return done();
}
