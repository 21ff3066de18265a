"""Doorbells of sending, and what the clock does for it."""

import os
import secrets
import socket
import time
from datetime import timedelta
from functools import partial

from flask import current_app

from webapp import providers, queue
from webapp.accounts import jobs as accounts_jobs
from webapp.accounts.telling import Means
from webapp.bulk_email import (
    announcing,
    dispatching,
    draining,
    importing_addresses,
    preparing,
    previewing,
    relay,
    scheduling,
    sending,
    suppressing_groups,
    sweeping,
    thinning,
)
from webapp.bulk_email.handing_over import Setting
from webapp.bulk_email.models import Stage
from webapp.delivery import adopting, calling, suppressing, wearying
from webapp.delivery.jobs import look_up_domains
from webapp.extensions import db
from webapp.plugins import installing

SLICE_SECONDS = 50
DISPATCH_SECONDS = 10
GROUP_SECONDS = 10
TRACKER = "email_tracker"


@queue.job(queue.Lane.SENDING)
def prepare(bulk_email_id: int) -> None:
    """Freeze the audience, then let it be sent."""
    end = time.monotonic() + SLICE_SECONDS
    while preparing.prepare_some(bulk_email_id):
        if time.monotonic() > end:
            queue.wake(prepare, bulk_email_id)
            return
    sending.finish_if_done(bulk_email_id)
    queue.wake(drain)


@queue.job(queue.Lane.SENDING)
def drain() -> None:
    """Send what is due, for a slice of time."""
    if draining.drain(setting(), SLICE_SECONDS):
        queue.wake(drain)


@queue.job(queue.Lane.SENDING)
def withhold_rest(bulk_email_id: int) -> None:
    """Withhold what a cancelled email has left."""
    while sending.withhold_some(bulk_email_id):
        pass


@queue.job(queue.Lane.TELLING, is_urgent=True)
def count_again(look_id: int) -> None:
    """Count who would get an email again."""
    previewing.count(look_id)


@queue.job(queue.Lane.TELLING)
def announce(bulk_email_id: int) -> None:
    """Tell the sender how it went."""
    for letter_id in announcing.announce(bulk_email_id, means()):
        queue.wake(accounts_jobs.post, letter_id)


@queue.job(queue.Lane.TELLING)
def dispatch(endpoint_id: int) -> None:
    """Post to another system what happened."""
    config = current_app.config["SETTINGS"]
    post = partial(calling.post, allow_private=config.allow_private_webhooks)
    way = dispatching.Way(post, means(), timedelta(seconds=config.lease_seconds))
    for letter_id in dispatching.dispatch(endpoint_id, way, DISPATCH_SECONDS):
        queue.wake(accounts_jobs.post, letter_id)


@queue.job(queue.Lane.CHORES)
def import_addresses(import_id: int) -> None:
    """Bring a file onto the list of suppressions."""
    importing_addresses.run(import_id)


@queue.job(queue.Lane.TELLING)
def go_on_with_group(group_id: int) -> None:
    """Suppress people whose copies failed alike, or lift that."""
    if suppressing_groups.run(group_id, GROUP_SECONDS):
        queue.wake(go_on_with_group, group_id)


def tick() -> None:
    """Mend what died, start what is due, and wake for everything that waits."""
    sweeping.sweep()
    thinning.thin_some()
    suppressing.lift_expired()
    wearying.forget_old()
    dispatching.forget_old()
    importing_addresses.tidy()
    suppressing_groups.give_up_hopeless()
    for import_id in importing_addresses.waiting():
        queue.wake(import_addresses, import_id)
    for group_id in suppressing_groups.waiting():
        queue.wake(go_on_with_group, group_id)
    if not adopting.is_trusted(host()):
        return
    sweeping.expire()
    sweeping.send_unconfirmed_again()
    scheduling.start_due(lambda workspace: TRACKER in installing.installed(workspace))
    for email_id in announcing.due():
        queue.wake(announce, email_id)
    for endpoint_id in dispatching.due():
        queue.wake(dispatch, endpoint_id)
    waiting = sweeping.waiting_emails()
    db.session.rollback()
    for email_id in waiting[Stage.PREPARING]:
        queue.wake(prepare, email_id)
    for email_id in waiting[Stage.CANCELLED]:
        queue.wake(withhold_rest, email_id)
    if waiting[Stage.SENDING]:
        queue.wake(drain)


def host() -> adopting.Host:
    return adopting.this_host(current_app.config["SETTINGS"].data_dir)


def means() -> Means:
    """How people are written to by the installation itself."""
    config = current_app.config["SETTINGS"]
    return Means(config.base_url, current_app.config["TOKEN_KEY"], bool(config.mail_url))


def setting() -> Setting:
    """What this worker process brings to sending."""
    config, here = current_app.config["SETTINGS"], host()
    return Setting(
        owner=f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}",
        lease_seconds=config.lease_seconds,
        token_key=current_app.config["TOKEN_KEY"],
        base_url=config.base_url,
        server_of=lambda connection: relay.server_of(
            connection, allow_private=config.allow_private_smtp
        ),
        providers=providers.BY_NAME,
        on_unknown_domains=lambda: queue.wake(look_up_domains),
        may_send=lambda: adopting.may_send(here),
    )
