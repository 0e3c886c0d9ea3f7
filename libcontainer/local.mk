libcontainer_sources =
