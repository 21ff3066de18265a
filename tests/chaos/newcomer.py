"""Somebody without a browser: gets pages, fills in their forms, presses their buttons."""

import http.cookiejar
import re
import urllib.request
import uuid
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin


@dataclass
class HtmlForm:
    """A form of a page with what stands in it."""

    action: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    """An answer. `status` 204 has no text."""

    url: str
    status: int
    text: str

    @property
    def words(self) -> str:
        """What a person reads, without tags."""
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.text))

    def form(self, part_of_action: str) -> HtmlForm:
        reader = _Forms(self.url)
        reader.feed(self.text)
        found = [form for form in reader.forms if part_of_action in form.action]
        assert found, f"no form for {part_of_action} on {self.url}: {self.words[:2000]}"
        return found[0]


class Newcomer:
    """One session at `address`."""

    def __init__(self, address: str) -> None:
        self._address = address
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def get(self, path: str, *, part: bool = False) -> Page:
        headers = {"HX-Request": "true"} if part else {}
        return self._open(urllib.request.Request(urljoin(self._address, path), headers=headers))

    def submit(self, page: Page, part_of_action: str, **typed: str) -> Page:
        form = page.form(part_of_action)
        body = urlencode(form.values | typed).encode()
        return self._open(urllib.request.Request(form.action, body))

    def upload(self, page: Page, part_of_action: str, name: str, content: bytes) -> Page:
        """Submit a form with a file in its field `file` (RFC 7578)."""
        form, boundary = page.form(part_of_action), uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in form.values.items()
        ]
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        body = "".join(parts).encode() + f"--{boundary}\r\n{head}\r\n\r\n".encode() + content
        request = urllib.request.Request(form.action, body + f"\r\n--{boundary}--\r\n".encode())
        request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        return self._open(request)

    def _open(self, request: urllib.request.Request) -> Page:
        with self._opener.open(request, timeout=60) as answer:
            return Page(answer.url, answer.status, answer.read().decode())


class _Forms(HTMLParser):
    """Collects the forms of a page, filled in as they are shown."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self._url = url
        self._select = self._area = ""

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in given}
        if tag == "form":
            self.forms.append(HtmlForm(urljoin(self._url, attributes.get("action", self._url))))
        if not self.forms:
            return
        name, value = attributes.get("name", ""), attributes.get("value", "")
        values = self.forms[-1].values
        if tag == "input" and name and attributes.get("type") not in ("file", "submit"):
            if attributes.get("type") not in ("radio", "checkbox") or "checked" in attributes:
                values[name] = value
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            if "selected" in attributes or self._select not in values:
                values[self._select] = value
        elif tag == "textarea":
            self._area = name
            values[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area and self.forms:
            self.forms[-1].values[self._area] += data
