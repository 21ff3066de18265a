"""Notices that follow no standard: whom they speak of, and what they say, by where addresses stand.

From the surest place to the least sure; the first place that names anybody decides. Addresses of
those who sent the mail, or the notice, count only where no others stand.
"""

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from webapp.mail import findings, notice_words, reading_dsn
from webapp.mail.findings import MAX_RECIPIENTS, Finding
from webapp.mail.letters import Letter

MAX_LINES = 3000
MAX_LINE = 600
MAX_REPLY = 1500

_OUTSIDE = r"\s<>@;,:()\[\]\"'`|=/\\（）：；，。、「」【】《》"  # what no local part has
_ADDRESS = (
    rf"(?!\*{{1,100}}@)(?:[^{_OUTSIDE}]{{1,100}}|\"[^\"\n]{{1,64}}\")@"
    r"[a-zA-Z0-9](?:[\w.-]{0,250}\w)?"
)
# from where a word begins: a long one is tried once, not from each of its letters
_ANYWHERE = re.compile(rf"(?<![^{_OUTSIDE}]){_ADDRESS}")
# "<ann@x.org>:", "  * ann@x.org", "1. 'ann@x.org' (reason)"
_AT_START = re.compile(
    rf"^[\s>*|#・■□●-]{{0,20}}(?:\d{{1,3}}[.)]\s*)?(?:smtp:|mailto:|rfc822;)?[\"'<(\[（「]{{0,3}}"
    rf"(?:smtp:|mailto:)?({_ADDRESS})[\"'>)\]）」]{{0,3}}(.*)$",
    re.I,
)
# "551 User not local; please try <ann@y.org>" (RFC 5321 3.4): where else the person may be reached
_ELSEWHERE = re.compile(r"(?i)\b(?:try|use|contact|moved to|(?:new|other) address(?: is)?)\W{0,4}$")
# Exim of an alias that is a program or a file: the person is named on the line below
_OF_A_PROGRAM = re.compile(r"(?i)^\s{1,8}(?:pipe to|save to|delivered? to) ")
_GENERATED_BY = re.compile(rf"(?i)^\s+(?:ultimately )?generated (?:by|from) ({_ADDRESS})")
_EXPANDED_FROM = re.compile(
    rf"(?i)(?:expanded|forwarded|generated) from:?\s{{0,3}}[<\"]?({_ADDRESS})"
)
_STARTS_SENTENCE = re.compile(r"(?i)^\s*(?:wrote|writes|schrieb|a écrit|escribió|ha scritto)\b")
# "Failed recipient: ann@x.org", "RCPT TO:<ann@x.org>", "user ann@x.org not found"
_LABELLED = re.compile(
    r"(?i)(?:(?:final|failed|intended|original|undeliverable|invalid|unknown|bad|rejected|the|this)"
    r"[ -]{0,2}){0,3}(?:final delivery )?(?:recipients?|userid|user|mailbox|addressee|address"
    r"|e-?mail|account|error-for|forward-path|destination|destinatario|destinataire|empfänger"
    r"|受信者|宛先|送信先|收件人|收件地址|получател\w*)(?:\(s\)|e-mail address|アドレス| name| is"
    r"| was|'s|s)?"
    rf"[\s:：=>\"'<\[(]{{1,8}}(?:smtp:|rfc822;|mailto:)?({_ADDRESS})"
    rf"|(?:addressed to|deliver(?:y|ed)?(?: \w+){{0,3}} to|(?:message|mail)s?(?: \w+)?"
    rf" (?:to|for)|undeliverable to|undelivered to|gateway for|sent to|reach|für|an|^\s*to|para|a)"
    rf"[\s:\"'<\[(]{{1,8}}({_ADDRESS})"
)
_SMTP_LINE = re.compile(
    rf"(?i)(?:^\W{{0,6}}[45]\d\d[ -][^@]{{0,200}}?|rcpt[ _]to:\s*)<?({_ADDRESS})"
)
_BARE_NAME = re.compile(r"^\s+([\w.+-]{1,64})\s*$")
# lines about anybody but the one who did not get it
_ABOUT_OTHERS = re.compile(
    r"(?i)expanded from|generated (?:from|by)|forwarded from|^\W{0,10}(?:from|sender|reply-to"
    r"|return-path"
    r"|mail from|cc|errors-to|差出人|送信者|von|de|message-?id)\b\W{0,4}[:：=<]|mail from:|contact"
    r"|for (?:further|more) (?:info|assist|help)|questions|support@|help ?desk|please (?:send"
    r"|forward|e-?mail)"
    r"|write to|message sent by|accepting mail from|^\W{0,10}\w[\w-]+-id:|お問い?合わせ"
    r"|on behalf of"
)
_OWN_HEADERS = ("to", "delivered-to", "x-original-to", "envelope-to", "from")
_ORIGINAL_SENDERS = ("from", "sender", "return-path", "reply-to", "errors-to", "x-sender")
_RULE = re.compile(r"\s*[-=_*]{3,}")
_DAEMON_ADDRESS = re.compile(r"(?i)^(?:mailer-daemon|postmaster|abuse|support|helpdesk|noreply)@")


