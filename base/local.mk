base_sources = \
	base/arena.c \
	base/arena.h \
	base/bitlist.c \
	base/bitlist.h \
	base/dl.c \
	base/dl.h \
	base/error.c \
	base/error.h \
	base/io.c \
	base/io.h \
	base/log.c \
	base/log.h \
	base/macro.h \
	base/num.c \
	base/num.h \
	base/path.c \
	base/path.h \
	base/strbuf.c \
	base/strbuf.h \
	base/sys.c \
	base/sys.h
