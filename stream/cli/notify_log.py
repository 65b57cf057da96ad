"""How a notifier logs: to stderr, for people or, with PRESETWATCH_LOG_FORMAT=json, for programs.

Law: stdout stays empty; libraries are heard from warnings on, which is where Apprise says why it did not deliver.
"""

import logging
import sys

import structlog

from stream.settings import Settings


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