_Named = dict[str, list[int]]  # an address, and the numbers of the lines that name it


@dataclass(frozen=True)
class _Place:
    """Where an address stands: the number of the line, and what follows on it."""

    line: int
    address: str
    rest: str


def read(letter: Letter) -> list[Finding]:
    """Whom the notice names where notices name people, with what it says of each; else []."""
    lines = _lines(letter)
    before = lines[: _divider(lines)]
    return _findings(letter, before, _places(letter, before) or _places(letter, lines))


def guess(letter: Letter) -> list[Finding]:
    """Whom it may speak of: any address in it, or the addressee of the mail it returns."""
    lines = _lines(letter)
    before = lines[: _divider(lines)]
    own = _own_addresses(letter)
    for text in (before, lines):
        fails = [one for one in _where_it_fails(text) if one.address.lower() not in own]
        if places := _once(fails) or _anywhere(letter, text, own):
            return _findings(letter, before, places)
    return _findings(letter, before, _of_original(letter, lines))


def saying(letter: Letter, addresses: list[str]) -> list[Finding]:
    """What the notice says of addresses that somebody else found in it."""
    lines = _lines(letter)
    before = lines[: _divider(lines)]
    return _findings(letter, before, [_where(address, before) for address in addresses])


def _findings(letter: Letter, lines: list[str], places: list[_Place]) -> list[Finding]:
    is_delay = speaks_of_delay(letter)
    named = _by_address(lines) if len(places) > 1 else None
    found: dict[str, Finding] = {}
    for number, place in enumerate(places[:MAX_RECIPIENTS]):
        following = places[number + 1].line if number + 1 < len(places) else len(lines)
        reply = _reply(lines, place, following, named)
        aliases = _expanded_from(lines[place.line : min(following, place.line + 3)])
        found[place.address.lower()] = findings.judge(
            place.address, reply, is_delay=is_delay, aliases=aliases
        )
    return list(found.values())


def _expanded_from(lines: list[str]) -> tuple[str, ...]:
    """The address that we wrote to, where it stands for the one that failed."""
    matches = map(_EXPANDED_FROM.search, lines)
    return tuple(reading_dsn.tidy(match[1]) for match in matches if match)


def _lines(letter: Letter) -> list[str]:
    return _lines_of(letter.text)


def _lines_of(text: str) -> list[str]:
    return [line[:MAX_LINE] for line in text.split("\n", MAX_LINES)[:MAX_LINES]]


def said_of(letter: Letter, address: str) -> str:
    """What the words to people say of an address that the report's fields name."""
    lines, lower, at_starts = _indexed(letter.text)
    address = address.lower()
    wanted = address if address in lower else address.split("@")[0] or address
    before, said, behind = lower.partition(wanted)
    if not said:
        return ""
    number = before.count("\n")
    length = len(behind.partition("\n")[0])
    place = _Place(number, address, lines[number][-length:] if length else "")
    others = at_starts[bisect(at_starts, number) :]
    following = (each for each in others if address not in lines[each].lower())
    return _reply(lines, place, next(following, len(lines)))


