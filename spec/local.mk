spec_sources = \
	spec/json.h \
	spec/mount_options.h \
	spec/spec.h
