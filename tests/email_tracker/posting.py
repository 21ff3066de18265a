"""Signed posts to the hook of the sandbox provider, and what has become of them."""

import json

from sqlalchemy import func, select

from webapp import providers
from webapp.delivery import tokens
from webapp.delivery.models import Connection, Recipient
from webapp.email_tracker import digesting
from webapp.extensions import db
from webapp.providers import sandbox

EVENT = {
    "event": "delivered",
    "address": "ann@x.test",
    "at": "2026-03-01T12:00:00+00:00",
    "id": "1",
}


def post(client, connection: Connection, body: bytes, secret="a secret", **headers):
    signature = sandbox.sign(secret, b"1", body)
    return client.post(
        f"/hooks/sandbox/{connection.hook_token}",
        data=body,
        headers={"X-Sandbox-Timestamp": "1", "X-Sandbox-Signature": f"v1={signature}", **headers},
    )


def digest(app) -> None:
    while digesting.digest_some(providers.BY_NAME, app.config["TOKEN_KEY"]):
        pass
    db.session.expire_all()


def about(app, copy: Recipient, **changes) -> bytes:
    token = tokens.copy_token(app.config["TOKEN_KEY"], copy.id)
    return json.dumps([EVENT | {"token": token} | changes]).encode()


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))
