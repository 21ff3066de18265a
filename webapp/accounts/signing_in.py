"""Who is signed in: sessions end at the server, and important steps want a fresh password."""

import hashlib
import secrets
import time

from flask import Flask, abort, g, redirect, request, session, url_for
from flask_login import user_logged_in, user_logged_out
from flask_security.core import current_user
from flask_security.mail_util import MailUtil
from flask_security.signals import password_changed, password_reset
from flask_security.utils import logout_user
from sqlalchemy import select, update

from webapp import queue, web
from webapp.accounts import auditing, jobs, posting
from webapp.accounts.models import SignIn, User
from webapp.extensions import db
from webapp.lib import clock, texts

FRESH_SECONDS = 15 * 60
_KEY = "sign_in"


class OwnMail(MailUtil):
    """Flask-Security's mails go the way of all the installation's mails."""

    def send_mail(self, template, subject, recipient, sender, body, html, **kwargs) -> None:
        if token := kwargs.get("reset_token"):  # the library's own link trusts the Host header
            body = f"{body}\n{web.address_of('security.reset_password', token=token)}\n"
        letter = posting.write(str(recipient), str(subject), body or "")
        db.session.commit()
        queue.wake(jobs.post, letter.id)


def init_app(app: Flask) -> None:
    """End sessions at the server; answer expired ones."""
    app.before_request(_end_dead_session)
    user_logged_in.connect(_begin, app)
    user_logged_out.connect(_end, app)
    password_changed.connect(_end_others, app)
    password_reset.connect(_end_every, app)


def is_fresh() -> bool:
    """Whether the password was given within the last 15 minutes."""
    return time.time() - session.get("fs_paa", 0) < FRESH_SECONDS


def confirm(password: str) -> bool:
    """The password once more: right makes the session fresh."""
    if not current_user.verify_and_update_password(password):
        return False
    session["fs_paa"] = time.time()
    db.session.commit()
    return True


def end_all(user: User, but_this: bool = False) -> None:
    """End every session of `user`; with `but_this` all other ones. Commits."""
    statement = update(SignIn).where(SignIn.user_id == user.id, SignIn.ended_at.is_(None))
    if but_this:
        statement = statement.where(SignIn.key_hash != _hash(session.get(_KEY, "")))
    db.session.execute(statement.values(ended_at=clock.now()))
    db.session.commit()


def disable(user: User) -> None:
    """Nobody signs in with this account, and who is signed in no longer is. Commits."""
    user.active = False
    user.fs_uniquifier = secrets.token_hex(24)
    auditing.note("user.disabled", workspace=None, by=None, subject=user, name=user.email)
    end_all(user)


def enable(user: User) -> None:
    """Commits."""
    user.active = True
    auditing.note("user.enabled", workspace=None, by=None, subject=user, name=user.email)
    db.session.commit()


def account_in_question() -> str:
    """Whose account a request is about, for counting tries at it from anywhere."""
    if current_user.is_authenticated:
        return f"user {current_user.id}"
    typed = (request.form.get("email") or request.path).strip().casefold()
    return f"address {_hash(typed)}"


def active(user: User) -> list[SignIn]:
    """The browsers in which `user` is signed in, newest first."""
    return list(
        db.session.scalars(
            select(SignIn)
            .where(SignIn.user_id == user.id, SignIn.ended_at.is_(None))
            .order_by(SignIn.id.desc())
        )
    )


def is_this(sign_in: SignIn) -> bool:
    return sign_in.key_hash == _hash(session.get(_KEY, ""))


def answer_stranger(mechanisms=None, headers=None):
    """What somebody gets who is not signed in: the sign-in page; htmx is told to load it."""
    target = url_for("security.login", next=request.full_path.rstrip("?"))
    if web.wants_part():
        here = request.htmx.current_url or ""  # type: ignore[attr-defined]
        path = "/" + here.split("/", 3)[3] if here.count("/") >= 3 else "/"
        target = url_for("security.login", next=web.local_path(path, "/"))
        return "", 401, {"HX-Redirect": target}
    if request.method not in ("GET", "HEAD"):
        target = url_for("security.login")
    return redirect(target)


def _begin(app: Flask, user: User, **_: object) -> None:
    """A new key at every sign-in; the one this browser had before opens nothing any more.

    "Keep me signed in" makes this very cookie last: a second one could not be ended here.
    """
    session.permanent = session.pop("_remember", "") == "set" or session.permanent
    key = secrets.token_urlsafe(32)
    _end_key(session.get(_KEY, ""))
    session[_KEY] = key
    db.session.add(
        SignIn(
            user_id=user.id,
            key_hash=_hash(key),
            user_agent=texts.one_line(request.user_agent.string or "", 300),
        )
    )
    db.session.commit()


def _end(app: Flask, user: User, **_: object) -> None:
    _end_key(session.pop(_KEY, ""))
    session.permanent = False
    db.session.commit()


def _end_key(key: str) -> None:
    db.session.execute(
        update(SignIn)
        .where(SignIn.key_hash == _hash(key), SignIn.ended_at.is_(None))
        .values(ended_at=clock.now())
    )


def _end_others(app: Flask, user: User, **_: object) -> None:
    auditing.note("user.password_changed", workspace=None, by=user, name=user.email)
    end_all(user, but_this=True)


def _end_every(app: Flask, user: User, **_: object) -> None:
    auditing.note("user.password_reset", workspace=None, by=user, name=user.email)
    end_all(user)


def _end_dead_session() -> None:
    """A cookie whose session was ended here opens nothing."""
    if request.endpoint == "static" or not current_user.is_authenticated:
        return
    alive = db.session.scalar(
        select(SignIn.id).where(
            SignIn.key_hash == _hash(session.get(_KEY, "")),
            SignIn.user_id == current_user.id,
            SignIn.ended_at.is_(None),
        )
    )
    if alive is None:
        if request.endpoint is None:
            abort(404)
        logout_user()
        session.clear()
        g.pop("member", None)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
