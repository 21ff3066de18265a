"""Mail that came back is stored before its server is thanked, or it leaves its mailbox."""

from webapp.delivery.models import Connection
from webapp.email_tracker import intake
from webapp.email_tracker.intake import Received
from webapp.mail.letters import MAX_RAW
from webapp.providers import bounce_mail


def take_in(connection: Connection, raw: bytes, envelope_to: str = "") -> Received:
    """Store `raw` as an Arrival, once however often it comes, and commit. Of a mail longer than
    anybody reads only the beginning is kept: what is said stands there. Database trouble raises."""
    headers = {bounce_mail.ENVELOPE_TO: envelope_to} if envelope_to else {}
    return intake.receive(connection, bounce_mail.PROVIDER, raw[:MAX_RAW], headers)
