# What tells engines of kedge. Nothing is put where an engine reads it: which runtime it has is its administrator's choice.
enginesdir = $(pkgdatadir)/engines
engines_made = engines/podman.conf engines/containerd-v2.toml engines/containerd-v3.toml engines/docker.json \
	engines/crio.conf engines/install-daemonset.yaml
nodist_engines_DATA = $(engines_made)
dist_engines_DATA = engines/runtimeclass.yaml engines/Containerfile
dist_engines_SCRIPTS = engines/install-node
EXTRA_DIST += $(engines_made:=.in) engines/tmpfiles.conf
CLEANFILES += $(engines_made) $(engines_made:=.tmp)

$(engines_made): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed 's|@bindir[@]|$(bindir)|g; s|@engines[@]|$(enginesdir)|g; s|@version[@]|$(PACKAGE_VERSION)|g' \
		$< >$@.tmp && mv $@.tmp $@

# $(prefix) in front, as of the unit of kedge-guard.
tmpfilesdir = $(prefix)/lib/tmpfiles.d
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(tmpfilesdir)'
	$(INSTALL_DATA) '$(srcdir)/engines/tmpfiles.conf' '$(DESTDIR)$(tmpfilesdir)/kedge.conf'
uninstall-local:
	rm -f '$(DESTDIR)$(tmpfilesdir)/kedge.conf'
