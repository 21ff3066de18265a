"""Links of a mail that lead over us, so that clicks can be counted, and the picture of opens.

Only the HTML part is rewritten, once, when an email starts: every link becomes a slot that is
filled with the copy's own signed address. The plain text keeps its addresses: there they are read,
and a signed one says nothing to its reader.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from webapp.mail import merging
from webapp.mail.merging import MergeError

MOST_LINKS = 200  # of one mail; further ones stay as they are
MAX_TARGET = 2_000
PIXEL = "_pixel"  # no field of a form begins with an underscore
HIDDEN = 0  # the number of the link that no human sees
_TAG = r"\{\{.*?\}\}|\{%.*?%\}"
_VALUE = rf'(?:{_TAG}|[^"])*+'
# a merge tag outside of links is passed over whole: what stands in it is no HTML
_LINK = re.compile(
    rf'(?P<tag>{_TAG})|(?P<before><a (?:(?!href=)[a-z-]+="{_VALUE}" )*+href=")(?P<href>{_VALUE})'
    rf'(?P<after>"[^<]*)(?P<words>.*?)(?=</a>)',
    re.DOTALL,
)
_MARKUP = re.compile(rf"<[^>]*>|{_TAG}", re.DOTALL)
_RAW = re.compile(r"\{%-?\s*(raw|comment|doc)\b")
_CONTROLS = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True)
class Link:
    """A link as it was written: `target` is Liquid of the frozen values, `words` what is read."""

    number: int
    target: str
    words: str


def slot_of(number: int) -> str:
    """The name under which the template finds the address of a link."""
    return f"_link_{number}"


def follow(source: str, *, opens: bool, clicks: bool) -> tuple[str, list[Link]]:
    """(HTML whose links are slots and which has a picture, the links by number from 1 on)."""
    links: list[Link] = []
    if clicks and not _RAW.search(source):
        source, links = _with_slots(source)
    last = ""
    if links:  # who fetches this is no human
        last += (
            f'<a href="{{{{ {slot_of(HIDDEN)} }}}}" aria-hidden="true" tabindex="-1"'
            ' style="display: none;"></a>'
        )
    if opens:
        last += f'<img src="{{{{ {PIXEL} }}}}" width="1" height="1" alt="" style="border: 0;">'
    before, end, after = source.rpartition("</body>")
    return (before + last + end + after if end else source + last), links


def marked(source: str, marks: Mapping[int, str]) -> str:
    """`source` with its mark (HTML) at the end of each link that follow() would number."""
    if _RAW.search(source):
        return source
    return _each_link(source, lambda number, match: match[0] + marks.get(number, ""))


def _each_link(source: str, change: Callable[[int, re.Match], str]) -> str:
    """Each link that is followed replaced by what `change` makes of it, by its number."""
    has_logic, number = "{%" in source, 0

    def replace(match: re.Match) -> str:
        nonlocal number
        href = match["href"]
        if match["tag"] or number >= MOST_LINKS or not is_followed(href, has_logic=has_logic):
            return match[0]
        number += 1
        return change(number, match)

    return _LINK.sub(replace, source)


def _with_slots(source: str) -> tuple[str, list[Link]]:
    links: list[Link] = []

    def rewrite(number: int, match: re.Match) -> str:
        href = match["href"]
        words = html.unescape(_MARKUP.sub(" ", match["after"].partition(">")[2] + match["words"]))
        links.append(Link(number, html.unescape(href), " ".join(words.split())[:200]))
        new = f"{{{{ {slot_of(number)} }}}}"
        if is_whole_field(href):
            inner = href.removeprefix("{{").removesuffix("}}").strip()
            new = f"{{{{ {inner} | followed: {slot_of(number)} }}}}"
        return match["before"] + new + match["after"] + match["words"]

    return _each_link(source, rewrite), links


def is_followed(href: str, *, has_logic: bool) -> bool:
    """Whether clicks on it can be counted: web addresses alone, never one that unsubscribes. One
    with merge fields is worked out at the click from the values that were frozen, which the
    variables of a text with logic are not among."""
    if len(href) > MAX_TARGET or "unsubscri" in href.lower() or "{%" in href:
        return False
    if "{{" in href:
        if has_logic or not _is_mergeable(html.unescape(href)):
            return False
        return is_whole_field(href) or _is_web(href)
    return _is_web(href)


def is_whole_field(href: str) -> bool:
    """Whether a field alone says where the link leads: no web address may be among its values."""
    return href.startswith("{{") and href.endswith("}}") and href.count("{{") == 1


def target_of(link_target: str, values: Mapping[str, object]) -> str | None:
    """Where a copy's link leads, as a header can say it; None where that is no web address."""
    try:
        made = merging.render(link_target, values) if "{{" in link_target else link_target
    except MergeError:
        return None
    found = _CONTROLS.sub(lambda match: f"%{ord(match[0]):02X}", made.strip())
    return found if _is_web(found) else None


def _is_mergeable(href: str) -> bool:
    try:
        return bool(merging.fields_in(href))
    except MergeError:
        return False


def _is_web(address: str) -> bool:
    return re.match(r"https?://[^/{]", address, re.IGNORECASE) is not None
