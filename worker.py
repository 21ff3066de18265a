"""Runs workers: `python worker.py`, any number of times, on any number of hosts."""

from webapp.cli import run_worker

if __name__ == "__main__":
    run_worker()
