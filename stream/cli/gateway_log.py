"""What a gateway logs, and where.

Law: a line for each thing that happens, on stderr, because stdout carries results.
"""

import logging
import sys

import structlog


def log_to_stderr(level: str, form: str) -> None:
    """Log what is at least of this level, as lines for people (`console`) or for programs (`json`)."""
    rendering: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper("iso", utc=True), *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
