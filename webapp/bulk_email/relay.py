"""A Connection as a server to talk to, and which hosts may be talked to at all."""

from webapp.delivery.models import Connection
from webapp.lib import hosts
from webapp.mail.conversation import ConnectError, Server


def server_of(connection: Connection, *, allow_private: bool) -> Server:
    """Raises ConnectError for a host on a private network, unless the installation allows it."""
    refuse_private(connection.host, allow_private=allow_private)
    return Server(
        host=connection.host,
        port=connection.port,
        security=connection.security,
        username=connection.username,
        password=connection.password,
        verify=not (allow_private and hosts.is_private(connection.host)),
        helo=connection.from_address.rpartition("@")[2] or "localhost",
    )


def refuse_private(host: str, *, allow_private: bool) -> None:
    """Whoever may set up a Connection must not look around in our own network by it (SSRF)."""
    if not allow_private and hosts.is_private(host):
        raise ConnectError(
            f"{host} is on a private network. An operator can allow that: ALLOW_PRIVATE_SMTP=yes.",
            is_refusal=True,
        )
