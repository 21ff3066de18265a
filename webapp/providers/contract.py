"""What every provider file offers: facts, a tracking header, authenticity, and parse()."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from webapp.mail.reports import Report

TrackingHeaders = Callable[[str], dict[str, str]]


class Unreadable(ValueError):
    """What arrived is authentic but cannot be understood; it stays stored, visibly."""


class CannotTell(Exception):
    """Whether it is authentic cannot be found out now (a certificate is out of reach): our trouble,
    so the provider is asked to come again."""


def no_certificates(url: str) -> bytes:
    """Where none can be fetched."""
    raise CannotTell(url)


@dataclass(frozen=True)
class Keys:
    """What a Connection knows of its provider: the current secret or key, and the one before it
    while it is still valid. `certificate(url)` gives the bytes of a certificate at an address that
    the provider's file has found to be the provider's own; it raises CannotTell."""

    current: str | None
    previous: str | None = None
    certificate: Callable[[str], bytes] = no_certificates

    def __iter__(self):
        return iter([key for key in (self.current, self.previous) if key])


@dataclass(frozen=True)
class Provider:
    """The kind of relay behind a Connection: facts and functions, no state.

    tracking_headers(token)                  headers that make the token come back in every event
    message_id_in(reply)                     its own id in the SMTP answer that accepts a mail
    is_authentic(body, headers, keys, now)   whether the raw bytes are the provider's; constant
                                             time; raises nothing but CannotTell
    dedupe_key(body, headers)                equal for repeats of the same delivery
    parse(body, headers)                     Reports in our words; raises nothing but Unreadable
    confirmation_url(body)                   the provider's own address that must be visited before
                                             it begins to report, "" where it names another's;
                                             None for any other body
    Header names are lower-case; of a request only `kept_headers` are stored for parse().

    Answers: `refused` to what is not authentic, `try_later` for trouble of our own. `stops` are
    those which end the provider's repeats for good; neither of the two may be among them where
    there is another, because a key may be mistyped and a database be away for an hour.
    """

    name: str
    title: str
    docs: str
    host: str = ""
    port: int = 587
    other_ports: tuple[int, ...] = ()
    host_hint: str = ""
    username: str = ""  # where it is the same for everybody
    username_hint: str = ""
    password_hint: str = ""
    reports: bool = True
    is_set_up_by_itself: bool = False  # whoever signs in gives it the hook's token and key
    key_label: str = "Signing key"
    is_key_ours: bool = False  # a password: we make it, the provider is told
    is_key_in_hook: bool = False  # as https://user:password@…, for there is no field for it
    key_hint: str = ""
    setup: tuple[str, ...] = ()  # what to do over there, step by step
    refused: int = 401
    try_later: int = 503
    stops: tuple[int, ...] = ()
    kept_headers: tuple[str, ...] = ()
    tracking_headers: TrackingHeaders = lambda token: {}
    message_id_in: Callable[[str], str | None] = lambda reply: None
    is_authentic: Callable[[bytes, Mapping[str, str], Keys, datetime], bool] = (
        lambda body, headers, keys, now: False
    )
    dedupe_key: Callable[[bytes, Mapping[str, str]], str] = lambda body, headers: ""
    parse: Callable[[bytes, Mapping[str, str]], list[Report]] = lambda body, headers: []
    confirmation_url: Callable[[bytes], str | None] = lambda body: None
