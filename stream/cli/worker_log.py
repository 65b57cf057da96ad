"""What a worker's log leaves out: tracebacks of what is expected to happen.

Law: the message of every record stays; only the traceback goes, and only where one sentence tells all there is to know.
"""

import logging
from asyncio import CancelledError
from typing import Any

from aiokafka.errors import KafkaConnectionError

from stream.counting_stage import StateUnusable

EXPECTED = (StateUnusable, KafkaConnectionError, CancelledError)


def leave_out_expected_tracebacks() -> None:
    """Make every log record from now on without the traceback of an expected condition."""
    make_record = logging.getLogRecordFactory()

    def make_without_traceback(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make_record(*arguments, **named)
        if record.exc_info and isinstance(record.exc_info[1], EXPECTED):
            record.exc_info = None
        return record

    logging.setLogRecordFactory(make_without_traceback)
