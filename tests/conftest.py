"""Options and fixtures of the whole test suite, and how hypothesis looks for counterexamples: in CI always the same.

LAW_EXAMPLES=2000 makes it look longer than every run can afford.
"""

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from stream.logs import CHATTY

EXAMPLES = int(os.environ.get("LAW_EXAMPLES", "60"))
TOO_SLOW = [HealthCheck.too_slow]  # the machine's doing, not the law's
settings.register_profile("laws", deadline=None, max_examples=EXAMPLES, suppress_health_check=TOO_SLOW)
settings.register_profile("ci", settings.get_profile("laws"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "laws")

pytest_plugins = ("tests.broker",)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--broker",
        choices=["auto", "env", "container", "embedded"],
        default="auto",
        help="where tests/kafka finds Kafka: KAFKA_BOOTSTRAP, a container or the embedded broker; auto tries all",
    )
    parser.addoption("--containers", action="store_true", help="build the image and try docker-compose.yml too")


@pytest.fixture(autouse=True)
def _logs_end_with_their_test() -> Iterator[None]:
    """Undo what a command sets up of logs: it would go on writing to a stream that is closed by then."""
    yield
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler) is logging.StreamHandler:  # pytest's own are of other types
            root.removeHandler(handler)
    root.setLevel(logging.WARNING)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
