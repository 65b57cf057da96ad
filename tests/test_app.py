"""What the Faust app of a worker is told."""

from typing import Any, cast

import pytest

from stream.app import build_app
from stream.settings import Settings
from stream.transport import Owner


@pytest.mark.parametrize(
    ("advertised", "url"),
    [
        ("10.0.0.7", "http://10.0.0.7:6066"),
        ("worker_1.workers", "http://worker_1.workers:6066"),
        ("fd00::7", "http://[fd00::7]:6066"),
    ],
)
def test_a_worker_listens_at_one_address_and_is_reached_at_another(advertised: str, url: str) -> None:
    given: dict[str, Any] = {"web_host": "0.0.0.0", "web_advertise": advertised}
    conf = build_app(Settings(_env_file=None, **given), 4, cast("Owner", None)).conf
    assert conf.web_bind == "0.0.0.0"
    assert str(conf.canonical_url) == url
