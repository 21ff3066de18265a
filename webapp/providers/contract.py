"""What every provider file offers: facts, a tracking header, authenticity, and parse()."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from webapp.mail.reports import Report

TrackingHeaders = Callable[[str], dict[str, str]]


class Unreadable(ValueError):
    """What arrived is authentic but cannot be understood; it stays stored, visibly."""


@dataclass(frozen=True)
class Keys:
    """What a Connection knows of its provider: the current secret or key, and the one before it
    while it is still valid."""

    current: str | None
    previous: str | None = None

    def __iter__(self):
        return iter([key for key in (self.current, self.previous) if key])


@dataclass(frozen=True)
class Provider:
    """The kind of relay behind a Connection: facts and functions, no state.

    tracking_headers(token)                  headers that make the token come back in every event
    is_authentic(body, headers, keys, now)   whether the raw bytes are the provider's; constant time
    dedupe_key(body, headers)                equal for repeats of the same delivery
    parse(body, headers)                     Reports in our words; raises Unreadable
    Header names are lower-case. `try_later` is the answer for trouble of our own that makes this
    provider come again, never one that makes it stop.
    """

    name: str
    title: str
    docs: str
    host: str = ""
    port: int = 587
    reports: bool = True
    key_label: str = "Signing key"
    try_later: int = 503
    tracking_headers: TrackingHeaders = lambda token: {}
    is_authentic: Callable[[bytes, Mapping[str, str], Keys, datetime], bool] = (
        lambda body, headers, keys, now: False
    )
    dedupe_key: Callable[[bytes, Mapping[str, str]], str] = lambda body, headers: ""
    parse: Callable[[bytes, Mapping[str, str]], list[Report]] = lambda body, headers: []
