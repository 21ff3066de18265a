"""The token of a copy: it travels in the message and comes back in whatever is said of it."""

from webapp.lib import signing

COPY = "copy"
TEST = "test"
UNSUBSCRIBE = "unsubscribe"


def copy_token(key: bytes, recipient_id: int) -> str:
    """The token of a copy; also the left side of its Message-ID."""
    return signing.make_token(key, COPY, recipient_id)


def read_copy_token(key: bytes, token: str) -> int | None:
    """The id of the Recipient, or None."""
    return signing.read_token(key, COPY, token)


def unsubscribe_token(key: bytes, recipient_id: int) -> str:
    """Another than the copy's own: a forwarded Message-ID must not unsubscribe anybody."""
    return signing.make_token(key, UNSUBSCRIBE, recipient_id)


def read_unsubscribe_token(key: bytes, token: str) -> int | None:
    return signing.read_token(key, UNSUBSCRIBE, token)


def open_token(key: bytes, recipient_id: int) -> str:
    """What the address of the picture of opens holds."""
    return signing.make_token(key, "open", recipient_id)


def read_open_token(key: bytes, token: str) -> int | None:
    return signing.read_token(key, "open", token)


def click_token(key: bytes, recipient_id: int, number: int) -> str:
    """What the address of the `number`-th link holds: made for that link of that copy alone."""
    return signing.make_token(key, f"click {number}", recipient_id)


def read_click_token(key: bytes, token: str, number: int) -> int | None:
    return signing.read_token(key, f"click {number}", token)


def read_test_token(key: bytes, token: str) -> int | None:
    """The number of the test mail that it came back from, of which no books are kept, or None."""
    return signing.read_token(key, TEST, token)


def test_token(key: bytes, number: int) -> str:
    return signing.make_token(key, TEST, number)


def return_path(token: str, bounce_address: str) -> str:
    """Where whatever becomes of one copy is to be sent back to (VERP): the token rides on the
    address, bounces@x.org → bounces+TOKEN@x.org; a bare domain x.org → TOKEN@x.org."""
    local, at, domain = bounce_address.rpartition("@")
    return f"{local}+{token}@{domain}" if at else f"{token}@{bounce_address}"


def read_return_path(address: str) -> tuple[str | None, str]:
    """(what looks like a token or None, the bounce address without it) of a return path."""
    local, _, domain = address.strip().strip("<>").rpartition("@")
    base, plus, token = local.rpartition("+")
    if not signing.is_token_shaped(token.lower()):
        return None, address.strip().strip("<>").lower()
    return token.lower(), f"{base}@{domain}".lower() if plus else domain.lower()
