"""The log of every process: one line an event that matters, in one shape whoever writes it.

Law: what our modules, Faust, aiokafka, librdkafka and asyncio say goes to stderr through one formatter, as JSON or for
a person to read; and no credential and no address of a customer's file gets through, whatever an exception says.
"""

import logging
import re
import sys
from time import monotonic
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from stream.domain.redaction import redact
from stream.settings import Settings

_URL = re.compile(r"(https?(?:://|%3A%2F%2F))[^\s\"'<>]+", re.IGNORECASE)
CHATTY = ("aiokafka", "faust", "librdkafka", "mode", "asyncio", "apprise")
"""Libraries that tell of their inner life at `info`: at that level they speak from `warning` on."""

REPEATED_AFTER_SECONDS = 60.0
MOST_REMEMBERED = 1_000

_SERVICE = "[^"
"""How Mode, on which Faust is built, begins what a service says, ours included."""

COMMON: tuple[Processor, ...] = (
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    structlog.processors.UnicodeDecoder(),
)


def clean(text: str) -> str:
    """Return text without credentials and without web addresses, line by line."""
    return "\n".join(_URL.sub(r"\1***", redact(line)) for line in text.split("\n"))


def clean_event(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Clean everything in an event that is text."""
    return {name: clean(value) if isinstance(value, str) else value for name, value in event.items()}


def formatter(log_format: str, *, is_terminal: bool) -> logging.Formatter:
    """Return the formatter of every line, `json` or `console`."""
    renderer: Any = structlog.dev.ConsoleRenderer(colors=is_terminal)
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False, default=repr)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=COMMON,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, clean_event, renderer],
    )


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Tell whether a line is more than a service's news of starting, stopping and the like."""
    return record.levelno > logging.INFO or not str(record.msg).startswith(_SERVICE)


class OnceAMinute(logging.Filter):
    """Lets through what a library did not say lately; words that are filled into a message make no difference.

    While a broker is away, aiokafka says so ten times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[tuple[str, ...], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be heard."""
        if record.name.partition(".")[0] not in CHATTY:
            return True
        now, key = monotonic(), (record.name, str(record.msg), _facility(record))
        if now - self._said_at.get(key, -REPEATED_AFTER_SECONDS) < REPEATED_AFTER_SECONDS:
            return False
        if len(self._said_at) >= MOST_REMEMBERED:
            self._said_at.clear()
        self._said_at[key] = now
        return True


def _facility(record: logging.LogRecord) -> str:
    # librdkafka has one message for all it says; the first word that is filled in tells what it is about.
    args = record.args
    return str(args[0]) if record.name == "librdkafka" and isinstance(args, tuple) and args else ""


def configure_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every log of this process through one formatter to stderr, or another stream."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(settings.log_format, is_terminal=stream.isatty()))
    level = settings.log_level.upper()
    if level != "DEBUG":
        handler.addFilter(OnceAMinute())
    if level == "INFO":
        handler.addFilter(is_worth_a_line)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING if level == "INFO" else level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *COMMON,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # A cached logger would keep what it was configured with before, in tests above all.
        cache_logger_on_first_use=False,
    )
