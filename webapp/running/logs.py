"""What the program says while it runs: lines for people on a terminal, JSON elsewhere."""

import logging
import sys

import structlog

from webapp import settings


def configure() -> None:
    """Set up structlog and the standard library's logging, by LOG_LEVEL, on standard error."""
    level = getattr(logging, settings.log_level().upper())
    logging.basicConfig(
        level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s"
    )
    is_terminal = sys.stderr.isatty()
    show = structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if is_terminal else [structlog.processors.format_exc_info]),
            show,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
