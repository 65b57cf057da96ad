"""How a notifier logs: to stderr, for people or, with PRESETWATCH_LOG_FORMAT=json, for programs.

Law: stdout stays empty; libraries are heard from warnings on, which is where Apprise says why it did not deliver. What
a library says again and again, as aiokafka does ten times a second while a broker is away, is heard once a minute.
"""

import logging
import sys
from time import monotonic

import structlog

from stream.settings import Settings

REPEATED_AFTER_SECONDS = 60.0
MOST_REMEMBERED = 1_000


class OnceAMinute(logging.Filter):
    """Lets through what was not said lately; words that are filled into a message make no difference."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[tuple[str, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be heard."""
        now, key = monotonic(), (record.name, record.msg)
        if now - self._said_at.get(key, -REPEATED_AFTER_SECONDS) < REPEATED_AFTER_SECONDS:
            return False
        if len(self._said_at) >= MOST_REMEMBERED:
            self._said_at.clear()
        self._said_at[key] = now
        return True


def log_to_stderr(settings: Settings) -> None:
    """Set up the logs of this process."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    as_json = settings.log_format == "json"
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s", force=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(OnceAMinute())
