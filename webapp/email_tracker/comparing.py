"""How mailbox providers took the last few emails of a workspace, beside those before."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from webapp.email_tracker import summing_up

MOST_TURNS = 10
LEAST_REFUSED, LEAST_RISE = 3, 0.05  # below, a provider has not turned bad


@dataclass(frozen=True)
class Turn:
    """How one mailbox provider took the last few emails, and how it took those before."""

    name: str
    total: int
    refused: int
    total_before: int
    refused_before: int

    @property
    def share(self) -> float:
        return self.refused / self.total if self.total else 0.0

    @property
    def share_before(self) -> float:
        return self.refused_before / self.total_before if self.total_before else 0.0

    @property
    def is_worse(self) -> bool:
        """At least three copies refused, twice the share of before, and five points more."""
        rise = self.share - self.share_before
        is_double = self.share >= 2 * self.share_before
        return self.refused >= LEAST_REFUSED and is_double and rise >= LEAST_RISE


def turns(recent: Sequence, before: Sequence) -> list[list]:
    """The fields of Turns: first those that rose most, counted in copies."""
    now, then = _by_name(recent), _by_name(before)
    found = [
        Turn(name, each["n"], each["r"], then[name]["n"], then[name]["r"])
        for name, each in now.items()
        if each["r"]
    ]
    found.sort(
        key=lambda turn: (
            not turn.is_worse,
            turn.share_before * turn.total - turn.refused,
            turn.name,
        )
    )
    return [[*astuple(turn)] for turn in found[:MOST_TURNS]]


def _by_name(emails: Sequence) -> defaultdict[str, Counter]:
    """{mailbox provider: n copies, r refused}."""
    sums: defaultdict[str, Counter] = defaultdict(Counter)
    for email, tally in emails:
        for each in summing_up.destinations(email, tally):
            sums[each.name].update(n=each.total, r=each.refused)
    return sums
