"""A test mail: what the person will get, sent now to one address, counted nowhere."""

import asyncio
import secrets

from webapp.bulk_email import freezing
from webapp.bulk_email.handing_over import Setting
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import tokens
from webapp.forms.models import Record
from webapp.lib import clock
from webapp.mail import merging
from webapp.mail.conversation import ConnectError, Conversation, Result, Server
from webapp.mail.template import Copy, Message


def send_test(
    bulk_email: BulkEmail, record: Record | None, to: str, setting: Setting
) -> str | None:
    """Send the mail that `record` would get to `to`; None when the relay took it, else one
    sentence why not. Raises merging.MergeError and HeaderError as the real sending would."""
    message = filled(bulk_email, record, to, setting)
    try:
        result = asyncio.run(deliver(setting.server_of(bulk_email.connection), message))
    except ConnectError as error:
        return str(error)
    if result.reply is None:
        return "The mail server hung up before it answered."
    return None if result.reply.code < 300 else f"The mail server refused it: {result.reply}"


def filled(bulk_email: BulkEmail, record: Record | None, to: str, setting: Setting) -> Message:
    """The mail of `record` as it would go out, addressed to `to`, its unsubscribe link dead."""
    frozen = freezing.freeze(bulk_email)
    values = merging.merge_values(record.values if record else {})
    tracking = setting.providers[bulk_email.connection.provider].tracking_headers
    token = tokens.test_token(setting.token_key, secrets.randbits(62) or 1)
    return freezing.compiled(frozen, tracking).fill(
        Copy(
            token=token,
            address=to,
            name="",
            values=values,
            date=clock.now(),
            unsubscribe_url=f"{setting.base_url}/u/test",
        )
    )


async def deliver(server: Server, message: Message) -> Result:
    """One mail in a conversation of its own. Raises ConnectError."""
    conversation = Conversation(server)
    await conversation.open()
    try:
        return await conversation.deliver(message)
    finally:
        await conversation.close()
