"""A wake-up is rung once, answered once, and never breaks what it belongs to."""

import redis
from flask import Flask

from webapp import queue
from webapp.accounts import jobs as accounts_jobs
from webapp.bulk_email import jobs
from webapp.email_tracker import jobs as tracker_jobs
from webapp.forms import jobs as forms_jobs

answered: list[tuple[int, ...]] = []


@queue.job(queue.Lane.CHORES)
def note(*ids: int) -> None:
    """Remember that somebody rang."""
    answered.append(ids)


@queue.job(queue.Lane.CHORES, is_urgent=True)
def hurry(number: int) -> None:
    """Somebody waits for it."""


def waiting() -> list[str]:
    return [job.func_name for job in queue.queue(queue.Lane.CHORES).jobs]


def test_waking_puts_ids_only_into_the_lane(app: Flask):
    queue.wake(note, 7)

    (job,) = queue.queue(queue.Lane.CHORES).jobs
    assert (job.func_name, job.args) == ("tests.test_queue.note", [7])
    assert job.timeout == queue.JOB_TIMEOUT_SECONDS


def test_ringing_twice_before_anybody_opens_is_ringing_once(app: Flask):
    queue.wake(note, 7)
    queue.wake(note, 7)
    queue.wake(note, 8)
    assert len(waiting()) == 2


def test_what_is_urgent_comes_first(app: Flask):
    queue.wake(note, 7)
    queue.wake(hurry, 8)
    assert waiting() == ["tests.test_queue.hurry", "tests.test_queue.note"]


def test_webhooks_and_letters_hold_no_chores_up():
    lanes = {job.lane for job in (jobs.dispatch, jobs.announce, accounts_jobs.post)}
    assert lanes == {queue.Lane.TELLING}
    assert accounts_jobs.post.is_urgent


def test_what_a_page_waits_for_stands_behind_no_export():
    awaited = (jobs.count_again, jobs.go_on_with_group, tracker_jobs.sum_up, tracker_jobs.survey)
    assert forms_jobs.run_export.lane not in {job.lane for job in awaited}
    assert jobs.count_again.is_urgent


def test_a_job_that_began_can_be_woken_again(app: Flask):
    queue.wake(note, 7)
    note(7)
    queue.wake(note, 7)
    assert len(waiting()) == 2


def test_a_wake_up_that_nobody_answered_is_no_obstacle_for_long(app: Flask):
    queue.wake(note, 7)
    (bell,) = queue.connection().keys("bell:*")
    assert 0 < queue.connection().ttl(bell) <= queue.WAKE_SECONDS


def test_a_redis_that_is_away_is_logged_not_raised(app: Flask, monkeypatch):
    away = redis.Redis(unix_socket_path="/nowhere/redis.sock")
    monkeypatch.setitem(app.extensions, "redis", away)
    queue.wake(note, 7)
    note(8)
    assert answered[-1] == (8,)


def test_a_clock_task_is_taken_once(monkeypatch):
    monkeypatch.setattr(queue, "clock_tasks", [])
    queue.add_clock_task(note)
    queue.add_clock_task(note)
    assert queue.clock_tasks == [note]
