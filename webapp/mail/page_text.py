"""The words of an HTML page, for a mail that has no others."""

import re
from html.parser import HTMLParser

MAX_PAGE = 200_000


class _Page(HTMLParser):
    """HTML as lines of text."""

    _BREAKS = {"br", "p", "div", "tr", "li", "h1", "h2", "h3", "table", "pre", "hr", "ul"}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self.is_silent = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.is_silent = tag in ("style", "script", "title")
        self.said.append("\n" if tag in self._BREAKS else "")

    def handle_endtag(self, tag: str) -> None:
        self.is_silent = False
        self.said.append("\n" if tag in self._BREAKS else "")

    def handle_data(self, data: str) -> None:
        if not self.is_silent:
            self.said.append(data)


def html_to_text(page: str) -> str:
    """The words of an HTML page, a line for each block."""
    reader = _Page()
    try:
        reader.feed(page[:MAX_PAGE])
        reader.close()
    except (ValueError, AssertionError, RecursionError):
        return re.sub(r"<[^>]{0,2000}>", "\n", page[:MAX_PAGE])
    return "\n".join(line.strip() for line in "".join(reader.said).split("\n"))
