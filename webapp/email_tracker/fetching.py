"""Visiting the few addresses that a provider's post may have us visit, and no others."""

import http.client
import ssl
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from webapp.lib import clock, hosts
from webapp.providers.contract import CannotTell

MAX_BYTES = 64 * 1024
SECONDS = 3  # an answer to a post may take five
KEPT_SECONDS = 24 * 3600
MOST_KEPT = 32

_kept: dict[str, tuple[float, bytes]] = {}
_lock = threading.Lock()


def get(
    url: str,
    *,
    trust: ssl.SSLContext | None = None,
    is_refused: Callable[[str], bool] = hosts.is_private,
) -> bytes:
    """The body at an https address that the provider's file has checked. No redirect is followed,
    no proxy asked, nothing inside our own network visited. Raises OSError."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or is_refused(parts.hostname):
        raise OSError(f"{parts.hostname} is not visited")
    connection = http.client.HTTPSConnection(
        parts.hostname,
        parts.port or 443,
        timeout=SECONDS,
        context=trust or ssl.create_default_context(),
    )
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        body = answer.read(MAX_BYTES + 1)
    except OSError:  # a certificate that proves nothing is a ValueError, too
        raise
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__} from {parts.hostname}") from None
    finally:
        connection.close()
    if answer.status != 200 or len(body) > MAX_BYTES:
        raise OSError(f"{parts.hostname} answered {answer.status}")
    return body


def certificate(url: str, fetch: Callable[[str], bytes] = get) -> bytes:
    """The certificate at `url`, fetched once a day. Raises CannotTell while it is out of reach."""
    now = clock.now().timestamp()
    with _lock:
        kept = _kept.get(url)
    if kept and now - kept[0] < KEPT_SECONDS:
        return kept[1]
    try:
        body = fetch(url)
    except OSError as error:
        raise CannotTell(str(error)) from None
    with _lock:
        if len(_kept) >= MOST_KEPT:  # an address must be of the provider's own host to get here
            _kept.clear()
        _kept[url] = (now, body)
    return body
