"""`email-tracker doctor`: what is right, what is not, and what to do about it."""

import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import redis
from flask import Flask
from rq import Worker
from rq.serializers import JSONSerializer
from sqlalchemy import select

from webapp.accounts import posting
from webapp.columns import database_now
from webapp.delivery import adopting
from webapp.delivery.models import ClockLease, Connection, Security
from webapp.extensions import db
from webapp.lib import clock
from webapp.queue import Lane
from webapp.running import checking, migrating
from webapp.settings import SettingError


@dataclass(frozen=True)
class Finding:
    """One line of the report; `advice` where something is not right."""

    subject: str
    is_right: bool
    text: str
    advice: str = ""


def examine(app: Flask) -> Iterator[Finding]:
    """All findings, in the order in which one depends on the other."""
    config = app.config["SETTINGS"]
    yield from _sentence("data folder", lambda: checking.check_folder(config.data_dir))
    database = list(_sentence("database", lambda: checking.check_database(app)))
    yield from database
    is_there = database[0].is_right
    if is_there:
        is_there = migrating.is_current(app)
        yield Finding(
            "tables",
            is_there,
            "up to date" if is_there else "older than the program",
            "Run `email-tracker upgrade`.",
        )
    answers = list(_sentence("redis", lambda: checking.check_redis(config.redis_url)))
    yield from answers
    if answers[0].is_right:
        yield from _workers(config.redis_url)
    if is_there:
        with app.app_context():
            yield _clock()
            yield _provenance()
            yield _letters()
            yield from _connections()


def _sentence(subject: str, check: Callable[[], object]) -> Iterator[Finding]:
    try:
        check()
    except SettingError as error:
        yield Finding(subject, False, str(error), _START if subject == "redis" else "")
    else:
        yield Finding(subject, True, "answers" if subject != "data folder" else "writable")


_START = "Our own Redis runs while `email-tracker up` does."


def _workers(url: str) -> Iterator[Finding]:
    client = redis.Redis.from_url(url)
    workers = Worker.all(connection=client, serializer=JSONSerializer)
    for lane in Lane:
        count = sum(lane.value in worker.queue_names() for worker in workers)
        advice = "Start some with `email-tracker worker`."
        yield Finding(f"workers for {lane}", count > 0, f"{count} seen", advice)
    client.close()


def _clock() -> Finding:
    owner = db.session.scalar(select(ClockLease.owner).where(ClockLease.until > database_now()))
    text = f"held by {owner}" if owner else "held by nobody"
    return Finding("clock", owner is not None, text, "Start a worker: each of them has a clock.")


def _provenance() -> Finding:
    """Whether a host waits for somebody to say that this database is no copy."""
    asking = adopting.questions()
    text = " ".join(adopting.sentence(each) for each in asking) or "no host is in doubt of it"
    advice = "Nothing leaves until `email-tracker adopt`, or the button on the Bulk Email tab."
    return Finding("database's place", not asking, text, advice)


def _letters() -> Finding:
    """Whether what we wrote to people ourselves has left."""
    doubtful, lost = posting.count_troubled(clock.now() - timedelta(days=30))
    text = "all that was written in 30 days has left, or is being tried"
    if doubtful or lost:
        text = f"in 30 days {lost} given up, and of {doubtful} nobody can tell whether they left"
    advice = "Look at MAIL_URL; invite again, or let people ask for a new password once more."
    return Finding("our own mail", not doubtful and not lost, text, advice)


def _connections() -> Iterator[Finding]:
    rows = db.session.scalars(select(Connection).where(Connection.removed_at.is_(None)))
    for connection in rows.all():
        yield _greet(connection)


def _greet(connection: Connection) -> Finding:
    """Connect and sign in as sending would; no mail is handed over."""
    subject = f"mail server {connection.host}:{connection.port}"
    is_tls = connection.security == Security.TLS
    client = (smtplib.SMTP_SSL if is_tls else smtplib.SMTP)(timeout=10)
    try:
        client.connect(connection.host, connection.port)
        if connection.security == Security.STARTTLS:
            client.starttls()
        if connection.username:
            client.login(connection.username, connection.password or "")
        client.quit()
    except (OSError, smtplib.SMTPException) as error:
        words = " ".join(str(error).split())[:200]
        return Finding(subject, False, words, f"See the Connection “{connection.name}”.")
    return Finding(subject, True, "answers, sign-in accepted")
