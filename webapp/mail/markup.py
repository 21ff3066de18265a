"""The text people write (Markdown with merge fields) as the HTML and the plain text of a mail."""

import html
import re
from html.parser import HTMLParser

import css_inline
import nh3
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True}).enable(
    ["table", "strikethrough"]
)
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_HELD = re.compile(r"zqmerge(\d+)qz")
_HIDDEN_LINK = re.compile(r"(href=\")\{%[^\"]*", re.DOTALL)
_LINK_SLOT = re.compile(r"(href=\")\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_TAGS = {
    *("a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "hr", "i", "li"),
    *("ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_STYLE = """
body { margin: 0; background: #ffffff; }
.mail { max-width: 600px; margin: 0 auto; padding: 24px 16px; color: #1c2733;
  font: 16px/1.55 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
.mail a { color: #1d5fd1; }
.mail h1 { font-size: 24px; line-height: 1.25; } .mail h2 { font-size: 20px; }
.mail blockquote { margin: 0; padding-left: 12px; border-left: 3px solid #d9dfe7; color: #56616f; }
.mail td, .mail th { padding: 4px 8px; border: 1px solid #d9dfe7; text-align: left; }
.foot { margin-top: 32px; padding-top: 12px; border-top: 1px solid #d9dfe7; color: #56616f;
  font-size: 13px; }
"""


def to_html(source: str) -> str:
    """Markdown to harmless HTML; Liquid tags come through untouched, ready to be merged.

    A merge field that is the address of a link is passed through the filter safe_link; an address
    that begins with logic cannot be judged before it is merged, and leads nowhere.
    """
    held = _Held()
    body = _MARKDOWN.render(held.hold(source))
    body = nh3.clean(body, tags=_TAGS, attributes={"a": {"href", "title"}}, link_rel="noopener")
    body = _HIDDEN_LINK.sub(r"\1#", held.give_back(body))
    return _LINK_SLOT.sub(r"\1{{ \2 | safe_link }}", body)


def wrap_html(body: str, footer: str, subject: str = "") -> str:
    """A whole HTML document around `body`; the styles are put on the elements themselves."""
    document = (
        f"<!doctype html><html><head><meta charset='utf-8'><title>{html.escape(subject)}</title>"
        f"<style>{_STYLE}</style></head><body><div class='mail'>{body}"
        f"<div class='foot'>{footer}</div></div></body></html>"
    )
    held = _Held()
    inlined = css_inline.inline(held.hold(document), load_remote_stylesheets=False)
    return held.give_back(inlined)


def to_text(body: str) -> str:
    """The plain text of harmless HTML: links as "words <address>", lists with dashes; Liquid tags
    come through untouched, quotes inside of attributes included."""
    held = _Held()
    reader = _TextReader(held)
    reader.feed(held.hold(body))
    reader.close()
    lines = [line.rstrip() for line in "".join(reader.parts).split("\n")]
    return held.give_back(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n")


class _Held:
    """Liquid tags taken out of a text while somebody reads it who knows none, and put back."""

    def __init__(self) -> None:
        self._tags: list[str] = []

    def hold(self, text: str) -> str:
        return _TAG.sub(self._take, text)

    def give_back(self, text: str) -> str:
        return _HELD.sub(self._tag, text)

    def _take(self, match: re.Match) -> str:
        self._tags.append(match[0])
        return f"zqmerge{len(self._tags) - 1}qz"

    def _tag(self, match: re.Match) -> str:
        number = int(match[1])
        return self._tags[number] if number < len(self._tags) else match[0]


class _TextReader(HTMLParser):
    _BLOCKS = ("p", "h1", "h2", "h3", "h4", "ul", "ol", "blockquote", "pre", "table", "div")

    def __init__(self, held: _Held) -> None:
        super().__init__(convert_charrefs=True)
        self._held = held
        self.parts: list[str] = []
        self._links: list[tuple[str, int]] = []  # the address, and where its words begin
        self._lists: list[int | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._BLOCKS and not self._is_at_bullet():
            self.parts.append("\n\n" if not (tag in ("ul", "ol") and self._lists) else "")
        if tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "br" or tag == "tr":
            self.parts.append("\n")
        elif tag == "hr":
            self.parts.append("\n\n----\n\n")
        elif tag == "li":
            self.parts.append("\n" + self._bullet())
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.parts)))
        elif tag in ("td", "th"):
            self.parts.append("  ")

    def _is_at_bullet(self) -> bool:
        return bool(self.parts) and self.parts[-1].endswith(("- ", ". "))

    def _bullet(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "  " * max(len(self._lists) - 1, 0) + "- "
        self._lists[-1] = number + 1
        return f"{number + 1}. "

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._links:
            self._close_link(*self._links.pop())
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in self._BLOCKS:
            self.parts.append("\n\n" if not self._lists else "")

    def _close_link(self, target: str, begin: int) -> None:
        target = self._held.give_back(target).replace(" | safe_link", "")
        words = self._held.give_back("".join(self.parts[begin:])).rstrip()
        if target and not words.endswith(target.removeprefix("mailto:")):
            self.parts.append(f" <{target}>")

    def handle_data(self, data: str) -> None:
        if "\n" in data and not data.strip():
            return  # stands between tags for who reads the source
        if self.parts and self.parts[-1].endswith("\n") or not self.parts:
            data = data.lstrip("\n")
        self.parts.append(data.replace("\r", ""))
