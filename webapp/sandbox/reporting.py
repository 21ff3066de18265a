"""Reports to the program as a provider would: signed posts in batches, again until they are taken.

What is still to be posted lies in the Store, so a restart goes on where it was.
"""

import asyncio
import hashlib
import hmac
import random
import ssl
import time
from urllib.parse import quote, urlsplit

import structlog

from webapp.sandbox.keeping import Keeper
from webapp.sandbox.outcomes import Manner
from webapp.sandbox.storage import Delivery

log = structlog.get_logger()

_PAUSE_SECONDS = 0.2
_AT_ONCE = 4
_LONGEST_WAIT = 30.0
_EARLY_SECONDS = 1.0
_ANSWER_SECONDS = 10.0


class Reporter:
    """`run()` for ever; `report_now(mail id)` for a report that may not wait."""

    def __init__(self, keeper: Keeper, base_url: str, manner: Manner, dice: random.Random) -> None:
        self._keeper = keeper
        self._base_url = base_url
        self._manner = manner
        self._dice = dice
        self._posting: dict[str, asyncio.Task] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        while True:
            try:
                has_more = await self.round()
            except Exception as error:
                log.error("sandbox_reporting_failed", error=repr(error))
                has_more = False
            await asyncio.sleep(0 if has_more else _PAUSE_SECONDS)

    async def round(self) -> bool:
        """Post everything that is due; True when there may be more."""
        has_more = await self._keeper.do(self._keeper.store.bundle, time.time())
        await self._post_due()
        return has_more

    async def report_now(self, mail_id: int) -> None:
        """Post what is due about one mail, and wait for the answer, but not for long."""
        store = self._keeper.store
        await self._keeper.do(store.bundle, time.time(), mail_id)
        posting = asyncio.ensure_future(self._post_due(mail_id))
        await asyncio.wait([posting], timeout=_EARLY_SECONDS)

    async def _post_due(self, mail_id: int | None = None) -> None:
        store = self._keeper.store
        due = await self._keeper.do(store.due, time.time(), 50, mail_id)
        for delivery in due:
            if delivery.id not in self._posting:
                task = self._posting[delivery.id] = asyncio.create_task(self._post(delivery))
                task.add_done_callback(lambda _, name=delivery.id: self._posting.pop(name))
        tasks = [self._posting[delivery.id] for delivery in due if delivery.id in self._posting]
        if tasks:
            await asyncio.wait(tasks)

    async def _post(self, delivery: Delivery) -> None:
        async with self._slots:
            status = await post(
                f"{self._base_url}/hooks/sandbox/{quote(delivery.hook_token)}",
                delivery.body,
                _headers(delivery),
            )
        await self._settle(delivery, status, time.time())

    async def _settle(self, delivery: Delivery, status: int | None, now: float) -> None:
        """2xx: done, or once more to see whether repeats do harm. 5xx, 408, 429 and no answer: wait
        longer each time. Everything else is a refusal, and final."""
        do, store = self._keeper.do, self._keeper.store
        if status is not None and 200 <= status < 300:
            await do(store.note, delivery, now, str(status))
            if delivery.successes == 0 and self._dice.random() < self._manner.twice:
                again = now + self._dice.uniform(0.2, 2.0) * self._manner.pace
                await do(store.postpone, delivery, again, taken=True)
            else:
                await do(store.finish, delivery)
            return
        is_for_now = status is None or status >= 500 or status in (408, 425, 429)
        if is_for_now and not delivery.is_overdue(now):
            wait = min(self._manner.retry_seconds * 2 ** min(delivery.tries, 10), _LONGEST_WAIT)
            await do(
                store.postpone, delivery, now + wait * self._dice.uniform(0.8, 1.2), taken=False
            )
            return
        log.warning("sandbox_report_refused", status=status, hook=delivery.hook_token[:6])
        await do(store.note, delivery, now, f"refused: {status}")
        await do(store.finish, delivery)


def _headers(delivery: Delivery) -> dict[str, str]:
    timestamp = str(int(time.time()))
    signed = timestamp.encode() + b"." + delivery.body
    signature = hmac.new(delivery.secret.encode(), signed, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Sandbox",
        "X-Sandbox-Timestamp": timestamp,
        "X-Sandbox-Signature": f"v1={signature}",
        "X-Sandbox-Delivery": delivery.id,
    }


async def post(url: str, body: bytes, headers: dict[str, str]) -> int | None:
    """The status of the answer to one HTTP post; None when there was none."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await _post(url, body, headers)
    except (OSError, TimeoutError, ValueError, IndexError, asyncio.LimitOverrunError):
        return None


async def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    context = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if context else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += [f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
