"""Processes: the parts of an installation, started, watched and stopped together."""
