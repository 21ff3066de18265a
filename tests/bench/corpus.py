"""The mail that everybody sends, and to whom: a pure function of a number, and of nothing else.

2 KB of text and 6 KB of HTML, eight merge fields, one recipient each. No module but the standard
library's: the peers' own environments import this file too.
"""

import html
import re
import zlib
from collections.abc import Callable

FIRST_NAMES = (
    "Ann",
    "Björn",
    "Chloé",
    "Dmitri",
    "Elif",
    "Farid",
    "Gráinne",
    "Hana",
    "Ivo",
    "Jørgen",
)
LAST_NAMES = ("Okafor", "Müller", "O'Brien", "Lindqvist & Co", "Sato", "de Vries", "Núñez")
CITIES = ("Leeds", "Zürich", "Malmö", "Porto", "São Paulo", "Kraków", "Osaka", "Cork", "Lyon")
PLANS = ("Member", "Friend", "Patron")
FIELDS = ("first_name", "last_name", "city", "plan", "amount", "due", "number")

SENDER = "grants@harbour.example"
FROM = f"Harbour Grants <{SENDER}>"
SUBJECT = "{{ first_name }}, your {{ plan }} contribution is due on {{ due }}"
LIST_UNSUBSCRIBE = "<{{ unsubscribe_url }}>"

_NEWS = (
    "This year the fund paid for forty-one small projects between the harbour and the old mill:"
    " a boat that children may learn to sail in, two workshops, a roof, and a great many books."
)
TEXT = (
    "Dear {{ first_name }} {{ last_name }},\n\n"
    "your {{ plan }} contribution of € {{ amount }} for {{ city }} is due on {{ due }}."
    " The number of your letter is {{ number }}.\n\n"
    + "\n\n".join(f"{n}. {_NEWS}" for n in range(1, 10))
    + "\n\nRead the letter: https://www.harbour.example/letters/{{ number }}\n"
    "Unsubscribe: {{ unsubscribe_url }}\n"
)
HTML = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    "<title>Letter {{ number }}</title></head>\n"
    '<body style="margin:0;background:#f4f4f2;font-family:Georgia,serif;color:#222">\n'
    '<table role="presentation" width="600" align="center" cellpadding="0"><tr><td>\n'
    "<h1>Dear {{ first_name }} {{ last_name }}</h1>\n"
    "<p>Your <b>{{ plan }}</b> contribution of € {{ amount }} for {{ city }} is due on"
    " <b>{{ due }}</b>.</p>\n</td></tr>\n"
    + "\n".join(
        '<tr><td style="padding:10px 18px;border-bottom:1px solid #d8d8d2">'
        f'<h2 style="font-size:18px">Part {n}</h2>\n<p>{_NEWS}</p>\n<p>{_NEWS}</p></td></tr>'
        for n in range(1, 12)
    )
    + '\n<tr><td><p><a href="https://www.harbour.example/letters/{{ number }}"'
    ' style="background:#0a5c64;color:#fff;padding:12px 20px">Read letter {{ number }}</a></p>\n'
    '<p>{{ first_name }}, do you not want these letters? <a href="{{ unsubscribe_url }}">'
    "Unsubscribe</a></p></td></tr></table></body></html>\n"
)


def values(number: int) -> dict[str, str]:
    """The merge values of person `number`."""
    return {
        "first_name": FIRST_NAMES[number % 10],
        "last_name": LAST_NAMES[number // 10 % 7],
        "city": CITIES[number % 9],
        "plan": PLANS[number % 3],
        "amount": f"{number % 890 + 10}.{number % 90 + 10}",
        "due": f"2027-{number % 12 + 1:02}-{number % 28 + 1:02}",
        "number": f"HG-{number:08}",
    }


def address(number: int) -> str:
    return f"person{number}@d{number % 997}.example.org"


def number_of(address_: str) -> int:
    """Which person has that address."""
    return int(address_[6 : address_.index("@")])


def unsubscribe_url(number: int) -> str:
    """What the peers write; ours has links of its own, which the database knows."""
    return f"https://www.harbour.example/u/{number * 2654435761 % 2**32:08x}{number:08x}"


def person(number: int) -> dict[str, str]:
    """Address, link and merge values, as a peer merges them."""
    link = unsubscribe_url(number)
    return {"address": address(number), "unsubscribe_url": link} | values(number)


def filler(source: str, escape: Callable[[str], str] = str) -> Callable[[dict], str]:
    """A function from merge values to the text: the plainest way there is, to check by."""
    parts = re.split(r"\{\{ (\w+) \}\}", source)
    return lambda values: "".join(
        escape(values[part]) if n % 2 else part for n, part in enumerate(parts)
    )


def escape(value: str) -> str:
    return html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


_text, _html = filler(TEXT), filler(HTML, escape)


def sums(person_: dict[str, str]) -> tuple[int, int]:
    """CRC-32 of the text and of the HTML that this person must get."""
    return _sum(_text(person_)), _sum(_html(person_))


def _sum(text: str) -> int:
    return zlib.crc32(text.rstrip("\n ").encode())


if __name__ == "__main__":
    one = person(17)
    print(len(_text(one).encode()), "bytes of text,", len(_html(one).encode()), "of HTML")
