"""The signed addresses of a copy's links and of its picture, and the links of an email."""

from collections.abc import Mapping, Sequence

from webapp.delivery import tokens
from webapp.delivery.models_following import FollowedLink
from webapp.extensions import db
from webapp.mail import linking
from webapp.mail.linking import Link

_NONE: Mapping[str, str] = {}


def keep_links(bulk_email_id: int, links: Sequence[Link]) -> None:
    """Where an email's links lead, once for all its copies. In the caller's transaction."""
    db.session.add_all(
        [
            FollowedLink(
                bulk_email_id=bulk_email_id,
                number=link.number,
                target=link.target,
                words=link.words,
            )
            for link in links
        ]
    )


class Addresses:
    """What fills the slots of a template whose opens or clicks are counted: `following` is what was
    frozen of that, None where nothing is."""

    def __init__(self, key: bytes, base_url: str, following: Mapping | None) -> None:
        self._key = key
        self._base_url = base_url
        self._opens = bool(following and following["opens"])
        links = following["links"] if following else 0
        self._numbers = [linking.HIDDEN, *range(1, links + 1)] if links else []

    def of(self, recipient_id: int) -> Mapping[str, str]:
        """{slot: address} of one copy."""
        if not self._opens and not self._numbers:
            return _NONE
        made = {
            linking.slot_of(number): f"{self._base_url}/c/{number}/"
            + tokens.click_token(self._key, recipient_id, number)
            for number in self._numbers
        }
        if self._opens:
            token = tokens.open_token(self._key, recipient_id)
            made[linking.PIXEL] = f"{self._base_url}/o/{token}"
        return made
