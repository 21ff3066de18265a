"""Which copy a Report speaks of: by its token, by the provider's id of it, or by its address."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Row, bindparam, select

from webapp.columns import Ids, is_among
from webapp.delivery import tokens
from webapp.delivery.models import MatchedBy, Recipient
from webapp.extensions import db
from webapp.lib import addresses
from webapp.mail.reports import Report

MATCH_BY_ADDRESS_WITHIN = timedelta(days=7)
CLOCKS_DIFFER = timedelta(minutes=5)  # the database's and ours
CHUNK = 500


class Said(NamedTuple):
    """A Report with where it came from: its Arrival and its position in it."""

    report: Report
    arrival_id: int | None
    position: int
    connection_id: int | None
    workspace_id: int
    received_at: datetime


class Matched(NamedTuple):
    """What was said of a copy, and how that was found."""

    copy_id: int  # whether it is there, and of the same workspace, known() tells
    said: Said
    by: MatchedBy
    is_conflict: bool  # a hint, no proof: it raises nothing and suppresses nobody


class Matching(NamedTuple):
    """What was said, parted by what it speaks of."""

    copies: list[Matched]
    tests: list[tuple[int, Said]]  # of the test mail of that number
    unmatched: list[Said]


def match(said: Iterable[Said], token_key: bytes) -> Matching:
    """Find what each speaks of. Only reads, and locks nothing."""
    found: dict[MatchedBy, list[tuple[int, Said]]] = defaultdict(list)
    tests: list[tuple[int, Said]] = []
    nameless: list[Said] = []
    unmatched: list[Said] = []
    copy_ids: dict[str, int | None] = {}  # several things are said of most copies
    for item in said:
        token = item.report.token
        if not token:
            nameless.append(item)
            continue
        if token not in copy_ids:
            copy_ids[token] = tokens.read_copy_token(token_key, token)
        if copy_id := copy_ids[token]:
            found[MatchedBy.TOKEN].append((copy_id, item))
        elif number := tokens.read_test_token(token_key, token):
            tests.append((number, item))
        else:
            unmatched.append(item)
    found[MatchedBy.MESSAGE_ID], nameless = _by(_ids_by_message_id, nameless)
    found[MatchedBy.ADDRESS], nameless = _by(_ids_by_address, nameless)
    matched: list[Matched] = []
    for by, pairs in found.items():
        others = _naming_others(pairs) if by is MatchedBy.TOKEN else set()
        is_hint = by is MatchedBy.ADDRESS
        matched += [
            Matched(copy_id, item, by, is_hint or place in others)
            for place, (copy_id, item) in enumerate(pairs)
        ]
    return Matching(matched, tests, unmatched + nameless)


def known(found: Matching, copies: Iterable[Row]) -> tuple[list[Matched], list[Said]]:
    """What speaks of one of `copies` and comes from its workspace, and all that is not matched."""
    owners = {copy.id: copy.workspace_id for copy in copies}
    known, unmatched = [], list(found.unmatched)
    for each in found.copies:
        if owners.get(each.copy_id) == each.said.workspace_id:
            known.append(each)
        else:
            unmatched.append(each.said)
    return known, unmatched


def _naming_others(pairs: Sequence[tuple[int, Said]]) -> set[int]:
    """The places of notices that speak of somebody our mail was passed on to, and not of its
    addressee."""
    naming = {place: item.report.names for place, (_, item) in enumerate(pairs)}
    naming = {place: names for place, names in naming.items() if names}
    if not naming:
        return set()
    ids = bindparam("ids", sorted({pairs[place][0] for place in naming}), Ids)
    wanted = select(Recipient.id, Recipient.address_key).where(is_among(Recipient.id, ids))
    key_of = dict(db.session.execute(wanted).all())
    return {
        place
        for place, names in naming.items()
        if key_of.get(pairs[place][0]) not in [addresses.check(name).key for name in names]
    }


# ---- without a token


def _by(find, nameless: Sequence[Said]) -> tuple[list[tuple[int, Said]], list[Said]]:
    """Pairs of (copy id, what is said of it), and the rest; `find` is asked by workspace."""
    by_workspace: dict[int, list[Said]] = defaultdict(list)
    for item in nameless:
        by_workspace[item.workspace_id].append(item)
    pairs, rest = [], []
    for workspace_id, items in by_workspace.items():
        for item, copy_id in zip(items, find(workspace_id, items), strict=True):
            if copy_id:
                pairs.append((copy_id, item))
            else:
                rest.append(item)
    return pairs, rest


def _ids_by_message_id(workspace_id: int, items: Sequence[Said]) -> list[int | None]:
    columns = (Recipient.provider_message_id, Recipient.id)
    names = {item.report.provider_message_id for item in items} - {None, ""}
    rows = _rows(columns, workspace_id, Recipient.provider_message_id, names)
    ids = {row.provider_message_id: row.id for row in rows}
    return [ids.get(item.report.provider_message_id) for item in items]


def _ids_by_address(workspace_id: int, items: Sequence[Said]) -> list[int | None]:
    """The latest copy to that address over this Connection within a week: a hint, no proof."""
    keys = [addresses.check(item.report.address).key for item in items]
    columns = (
        *(Recipient.address_key, Recipient.id),
        *(Recipient.connection_id, Recipient.first_tried_at),
    )
    copies: dict[tuple, list[Row]] = defaultdict(list)
    for row in _rows(columns, workspace_id, Recipient.address_key, set(keys) - {None}):
        if row.first_tried_at:
            copies[row.address_key, row.connection_id].append(row)
    found = []
    for key, item in zip(keys, items, strict=True):
        since = item.received_at - MATCH_BY_ADDRESS_WITHIN
        until = item.received_at + CLOCKS_DIFFER  # it cannot speak of what left later
        tried = copies[key, item.connection_id]
        near = [row for row in tried if since < row.first_tried_at < until]
        found.append(max([row.id for row in near], default=None))
    return found


def _rows(columns: tuple, workspace_id: int, column, wanted: set[str]) -> list[Row]:
    """The workspace's copies with `column` among `wanted`."""
    statement = select(*columns).where(
        Recipient.workspace_id == workspace_id, column.in_(bindparam("wanted", expanding=True))
    )
    ordered, rows = sorted(wanted), []
    for start in range(0, len(ordered), CHUNK):
        rows += db.session.execute(statement, {"wanted": ordered[start : start + CHUNK]})
    return rows
