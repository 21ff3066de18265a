"""The sandbox as a process: SMTP server and reporter on one loop, until SIGTERM."""

import asyncio
import contextlib
import errno
import logging
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from webapp.sandbox.keeping import Keeper
from webapp.sandbox.outcomes import Manner
from webapp.sandbox.reporting import Reporter
from webapp.sandbox.server import Handler, make_conversation
from webapp.sandbox.storage import CAP
from webapp.settings import SettingError, Settings

log = structlog.get_logger()

HOST = "127.0.0.1"  # never anything else
_LOOK_SECONDS = 0.1


def file_of(data_dir: Path) -> Path:
    """Where the sandbox keeps its mails."""
    return data_dir / "sandbox.db"


def serve(
    settings: Settings,
    should_stop: Callable[[], bool] = lambda: False,
    manner: Manner | None = None,
) -> None:
    """Run until `should_stop()`, SIGTERM or SIGINT. Raises SettingError when the port is taken."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's; ours says enough
    asyncio.run(_serve(settings, should_stop, manner or Manner()))


async def _serve(settings: Settings, should_stop: Callable[[], bool], manner: Manner) -> None:
    asked = asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, asked.set)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(file_of(settings.data_dir), settings.base_url, manner)
    await sandbox.start(settings.sandbox_smtp_port)
    log.info("sandbox_started", smtp=f"{HOST}:{sandbox.port}")
    try:
        while not asked.is_set() and not should_stop():
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await sandbox.stop()


class Sandbox:
    """One running sandbox: `await start(port)` (0: any free one, see `port`), `await stop()`."""

    def __init__(
        self, path: Path, base_url: str, manner: Manner, *, seed: int | None = None, cap: int = CAP
    ) -> None:
        dice = random.Random(seed)
        self._keeper = Keeper(path, cap)
        self._reporter = Reporter(self._keeper, base_url, manner, dice)
        self._handler = Handler(self._keeper, self._reporter.report_now, manner, dice)
        self._tasks: list[asyncio.Task] = []
        self.port = 0

    async def start(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: make_conversation(self._handler, loop), HOST, port
            )
        except OSError as error:
            await self._keeper.close()
            why = "in use by another program" if error.errno == errno.EADDRINUSE else error.strerror
            raise SettingError(
                f"Port {port} of {HOST} cannot be opened ({why}): choose another one with"
                " SANDBOX_SMTP_PORT=…."
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks = [
            asyncio.create_task(self._reporter.run()),
            asyncio.create_task(self._keeper.read_new()),
        ]

    async def stop(self) -> None:
        """Take nothing new; what has been stored but not reported waits for the next start."""
        self._server.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task not in (mine, self._keeper.storing)]
        for task in others:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.gather(*others, return_exceptions=True)
        await self._keeper.close()