@lru_cache(maxsize=2)  # a report asks for a thousand people
def _indexed(text: str) -> tuple[list[str], str, list[int]]:
    """The lines, all of them in lower case, and the numbers of those that an address begins."""
    lines = _lines_of(text)
    at_starts = [number for number, line in enumerate(lines) if _AT_START.match(line)]
    return lines, "\n".join([*lines, ""]).lower(), at_starts


def names_somebody(letter: Letter) -> bool:
    """Whether an address stands where notices put the one they speak of."""
    lines = _lines(letter)[:200]
    own = _own_addresses(letter)
    places = [*_at_starts(lines), *_announced(letter, lines)]
    return any("@" in place.address and place.address.lower() not in own for place in places)


def speaks_of_delay(letter: Letter) -> bool:
    """Whether the server still tries."""
    said = f"{letter.first('subject')}\n{letter.text[:6000]}".lower()
    said = " ".join(said.split())
    return bool(notice_words.DELAYS.search(said) and not notice_words.GIVEN_UP.search(said))


def _divider(lines: list[str]) -> int:
    """The line where the notice says that the returned mail begins; the end without one."""
    for number, line in enumerate(lines):
        if number and notice_words.DIVIDERS.search(line.lower()):
            return number
    return len(lines)


def _places(letter: Letter, lines: list[str]) -> list[_Place]:
    own = _own_addresses(letter)
    sure = [list(_at_starts(lines)), list(_announced(letter, lines))]
    failed = _failed_header(letter)
    for places in sure:
        places = _once([place for place in places if place.address.lower() not in own])
        if places and len(places) >= len(failed):
            return places
    if failed:
        return [_where(address, lines) for address in failed]
    for pattern in (_SMTP_LINE, _LABELLED):
        looked = _matching(lines, pattern)
        places = _once([place for place in looked if place.address.lower() not in own])
        if places:
            return places
    return _once(sure[0] or sure[1])  # somebody wrote to themselves


def _failed_header(letter: Letter) -> list[str]:
    """X-Failed-Recipients of Exim and Gmail."""
    said = " ".join(letter.headers.get("x-failed-recipients", []))
    return list(dict.fromkeys(map(reading_dsn.tidy, _ANYWHERE.findall(said))))


def _own_addresses(letter: Letter) -> set[str]:
    """Those who sent the mail and those who sent the notice."""
    said = [value for name in _OWN_HEADERS for value in letter.headers.get(name, [])]
    said += [value for name in _ORIGINAL_SENDERS for value in letter.original.get(name, [])]
    return {reading_dsn.tidy(raw).lower() for value in said for raw in _ANYWHERE.findall(value)}


def _at_starts(lines: list[str]) -> Iterator[_Place]:
    for number, line in enumerate(lines):
        program = number and _OF_A_PROGRAM.match(lines[number - 1])
        if program and (person := _GENERATED_BY.match(line)):
            yield _Place(number, reading_dsn.tidy(person[1]), "")
            continue
        match = _AT_START.match(line) if _has_address(line) else None
        if match is None or _ABOUT_OTHERS.search(line) or _STARTS_SENTENCE.match(match[2]):
            continue
        address = reading_dsn.tidy(match[1])
        if not _DAEMON_ADDRESS.match(address):
            yield _Place(number, address, match[2])


def _announced(letter: Letter, lines: list[str]) -> Iterator[_Place]:
    """The addresses under "the following recipients:", up to an empty line after them. A bare
    name stands for a mailbox of the server that writes."""
    until = seen = 0
    for number, line in enumerate(lines):
        if notice_words.ANNOUNCEMENTS.search(line.lower()):
            until, seen = number + 8, 0
        if number > until or not until:
            continue
        names = [] if _ABOUT_OTHERS.search(line) else _ANYWHERE.findall(line)
        bare = _BARE_NAME.match(line)
        if bare and not names and not letter.original:
            domain = reading_dsn.address_in(letter.first("from")).partition("@")[2]
            names = [f"{bare[1]}@{domain.lower()}"] if domain else []
        for raw in names:
            seen += 1
            yield _Place(number, reading_dsn.tidy(raw), line.replace(raw, " "))
        if seen and not line.strip():
            until = 0


