"""Trying a Connection out: one mail over it, whose event must come back."""

import asyncio
from collections.abc import Callable

from webapp.bulk_email import testing
from webapp.delivery import probing, tokens
from webapp.delivery.models import Connection, ConnectionTest
from webapp.lib import addresses, clock
from webapp.mail import template
from webapp.mail.conversation import ConnectError, Server
from webapp.mail.template import Copy, Message
from webapp.providers.contract import Provider

_SUBJECT = "Test of the connection {{ name }}"
_TEXT = (
    "This mail tries out the connection **{{ name }}**.\n\n"
    "Whoever sent it now sees what the mail server reports of it. Nothing else is to be done."
)
_HUNG_UP = "The mail server hung up before it answered."


def send(
    connection: Connection,
    address: str,
    *,
    provider: Provider,
    token_key: bytes,
    base_url: str,
    server_of: Callable[[Connection], Server],
) -> ConnectionTest:
    """Send a test mail to `address`, and say with the test what the relay answered. Commits."""
    test = probing.begin(connection, address)
    token = tokens.test_token(token_key, test.id)
    try:
        message = _message(connection, address, token, provider, f"{base_url}/u/test")
        result = asyncio.run(testing.deliver(server_of(connection), message))
    except ConnectError as error:
        probing.finish(test, is_accepted=False, reply=str(error))
        return test
    is_accepted = result.reply is not None and result.reply.code < 300
    probing.finish(test, is_accepted=is_accepted, reply=str(result.reply or _HUNG_UP))
    return test


def _message(
    connection: Connection, address: str, token: str, provider: Provider, unsubscribe_url: str
) -> Message:
    domain = addresses.domain_of(connection.from_address) or "localhost"
    subject, text, html = template.compose(_SUBJECT, _TEXT, "Email Tracker")
    source = template.Source(
        subject=subject,
        text=text,
        html=html,
        from_name=connection.from_name,
        from_address=connection.from_address,
        reply_to="",
        message_id_domain=domain,
        list_id=f"tests.{domain}",
        feedback_id=f"test:{connection.id}:connection:email-tracker",
    )
    return template.Template(source, provider.tracking_headers).fill(
        Copy(
            token=token,
            address=address,
            name="",
            values={"name": connection.name},
            date=clock.now(),
            unsubscribe_url=unsubscribe_url,
        )
    )
