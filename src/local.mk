src_sources =
