"""Runs workers: `python worker.py`, any number of times, on any number of hosts."""
