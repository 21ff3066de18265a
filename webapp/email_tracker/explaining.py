"""Why copies of one email failed: the failures grouped by what is said of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from webapp.email_tracker import summing_up, wording
from webapp.email_tracker.summing_up import Failure
from webapp.mail.causes import Cause, Words

# a cause that is no failure, or that mends itself, is no case for "what to do now"
NOTHING_TO_DO = (Cause.DUPLICATE, Cause.CANCELLED)


@dataclass(frozen=True)
class Group:
    """Copies of which the same is said. `show` is a key of delivery.selecting.FILTERS; `names` are
    the first of the people."""

    cause: Cause
    show: str
    words: Words
    number: int
    names: tuple[str, ...]


def groups(failures: Iterable[Failure], without: Iterable[Cause] = ()) -> list[Group]:
    """The failures by cause, those still tried apart; the largest group first."""
    numbers: Counter[tuple[Cause, str, Words]] = Counter()
    names: dict[tuple[Cause, str, Words], list[str]] = defaultdict(list)
    left_out = set(without)
    for failure in failures:
        cause = Cause(failure.cause)
        if cause not in left_out:
            show = summing_up.SHOW_OF[failure.status]
            key = (cause, show, wording.words_for(failure.status, cause))
            numbers[key] += failure.number
            names[key] += failure.names
    return [
        Group(*key, number, tuple(names[key][: summing_up.NAMED]))
        for key, number in numbers.most_common()
    ]


def no_case(failures: Iterable[Failure]) -> list[Group]:
    """Those that ended, but want nothing done: so that all numbers add up."""
    found = [failure for failure in failures if Cause(failure.cause) in NOTHING_TO_DO]
    return groups(found)
