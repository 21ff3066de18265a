"""Rows that many tests want: a form of people, a Connection, an email ready to be sent."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from webapp import providers
from webapp.accounts.models import User, Workspace
from webapp.bulk_email import draining, preparing, sending
from webapp.bulk_email.handing_over import Setting
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import parking, recording, tallying
from webapp.delivery.models import (
    Arrival,
    ArrivalStage,
    Connection,
    ParkedReport,
    Recipient,
    Suppression,
    Tally,
)
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import FieldKind, Form
from webapp.lib import clock
from webapp.mail.conversation import Server
from webapp.mail.reports import Report, ReportKind

TOKEN_KEY = b"k" * 32


def make_form(workspace: Workspace, rows: Sequence[tuple[str, str]]) -> Form:
    """A form People with (name, address) records."""
    form = writing.create_form(
        workspace, "People", [("Name", FieldKind.TEXT), ("Email", FieldKind.EMAIL)]
    )
    writing.add_records(
        form, [{"name": name, "email": address} for name, address in rows], None, "made"
    )
    db.session.commit()
    return form


def make_connection(workspace: Workspace, port: int = 25, **values) -> Connection:
    connection = Connection(
        **{
            "workspace_id": workspace.id,
            "name": "Test relay",
            "provider": "sandbox",
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "from_address": "ann@acme.test",
            "hook_token": secrets.token_hex(16),
            "hook_secret": "a secret",
            "max_connections": 2,
        }
        | values
    )
    db.session.add(connection)
    db.session.commit()
    return connection


def make_email(form: Form, connection: Connection, by: User | None = None, **values) -> BulkEmail:
    """A draft to everybody in `form`."""
    field = next(field for field in form.fields if field.kind == FieldKind.EMAIL)
    bulk_email = BulkEmail(
        **{
            "workspace_id": form.workspace_id,
            "form_id": form.id,
            "address_field_id": field.id,
            "subject": "Hello {{ name }}",
            "body": 'Dear {{ name | default: "friend" }}, welcome.',
            "from_name": "Ann",
            "from_address": "ann@acme.test",
            "connection_id": connection.id,
            "created_by_id": by.id if by else None,
        }
        | values
    )
    db.session.add(bulk_email)
    db.session.commit()
    return bulk_email


def make_setting(**values) -> Setting:
    """A worker's setting with short steps."""
    return Setting(
        **{
            "owner": secrets.token_hex(8),
            "lease_seconds": 30,
            "token_key": TOKEN_KEY,
            "base_url": "https://app.test",
            "server_of": _server_of,
            "providers": providers.BY_NAME,
        }
        | values
    )


def _server_of(connection: Connection) -> Server:
    return Server(
        host=connection.host,
        port=connection.port,
        security=connection.security,
        connect_seconds=2,
        step_seconds=0.5,
        answer_seconds=0.5,
    )


def start(bulk_email: BulkEmail, tracked: bool = True) -> None:
    """Start and prepare an email; sending is left to the test."""
    assert sending.start(bulk_email, nonce=secrets.token_hex(8), by=None, tracked=tracked)
    while preparing.prepare_some(bulk_email.id):
        pass


def send(bulk_email: BulkEmail, **setting) -> None:
    """Start, prepare and hand over everything that is due."""
    start(bulk_email)
    draining.drain(make_setting(**setting), seconds=30)


def make_parked(connection: Connection, report: Report | None = None) -> ParkedReport:
    """A report that nobody could match, as it lies in the Unmatched tray."""
    arrival = Arrival(
        connection_id=connection.id,
        workspace_id=connection.workspace_id,
        provider=connection.provider,
        body=b"[<as it came>]",
        dedupe_key=secrets.token_hex(8),
        stage=ArrivalStage.DIGESTED,
    )
    db.session.add(arrival)
    db.session.flush()
    said = report or Report(ReportKind.BOUNCED, None, "ann@x.test", clock.now(), reply="550 No")
    parking.park(recording.said_by(arrival, [said]))
    parked = db.session.query(ParkedReport).filter_by(arrival_id=arrival.id).one()
    parked.next_try_at, parked.unmatched_at = None, clock.now()
    db.session.commit()
    return parked


def statuses(bulk_email: BulkEmail) -> dict[str, str]:
    """{address or name: status} of the copies of an email."""
    db.session.expire_all()
    rows = db.session.query(Recipient).filter_by(bulk_email_id=bulk_email.id).order_by(Recipient.id)
    return {row.address or row.name: row.status.value for row in rows}


def books(bulk_email: BulkEmail) -> tallying.Books:
    db.session.expire_all()
    return tallying.books(db.session.get(Tally, bulk_email.id))


def suppressed_addresses(workspace: Workspace) -> list[str]:
    """Who gets no more mail from the workspace."""
    rows = db.session.query(Suppression).filter_by(workspace_id=workspace.id, lifted_at=None)
    return [row.address for row in rows]


def clock_tomorrow() -> datetime:
    """A moment that is to come, wherever the clocks stand."""
    return clock.now() + timedelta(days=1, hours=12)
