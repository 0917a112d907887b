"""Structured logs: readable lines on a terminal, JSON lines for a collector. Always on stderr."""

import logging
import re
import sys

import structlog

from inspectd.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Sets structlog and the standard library's root logger up, once, at start."""
    level = getattr(logging, settings.log_level.upper())
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.log_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        # Looked up at each call: a stream that was replaced since may be closed.
        logger_factory=lambda *names: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    if level > logging.DEBUG:  # of a lost connection our adapters tell once; the driver tells every try
        logging.getLogger("kafka").setLevel(logging.CRITICAL)


def masked(address: str) -> str:
    """The address without user, password and values such as `password=…`, for logs and errors.

    A password may hold `/` or `@`, so all up to the last `@` is hidden: of an address with an `@` in its path that is more
    than needed, never less.
    """
    return re.sub(r"(?i)(pass\w*|pwd|token)=[^&]*", r"\1=***", re.sub(r"//.*@", "//***@", address))
