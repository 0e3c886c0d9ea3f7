init_sources =
