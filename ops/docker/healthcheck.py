"""Asks the worker, gateway or notifier of this container for its health.

Law: healthy is whoever answers /healthz with 200; which of them runs here shows by its port.
"""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

PORTS = {"WEB_PORT": "6066", "GATEWAY_PORT": "8080", "NOTIFY_PORT": "6067"}


def is_healthy(port: str) -> bool:
    """Say whether what listens on a port of this container says that it is well."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=4) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(not any(is_healthy(os.environ.get(f"PRESETWATCH_{name}") or port) for name, port in PORTS.items()))
