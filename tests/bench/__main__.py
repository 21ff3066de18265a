"""`make bench`: how fast it is, beside others, on this machine, now. Figures, not tests.

make bench                                  everything; hours on a slow machine
make bench BENCH=sending                    sending, events, reading or starting alone
make bench BENCH=sending ARGS="--rounds 1 --seconds 5 --only email-tracker --only smtp-source"
"""

import argparse
import sys

from tests.bench import events, places, reading, reporting, sending, starting

BENCHES = {
    "sending": sending.run,
    "events": events.run,
    "reading": reading.run,
    "starting": starting.run,
}


def main() -> None:
    args = _read()
    for name in args.bench:
        try:
            with places.place() as place:
                results = BENCHES[name](place, args)
        except places.Missing as error:
            sys.exit(f"bench {name}: {error}")
        reporting.publish(results)


def _read() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.bench")
    parser.add_argument("bench", nargs="*", choices=[[], *BENCHES], default=list(BENCHES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15, help="of a cell, about")
    parser.add_argument("--mails", type=int, help="of a cell, in place of --seconds")
    parser.add_argument("--only", action="append", default=[], help="a name or a part of names")
    parser.add_argument(
        "--databases", type=_words, default=["PostgreSQL", "SQLite"], help="of events and reading"
    )
    parser.add_argument("--groups", type=_words, default=[], help="plain, delay, memory")
    parser.add_argument("--rss", type=_numbers, default=[1_000, 100_000, 1_000_000])
    return parser.parse_args()


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str) -> list[int]:
    return [int(word) for word in _words(text)]


if __name__ == "__main__":
    main()
