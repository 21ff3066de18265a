"""Addresses as people type them: which can be written to, and when two are the same mailbox."""

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

MISSING = "There is no address."


@dataclass(frozen=True)
class Address:
    """`address` as it will be used, `key` equal for the same mailbox (None: nothing can be sent
    there, and `problem` says why in one sentence)."""

    address: str
    key: str | None
    problem: str | None


def check(text: str | None) -> Address:
    """Judge one address without asking the network. Never raises.

    The key is the case-folded local part and the domain as A-label (RFC 5890): few mail servers
    tell Ann from ann, and writing twice to one person is the greater harm.
    """
    raw = (text or "").strip()
    if not raw:
        return Address("", None, MISSING)
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in raw):
        return Address(_visible(raw), None, "The address has a control character or line break.")
    if "=?" in raw:
        return Address(raw[:320], None, "The address has “=?” in it, which mail programs misread.")
    try:
        found = validate_email(raw, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        return Address(raw[:320], None, str(error))
    except UnicodeError:
        return Address(raw[:320], None, "The address has characters that no mail server accepts.")
    key = f"{found.local_part.casefold()}@{found.ascii_domain.lower()}"
    return Address(found.normalized, key, None)


def domain_of(address: str) -> str:
    """The domain, lower-case; "" without one."""
    return address.rpartition("@")[2].lower()


def on_the_wire(address: str, key: str | None) -> str:
    """`address` as a mail server wants it: its domain an A-label (RFC 5890), as in its `key`."""
    if address.isascii() or key is None:
        return address
    return f"{address.rpartition('@')[0]}@{key.rpartition('@')[2]}"


def _visible(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:320]
