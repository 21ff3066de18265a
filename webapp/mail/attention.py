"""Whether a human opened a mail and clicked in it, or a machine: by evidence that can be named.

Pure: everything that was fetched of one copy goes in, a judgement of each comes out. What counts as
evidence changes with the machines of the world; then RULES_VERSION rises, and what was judged under
an older one is judged again (delivery.attending).

Sources. Apple's proxy sends "Mozilla/5.0" and nothing else as its user agent, and loads every
picture whether the mail is read or not (Mail Privacy Protection, WWDC 2021). Google's proxy names
itself and loads a picture when the mail is opened; what Gmail loads ahead while its page is open
comes with a user agent of its own (SparkPost, "Gmail is prefetching images", January 2022). Yahoo's
names itself and loads at the opening, too (Litmus and Return Path, 2018). So a picture through one
of these two speaks of a person, of whom it hides the place and the program.
"""

import re
from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

RULES_VERSION = 2
BURST = timedelta(seconds=2)
AT_ONCE = timedelta(seconds=2)  # after a copy left nobody has opened it yet,
CLICKED_AT_ONCE = timedelta(seconds=5)  # and nobody has opened, read and clicked
NEARBY = timedelta(seconds=10)


class Why(StrEnum):
    """The evidence of what it was: a machine, or a human by the proxy of a mailbox (PROXIES)."""

    HIDDEN_LINK = "hidden_link"
    HEAD = "head"
    PROVIDER = "provider"
    APPLE = "apple"
    AHEAD = "ahead"
    GMAIL = "gmail"
    YAHOO = "yahoo"
    SCANNER = "scanner"
    NO_AGENT = "no_agent"
    DATA_CENTRE = "data_centre"
    TOO_EARLY = "too_early"
    BURST = "burst"


WORDS: dict[Why, str] = {
    Why.HIDDEN_LINK: "it followed a link that no human sees",
    Why.HEAD: "it asked for the head only, which no mail program does",
    Why.PROVIDER: "the provider says so",
    Why.APPLE: "Apple's Mail Privacy Protection loads every picture, read or not",
    Why.AHEAD: "Gmail loads pictures ahead while its page is open, read or not",
    Why.GMAIL: "Gmail's picture proxy loads a picture when the mail is opened",
    Why.YAHOO: "Yahoo's picture proxy loads a picture when the mail is opened",
    Why.SCANNER: "a program that checks links names itself",
    Why.NO_AGENT: "it did not say what program it is",
    Why.DATA_CENTRE: "it came from a data centre, where programs run and nobody reads mail",
    Why.TOO_EARLY: "it came within seconds of the handing over, before anybody can have read it",
    Why.BURST: "several links within two seconds, as security gateways do",
}
PROXIES = (Why.GMAIL, Why.YAHOO)
_AGENTS: list[tuple[str, Why]] = [
    (r"Edge/12\.246 Mozilla/5\.0$", Why.AHEAD),
    (r"GoogleImageProxy|ggpht\.com", Why.GMAIL),
    (r"YahooMailProxy", Why.YAHOO),
    (r"^Mozilla/5\.0$", Why.APPLE),
    (
        r"bot\b|bot/|crawl|spider|scan|preview|headless|phantomjs|selenium|puppeteer|playwright"
        r"|curl/|wget|python|aiohttp|httpx|Go-http|Java/|okhttp|Apache-HttpClient|libwww|Ruby"
        r"|node-fetch|axios|barracuda|mimecast|proofpoint|trendmicro|symantec|forcepoint|sophos"
        r"|facebookexternalhit|WhatsApp/|SkypeUriPreview|BitlyBot|virustotal",
        Why.SCANNER,
    ),
]
_AGENT_RULES = [(re.compile(pattern, re.IGNORECASE), why) for pattern, why in _AGENTS]


class Fetch(NamedTuple):
    """One open (`link` is "") or click. `link` is what tells links apart, a number or an address;
    `network` is the truncated address it came from; an unknown `user_agent` is None, an empty one
    was sent empty. `says_machine`: the provider judged it so."""

    at: datetime
    link: str = ""
    user_agent: str | None = None
    network: str = ""
    method: str = "GET"
    is_hidden: bool = False
    says_machine: bool = False


def is_machine(why: Why | None) -> bool:
    return why is not None and why not in PROXIES


def judge(
    fetches: Sequence[Fetch], left_at: datetime | None, data_centres: Container[str] = ()
) -> list[Why | None]:
    """Of each the evidence of what it was, None for what only a human is likely to do. `left_at`
    is when the copy was first handed over; None: never, as far as is known. `data_centres` says
    of a network whether it is in one."""
    found = [_alone(fetch, left_at, data_centres) for fetch in fetches]
    if len(found) == 1:
        return found
    clicks = [fetch for fetch in fetches if fetch.link]
    traps = [fetch for fetch in fetches if fetch.is_hidden]
    for place, fetch in enumerate(fetches):
        if is_machine(found[place]):
            continue
        if any(_is_same_visit(fetch, trap) for trap in traps):
            found[place] = Why.HIDDEN_LINK
        elif _is_in_burst(fetch, clicks):
            found[place] = Why.BURST
    return found


def _alone(fetch: Fetch, left_at: datetime | None, data_centres: Container[str]) -> Why | None:
    """What one fetch gives away by itself."""
    if fetch.is_hidden:
        return Why.HIDDEN_LINK
    if fetch.method == "HEAD":
        return Why.HEAD
    if fetch.says_machine:
        return Why.PROVIDER
    if fetch.user_agent == "":
        return Why.NO_AGENT
    why = _agent(fetch.user_agent or "")
    if is_machine(why):
        return why
    if why and fetch.link:  # these proxies load pictures for people, but follow no link for them
        return Why.SCANNER
    wait = CLICKED_AT_ONCE if fetch.link else AT_ONCE
    if left_at is not None and fetch.at < left_at + wait:
        return Why.TOO_EARLY
    return why or (Why.DATA_CENTRE if fetch.network in data_centres else None)


@lru_cache(maxsize=4096)  # people have few programs, and these rules are many
def _agent(user_agent: str) -> Why | None:
    for pattern, why in _AGENT_RULES:
        if pattern.search(user_agent):
            return why
    return None


def _is_same_visit(fetch: Fetch, trap: Fetch) -> bool:
    """The program in the trap fetches other things from the same network, or just then."""
    is_near = abs(fetch.at - trap.at) < NEARBY
    return is_near or bool(fetch.network) and fetch.network == trap.network


def _is_in_burst(fetch: Fetch, clicks: Sequence[Fetch]) -> bool:
    """Whether two links were followed within two seconds, and this is of them, or an open then."""
    near = [click for click in clicks if abs(click.at - fetch.at) < BURST]
    others = {click.link for click in near}
    if fetch.link:
        return len(others) > 1
    is_same = [click for click in near if click.network == fetch.network]
    return len({click.link for click in is_same}) > 1
