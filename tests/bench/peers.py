"""Others, as their users write them and with settings that are fair to them. Runs in an environment
of its own, which the benchmark makes: `peers.py WHO --mails N --port P …`.

Prints one JSON line: seconds of sending alone, its CPU seconds, the largest process in MB.
"""

import argparse
import asyncio
import json
import logging
import os
import re
import resource
import signal
import smtplib
import subprocess
import sys
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

import corpus
import jinja2

HERE = Path(__file__).resolve().parent


def renderers() -> list[jinja2.Template]:
    plain, escaping = jinja2.Environment(), jinja2.Environment(autoescape=True)
    sources = (corpus.SUBJECT, corpus.TEXT, corpus.LIST_UNSUBSCRIBE)
    return [*(plain.from_string(source) for source in sources), escaping.from_string(corpus.HTML)]


def message(person: dict, templates: list[jinja2.Template]) -> EmailMessage:
    """What the standard library's documentation advises."""
    subject, text, unsubscribe, html = (template.render(person) for template in templates)
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = corpus.FROM, person["address"], subject
    made["Date"], made["Message-ID"] = formatdate(), make_msgid(domain="harbour.example")
    made["List-Unsubscribe"] = unsubscribe
    made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    made.set_content(text)
    made.add_alternative(html, subtype="html")
    return made


def with_smtplib(args: argparse.Namespace) -> "Clock":
    templates, clock = renderers(), Clock()
    with smtplib.SMTP("127.0.0.1", args.port) as server:
        for number in range(args.mails):
            mail = message(corpus.person(number), templates)
            server.send_message(mail, corpus.SENDER, [mail["To"]])
    return clock


def with_aiosmtplib(args: argparse.Namespace) -> "Clock":
    import aiosmtplib

    templates = renderers()

    async def lane(first: int) -> None:
        server = aiosmtplib.SMTP(hostname="127.0.0.1", port=args.port, start_tls=False)
        await server.connect()
        for number in range(first, args.mails, args.connections):
            mail = message(corpus.person(number), templates)
            await server.send_message(mail, sender=corpus.SENDER, recipients=[mail["To"]])
        await server.quit()

    async def lanes() -> None:
        await asyncio.gather(*(lane(first) for first in range(args.connections)))

    clock = Clock()
    asyncio.run(lanes())
    return clock


def with_django_post_office(args: argparse.Namespace) -> "Clock":
    import django
    from django.conf import settings

    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.path.join(args.folder, "post_office.db"),
        "OPTIONS": {
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
        },
    }
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "post_office"],
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=args.port,
        USE_TZ=True,
        SECRET_KEY="of the benchmark",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        LOGGING_CONFIG=None,
        POST_OFFICE={
            "BATCH_SIZE": 100,
            "THREADS_PER_PROCESS": 5,
            "LOG_LEVEL": 0,
            "MESSAGE_ID_ENABLED": True,
            "MESSAGE_ID_FQDN": "harbour.example",
            "BATCH_DELIVERY_TIMEOUT": 3600,
        },
    )
    logging.disable()
    django.setup()
    from django.core.management import call_command
    from post_office import mail

    call_command("migrate", verbosity=0)
    templates = renderers()
    for first in range(0, args.mails, 1000):
        last = min(first + 1000, args.mails)
        mail.send_many([_queued(corpus.person(n), templates) for n in range(first, last)])
    clock = Clock()
    call_command("send_queued_mail", processes=1, verbosity=0)
    return clock


def _queued(person: dict, templates: list[jinja2.Template]) -> dict:
    subject, text, unsubscribe, html = (template.render(person) for template in templates)
    return {
        "recipients": [person["address"]],
        "sender": corpus.FROM,
        "subject": subject,
        "message": text,
        "html_message": html,
        "priority": "medium",
        "headers": {
            "List-Unsubscribe": unsubscribe,
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    }


def with_celery(args: argparse.Namespace) -> "Clock":
    import celery_tasks
    from redis import Redis

    client = Redis(port=args.redis)
    client.flushdb()
    with celery_tasks.app.producer_pool.acquire() as producer:
        for number in range(args.mails):
            celery_tasks.send.apply_async((number,), producer=producer)
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "-c", "2", "-l", "ERROR",
         "--without-gossip", "--without-mingle", "--without-heartbeat"],
        cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while client.llen("celery") == args.mails:
        time.sleep(0.01)
    clock = Clock(resource.RUSAGE_CHILDREN)
    while client.llen("celery") or client.hlen("unacked"):
        time.sleep(0.02)
    clock.stop()
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    return clock


class Clock:
    """Seconds and CPU seconds of this process from here on; of Celery's worker, all of them."""

    def __init__(self, who: int = resource.RUSAGE_SELF) -> None:
        self._who, self._begin, self._cpu = who, time.perf_counter(), self._cpu_now(who)
        self._seconds: float | None = None

    def stop(self) -> None:
        self._seconds = time.perf_counter() - self._begin

    def line(self) -> dict:
        seconds = self._seconds or time.perf_counter() - self._begin
        cpu = self._cpu_now(self._who) - self._cpu
        return {"seconds": seconds, "cpu_seconds": cpu, "rss_mb": self._peak_mb()}

    def _peak_mb(self) -> float:
        """Of this process from /proc: what getrusage says begins with the size of whoever
        started it."""
        if self._who == resource.RUSAGE_CHILDREN:
            return resource.getrusage(self._who).ru_maxrss / 1024
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    @staticmethod
    def _cpu_now(who: int) -> float:
        usage = resource.getrusage(who)
        return usage.ru_utime + usage.ru_stime


WHO = {
    "smtplib": with_smtplib,
    "aiosmtplib": with_aiosmtplib,
    "django-post-office": with_django_post_office,
    "celery": with_celery,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("who", choices=WHO)
    parser.add_argument("--mails", type=int)
    parser.add_argument("--port", type=int)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--redis", type=int)
    parser.add_argument("--folder")
    given = parser.parse_args()
    print(json.dumps(WHO[given.who](given).line()))
