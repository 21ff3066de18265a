"""Which mailbox provider stands behind a domain: custom domains at the same one share a limit.

Known by the domain's MX record (RFC 5321 5.1), looked up by a job and kept; until then, and where
there is none, a domain stands for itself.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from sqlalchemy import select

from webapp.delivery.models import MailDomain
from webapp.extensions import db
from webapp.lib import clock
from webapp.rows import insert_into

MOST_DOMAINS = 5_000  # of one destination, for a filter
LOOK_AGAIN = timedelta(days=7)
LOOK_AGAIN_AFTER_FAILURE = timedelta(hours=6)

# the end of an MX host's name, and who runs it
OPERATORS: tuple[tuple[str, str], ...] = (
    ("google.com", "Google"),
    ("googlemail.com", "Google"),
    ("outlook.com", "Microsoft"),
    ("hotmail.com", "Microsoft"),
    ("yahoodns.net", "Yahoo"),
    ("icloud.com", "Apple"),
    ("gmx.net", "GMX and WEB.DE"),
    ("web.de", "GMX and WEB.DE"),
    ("kundenserver.de", "IONOS"),
    ("ionos.com", "IONOS"),
    ("t-online.de", "Telekom"),
    ("orange.fr", "Orange"),
    ("free.fr", "Free"),
    ("ovh.net", "OVH"),
    ("libero.it", "Libero"),
    ("pphosted.com", "Proofpoint"),
    ("ppe-hosted.com", "Proofpoint"),
    ("mimecast.com", "Mimecast"),
    ("messagelabs.com", "Broadcom"),
    ("barracudanetworks.com", "Barracuda"),
    ("iphmx.com", "Cisco"),
    ("secureserver.net", "GoDaddy"),
    ("emailsrvr.com", "Rackspace"),
    ("zoho.com", "Zoho"),
    ("zoho.eu", "Zoho"),
    ("protonmail.ch", "Proton"),
    ("messagingengine.com", "Fastmail"),
    ("yandex.net", "Yandex"),
    ("mail.ru", "Mail.ru"),
    ("qq.com", "Tencent"),
    ("netease.com", "NetEase"),
    ("naver.com", "Naver"),
    ("amazonaws.com", "Amazon"),
)
# mailboxes of everybody, known without asking
CONSUMER_DOMAINS: dict[str, str] = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), "Google"),
    **dict.fromkeys(("outlook.com", "hotmail.com", "live.com", "msn.com"), "Microsoft"),
    **dict.fromkeys(("yahoo.com", "ymail.com", "aol.com"), "Yahoo"),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), "Apple"),
    **dict.fromkeys(("gmx.de", "gmx.net", "web.de", "gmx.at", "gmx.ch"), "GMX and WEB.DE"),
}

Resolve = Callable[[str], Sequence[str]]


def operator_of(hosts: Sequence[str]) -> str | None:
    """Who runs the best of these MX hosts; its own name less the first label where unknown."""
    if not hosts:
        return None
    best = hosts[0].rstrip(".").lower()
    for ending, operator in OPERATORS:
        if best == ending or best.endswith("." + ending):
            return operator
    return best.partition(".")[2] if best.count(".") > 1 else best or None


def destinations_of(domains: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """({domain: destination}, domains nobody has looked up yet, or not for long)."""
    wanted = sorted(set(domains))
    found = {domain: CONSUMER_DOMAINS.get(domain, domain) for domain in wanted}
    asked = [domain for domain in wanted if domain not in CONSUMER_DOMAINS]
    fresh = set()
    for start in range(0, len(asked), 500):
        for row in db.session.execute(
            select(MailDomain.name, MailDomain.operator, MailDomain.look_again_at).where(
                MailDomain.name.in_(asked[start : start + 500])
            )
        ):
            found[row.name] = row.operator or row.name
            if row.look_again_at > clock.now():
                fresh.add(row.name)
    return found, [domain for domain in asked if domain not in fresh]


def domains_of(destination: str) -> list[str]:
    """The domains that stand under the name of a destination, as far as they are known."""
    own = [domain for domain, name in CONSUMER_DOMAINS.items() if name == destination]
    found = db.session.scalars(
        select(MailDomain.name).where(MailDomain.operator == destination).limit(MOST_DOMAINS)
    )
    return [destination, *own, *found]


def wanted(domains: Sequence[str]) -> None:
    """Have these looked up; they stand for themselves until then. In the caller's transaction."""
    if domains:
        _upsert([_row(domain, None, clock.now()) for domain in sorted(domains)], keep=True)


def look_up_some(resolve: Resolve, most: int = 50) -> int:
    """Look up some domains that are due; how many. `resolve(domain)` gives its MX hosts, best
    first, and raises OSError when nobody can tell. Commits."""
    names = db.session.scalars(
        select(MailDomain.name).where(MailDomain.look_again_at <= clock.now()).limit(most)
    ).all()
    db.session.commit()  # nobody waits for the network with a transaction open
    rows = []
    for name in names:
        try:
            operator, again = operator_of(resolve(name)), LOOK_AGAIN
        except OSError:
            operator, again = None, LOOK_AGAIN_AFTER_FAILURE
        rows.append(_row(name, operator, clock.now() + again))
    _upsert(rows, keep=False)
    db.session.commit()
    return len(names)


def _row(name: str, operator: str | None, again) -> dict:
    return {"name": name[:255], "operator": operator, "look_again_at": again}


def _upsert(rows: list[dict], *, keep: bool) -> None:
    if not rows:
        return
    insert = insert_into(MailDomain)
    if keep:
        insert = insert.on_conflict_do_nothing(index_elements=["name"])
    else:
        insert = insert.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "operator": insert.excluded.operator,
                "look_again_at": insert.excluded.look_again_at,
            },
        )
    db.session.execute(insert, rows)
