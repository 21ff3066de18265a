"""What is said of opens and clicks: how many by humans, how many by machines and why, each link."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import case, func, select

from webapp.bulk_email.models import BulkEmail
from webapp.delivery.attending import HUMAN, MACHINE, Seen
from webapp.delivery.models_following import Attention, FollowedLink, LinkClick
from webapp.extensions import db
from webapp.mail import linking
from webapp.mail.attention import WORDS, Why

DID = {"opened": Attention.opened_by, "clicked": Attention.clicked_by}
_WHY = {"opened": Attention.opened_why, "clicked": Attention.clicked_why}


@dataclass(frozen=True)
class LinkLine:
    """A link and how many followed it; `machine`: copies of which only a machine did."""

    number: int
    words: str
    target: str
    human: int
    machine: int


@dataclass(frozen=True)
class Attentions:
    """Copies by what was done with them ("opened", "clicked"): by a human; by machines alone, and
    those by the evidence, [(how many, words)], the most first. `proxies`: of the humans who opened
    it, those of whom only a mailbox's picture proxy speaks, in the same way."""

    human: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(DID, 0))
    proxies: Sequence[tuple[int, str]] = ()
    machines: Mapping[str, list[tuple[int, str]]] = field(
        default_factory=lambda: {name: [] for name in DID}
    )
    links: Sequence[LinkLine] = ()

    @property
    def machine(self) -> dict[str, int]:
        return {name: sum(number for number, _ in rows) for name, rows in self.machines.items()}


@dataclass(frozen=True)
class Follows:
    """What of an email is counted: as it was frozen, or because a provider reports it."""

    opens: bool
    clicks: bool


def follows(bulk_email: BulkEmail, seen: Attentions | None) -> Follows:
    following = (bulk_email.template or {}).get("following") or {}
    has = {name: bool(seen and (seen.human[name] or seen.machines[name])) for name in DID}
    return Follows(
        opens=bool(following.get("opens")) or has["opened"],
        clicks=bool(following.get("links")) or has["clicked"],
    )


def count(bulk_email_id: int) -> dict:
    """Plain JSON, read by read()."""
    human, machines, proxies = {}, {}, []
    for name, by in DID.items():
        rows = db.session.execute(
            select(by, _WHY[name], func.count())
            .where(Attention.bulk_email_id == bulk_email_id, by != "")
            .group_by(by, _WHY[name])
            .order_by(func.count().desc(), _WHY[name])
        ).all()
        human[name] = sum(number for who, _, number in rows if who == HUMAN)
        machines[name] = [[number, why] for who, why, number in rows if who == MACHINE]
        proxies += [[number, why] for who, why, number in rows if who == HUMAN and why]
    links = _links(bulk_email_id)
    return {"human": human, "proxies": proxies, "machines": machines, "links": links}


def read(data: Mapping | None) -> Attentions:
    """What count() made; of an older count there may be none."""
    if not data:
        return Attentions()
    return Attentions(
        human=data["human"],
        proxies=[(number, WORDS[Why(why)]) for number, why in data.get("proxies", ())],
        machines={
            name: [(number, WORDS[Why(why)]) for number, why in rows]
            for name, rows in data["machines"].items()
        },
        links=[LinkLine(*row) for row in data["links"]],
    )


def _links(bulk_email_id: int) -> list[list]:
    """[number, words, target, humans, machines alone], the most followed first."""
    human = func.coalesce(func.sum(case((LinkClick.is_human, 1), else_=0)), 0)
    rows = db.session.execute(
        select(
            FollowedLink.number,
            FollowedLink.words,
            FollowedLink.target,
            human,
            func.count(LinkClick.recipient_id) - human,
        )
        .outerjoin(
            LinkClick,
            (LinkClick.bulk_email_id == FollowedLink.bulk_email_id)
            & (LinkClick.number == FollowedLink.number),
        )
        .where(FollowedLink.bulk_email_id == bulk_email_id)
        .group_by(FollowedLink.number, FollowedLink.words, FollowedLink.target)
        .order_by(human.desc(), FollowedLink.number)
    )
    return [[*row] for row in rows]


def numbered(bulk_email: BulkEmail, links: Sequence[LinkLine]) -> str:
    """The HTML of the mail as it was written, each counted link followed by its number and how many
    people clicked it."""
    marks = {
        link.number: f' <b style="{_MARK}">{link.number}: {link.human:,}</b>' for link in links
    }
    return linking.marked((bulk_email.template or {}).get("html", ""), marks)


_MARK = (
    "display: inline-block; padding: 0 5px; border-radius: 9px; background: #1d5fd1;"
    " color: #ffffff; font: 12px/18px sans-serif;"
)


def evidence(seen: Seen) -> str:
    """What the timeline says below an open or click."""
    target = str(seen.event.details.get("url", ""))
    where = f"Link no. {seen.fetch.link}. " if seen.fetch.link.isdecimal() else ""
    if seen.fetch.is_hidden:
        where = ""
    who = f"A machine: {WORDS[seen.why]}." if seen.is_machine else _HUMAN
    if seen.why and not seen.is_machine:
        who += f" {WORDS[seen.why]}."
    return f"{where}{who}" + (f" {target}" if target else "")


_HUMAN = "By a human, as far as can be told."


def facts(seen: Seen) -> str:
    """Who asked, in its own words."""
    details = seen.event.details
    shown = (("user_agent", "Program"), ("network", "Network"), ("method", "Asked by"))
    return "\n".join(
        f"{label}: {details[name] or '(nothing)'}" for name, label in shown if name in details
    )
