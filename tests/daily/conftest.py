from collections.abc import Iterator

import pytest

from tests.daily.stub import DailyStub, serving


@pytest.fixture
def daily() -> Iterator[DailyStub]:
    """A server that stands in for Daily's API."""
    with serving() as stub:
        yield stub
