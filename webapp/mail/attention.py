"""Whether a human opened a mail and clicked in it, or a machine: by evidence that can be named.

Pure: everything that was fetched of one copy goes in, a judgement of each comes out. What counts as
evidence changes with the machines of the world; then RULES_VERSION rises, and what was judged under
an older one is judged again (delivery.attending).

Sources: Apple's proxy sends "Mozilla/5.0" and nothing else as its user agent (Mail Privacy
Protection, WWDC 2021); Google's and Yahoo's name themselves. All three hide who looked, and when.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

RULES_VERSION = 1
BURST = timedelta(seconds=2)
AT_ONCE = timedelta(seconds=2)
NEARBY = timedelta(seconds=10)


class Why(StrEnum):
    """The evidence that it was a machine."""

    HIDDEN_LINK = "hidden_link"
    HEAD = "head"
    PROVIDER = "provider"
    APPLE = "apple"
    GMAIL = "gmail"
    YAHOO = "yahoo"
    SCANNER = "scanner"
    NO_AGENT = "no_agent"
    TOO_EARLY = "too_early"
    BURST = "burst"


WORDS: dict[Why, str] = {
    Why.HIDDEN_LINK: "it followed a link that no human sees",
    Why.HEAD: "it asked for the head only, which no mail program does",
    Why.PROVIDER: "the provider says so",
    Why.APPLE: "Apple's Mail Privacy Protection loads every picture, read or not",
    Why.GMAIL: "Gmail's picture proxy hides whether a person looked",
    Why.YAHOO: "Yahoo's picture proxy hides whether a person looked",
    Why.SCANNER: "a program that checks links names itself",
    Why.NO_AGENT: "it did not say what program it is",
    Why.TOO_EARLY: "nobody can have seen it yet: it was being handed over",
    Why.BURST: "several links within two seconds, as security gateways do",
}
_AGENTS: list[tuple[str, Why]] = [
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


@dataclass(frozen=True)
class Fetch:
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


def judge(fetches: Sequence[Fetch], left_at: datetime | None) -> list[Why | None]:
    """Of each the evidence that it was a machine, None for what only a human is likely to do.
    `left_at` is when the copy was first handed over; None: never, as far as is known."""
    found = [_alone(fetch, left_at) for fetch in fetches]
    clicks = [fetch for fetch in fetches if fetch.link]
    traps = [fetch for fetch in fetches if fetch.is_hidden]
    for place, fetch in enumerate(fetches):
        if found[place] is not None:
            continue
        if any(_is_same_visit(fetch, trap) for trap in traps):
            found[place] = Why.HIDDEN_LINK
        elif _is_in_burst(fetch, clicks):
            found[place] = Why.BURST
    return found


def _alone(fetch: Fetch, left_at: datetime | None) -> Why | None:
    """What one fetch gives away by itself."""
    if fetch.is_hidden:
        return Why.HIDDEN_LINK
    if fetch.method == "HEAD":
        return Why.HEAD
    if fetch.says_machine:
        return Why.PROVIDER
    if fetch.user_agent == "":
        return Why.NO_AGENT
    for pattern, why in _AGENT_RULES:
        if fetch.user_agent and pattern.search(fetch.user_agent):
            return why
    if left_at is not None and fetch.at < left_at + AT_ONCE:
        return Why.TOO_EARLY
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
