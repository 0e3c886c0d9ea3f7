spec_sources = \
	spec/decode.c \
	spec/decode.h \
	spec/defaults.c \
	spec/features.c \
	spec/features.h \
	spec/fields_hooks.c \
	spec/fields_linux.c \
	spec/fields_mounts.c \
	spec/fields_process.c \
	spec/fields_resources.c \
	spec/fields_seccomp.c \
	spec/json.c \
	spec/json.h \
	spec/json_write.c \
	spec/landlock.c \
	spec/landlock.h \
	spec/mount_options.c \
	spec/mount_options.h \
	spec/names.c \
	spec/policy.c \
	spec/policy.h \
	spec/spec.c \
	spec/spec.h \
	spec/utf8.h \
	spec/validate.c \
	spec/validate.h \
	spec/validate_linux.c
