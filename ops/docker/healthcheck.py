"""Asks the worker or the gateway of this container for its health.

Law: healthy is whoever answers /healthz with 200; which of the two runs here shows by its port.
"""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

PORTS = (os.environ.get("PRESETWATCH_WEB_PORT") or "6066", os.environ.get("PRESETWATCH_GATEWAY_PORT") or "8080")


def is_healthy(port: str) -> bool:
    """Say whether what listens on a port of this container says that it is well."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=4) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(not any(map(is_healthy, PORTS)))
