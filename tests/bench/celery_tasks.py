"""A task for each mail, a connection kept by each process of the pool."""

import os
import smtplib

import corpus
from celery import Celery
from peers import message, renderers

app = Celery("celery_tasks", broker=f"redis://127.0.0.1:{os.environ['BENCH_REDIS_PORT']}/0")
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=32, task_acks_late=False)
_kept: dict = {}


@app.task
def send(number: int) -> None:
    if not _kept:
        _kept["templates"] = renderers()
        _kept["server"] = smtplib.SMTP("127.0.0.1", int(os.environ["BENCH_SMTP_PORT"]))
    mail = message(corpus.person(number), _kept["templates"])
    _kept["server"].send_message(mail, corpus.SENDER, [mail["To"]])