def _has_address(line: str) -> bool:
    return "@" in line and _ANYWHERE.search(line) is not None


def _matching(lines: list[str], pattern: re.Pattern) -> Iterator[_Place]:
    for number, line in enumerate(lines):
        if not _has_address(line) or _ABOUT_OTHERS.search(line):
            continue
        for match in pattern.finditer(line):
            group = match.lastindex or 0
            address = reading_dsn.tidy(match[group])
            if _DAEMON_ADDRESS.match(address) or _ELSEWHERE.search(line[: match.start(group)]):
                continue
            yield _Place(number, address, line)


def _where_it_fails(lines: list[str]) -> Iterator[_Place]:
    for number, line in enumerate(lines):
        if not _has_address(line) or _ABOUT_OTHERS.search(line):
            continue
        if notice_words.FAILURES.search(line.lower()):
            for raw in _ANYWHERE.findall(line):
                yield _Place(number, reading_dsn.tidy(raw), line)


def _anywhere(letter: Letter, lines: list[str], own: set[str]) -> list[_Place]:
    for text in (letter.first("subject"), "\n".join(lines)):
        addresses = [reading_dsn.tidy(raw) for raw in _ANYWHERE.findall(text)]
        addresses = [address for address in addresses if address.lower() not in own]
        if addresses:
            return [_Place(0, address, "") for address in dict.fromkeys(addresses)][:20]
    return []


def _of_original(letter: Letter, lines: list[str]) -> list[_Place]:
    """The notice names nobody by address: the returned mail's only addressee, or those whose
    local part the notice names."""
    said = [value for name in ("to", "x-receiver") for value in letter.original.get(name, [])]
    addresses = [reading_dsn.tidy(raw) for value in said for raw in _ANYWHERE.findall(value)]
    addresses = list(dict.fromkeys(addresses))[:MAX_RECIPIENTS]
    text = "\n".join(lines).lower()
    named = [address for address in addresses if _names_local_part(text, address)]
    if named:
        return [_where(address, lines) for address in named]
    return [_Place(0, addresses[0], "")] if len(addresses) == 1 else []


def _names_local_part(text: str, address: str) -> bool:
    local = re.escape(address.lower().split("@")[0])
    return re.search(rf"(?<!\w){local}(?!\w)", text) is not None


def _where(address: str, lines: list[str]) -> _Place:
    """The line that speaks of an address known from elsewhere."""
    for wanted in (address.lower(), address.lower().split("@")[0]):
        for number, line in enumerate(lines):
            if wanted in line.lower():
                return _Place(number, address, line[line.lower().index(wanted) + len(wanted) :])
    return _Place(0, address, "")


def _once(places: list[_Place]) -> list[_Place]:
    return list({place.address.lower(): place for place in reversed(places)}.values())[::-1]


def _reply(lines: list[str], place: _Place, following: int, named: _Named | None = None) -> str:
    """What is said of this address: up to the next one, or everything where that says nothing. Of
    several (then there is `named`), each is spoken of above a rule, or on lines that name it."""
    said = [place.rest.lstrip(">]\")': \t-"), *lines[place.line + 1 : following][:40]]
    parts = [said]
    if named is not None:
        rule = next((n for n, line in enumerate(said) if n and _RULE.match(line)), len(said))
        others = named.get(place.address.lower(), ())
        naming = [lines[number] for number in others if number != place.line]
        parts = [said[:rule], naming[:20], said]
    for part in parts:
        text = " ".join(" ".join(part).split())[:MAX_REPLY]
        if findings.says_something(text):
            return text
    return _beginning("\n".join(lines[:200]))


@lru_cache(maxsize=4)
def _beginning(text: str) -> str:
    return " ".join(text.split())[:MAX_REPLY]


def _by_address(lines: list[str]) -> _Named:
    named: _Named = {}
    for number, line in enumerate(lines):
        for raw in _ANYWHERE.findall(line) if "@" in line else ():
            named.setdefault(reading_dsn.tidy(raw).lower(), []).append(number)
    return named
