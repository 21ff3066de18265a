"""The words of an HTML page, for a mail that has no others."""

import html
import re

MAX_PAGE = 200_000

# no parser: html.parser takes minutes for a page made of tags that never end
_SILENT = re.compile(r"(?is)<(style|script|title|head)\b[^<>]*>.*?</\1\s*>")
_BREAK = re.compile(r"(?i)</?(?:br|p|div|tr|li|h\d|table|pre|hr|ul|blockquote)\b[^<>]*>")
_CELL = re.compile(r"(?i)</t[dh]\s*>")
_TAG = re.compile(r"<[!/?a-zA-Z][^<>]*>")


def page_to_text(page: str) -> str:
    """The words, a line for each block; nothing else of HTML is understood."""
    page = page[:MAX_PAGE]
    if "</" in page:
        page = _SILENT.sub(" ", page)
    text = html.unescape(_TAG.sub("", _CELL.sub(" ", _BREAK.sub("\n", page))))
    return "\n".join(line.strip() for line in text.split("\n"))
