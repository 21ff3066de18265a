"""Who plays in the tests, and the few rows that nearly every test wants."""

import contextvars
from dataclasses import dataclass
from functools import lru_cache

from flask import Flask
from flask.testing import FlaskClient
from flask_security.utils import hash_password

from webapp.accounts.models import Member, Role, User, Workspace
from webapp.extensions import db

PASSWORD = "correct horse battery"


class BrowserLike(FlaskClient):
    """Every request in a context of its own, as a server has it: nothing of the test's own app
    context (g, session of the database) leaks into it. What the test wrote is committed first."""

    def open(self, *args, **kwargs):
        db.session.commit()
        kwargs.setdefault("buffered", True)  # read to the end and closed
        return contextvars.Context().run(super().open, *args, **kwargs)


@dataclass
class Cast:
    workspace: Workspace
    alice: User
    bob: User
    charlie: User


def make_user(name: str) -> User:
    user = User(
        email=f"{name}@example.org",
        name=name.title(),
        password=_hashed(),
        fs_uniquifier=f"uniq-{name}",
    )
    db.session.add(user)
    return user


@lru_cache(maxsize=1)
def _hashed() -> str:
    """Hashing is slow on purpose; once a test run is enough."""
    return hash_password(PASSWORD)


def make_cast() -> Cast:
    alice, bob, charlie = (make_user(name) for name in ("alice", "bob", "charlie"))
    workspace = Workspace(name="Acme Grants", slug="acme")
    elsewhere = Workspace(name="Elsewhere", slug="elsewhere")
    db.session.add_all([workspace, elsewhere])
    db.session.flush()
    for user, where, role in (
        (alice, workspace, Role.OWNER),
        (bob, workspace, Role.VIEWER),
        (charlie, elsewhere, Role.OWNER),
    ):
        db.session.add(Member(workspace_id=where.id, user_id=user.id, role=role))
    db.session.commit()
    return Cast(workspace, alice, bob, charlie)


def signed_in_client(app: Flask, user: User) -> FlaskClient:
    """A browser in which `user` has just signed in, through the real sign-in page."""
    client = app.test_client()
    answer = client.post("/sign-in", data={"email": user.email, "password": PASSWORD})
    assert answer.status_code in (302, 303), answer.text
    return client
