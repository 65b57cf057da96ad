"""Options of the whole test suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--broker",
        choices=["auto", "env", "container", "embedded"],
        default="auto",
        help="where tests/kafka finds Kafka: KAFKA_BOOTSTRAP, a container or the embedded broker; auto tries all",
    )
