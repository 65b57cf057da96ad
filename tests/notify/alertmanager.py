"""A real Alertmanager, where one is installed: Debian's `prometheus-alertmanager`, or `alertmanager` of its makers."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.1
PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CONFIG = """\
route: {{ receiver: hook, group_by: [alertname, preset], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}
receivers: [{{ name: hook, webhook_configs: [{{ url: "{url}", send_resolved: true }}] }}]
"""

needs_alertmanager = pytest.mark.skipif(
    PROGRAM is None,
    reason="no Alertmanager: install Debian's prometheus-alertmanager, or put alertmanager on PATH",
)


@dataclass(slots=True)
class Alertmanager:
    """One that can be stopped and started again on the same port and data."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it."""
        assert PROGRAM
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    PROGRAM,
                    f"--config.file={self.folder / 'config.yml'}",
                    f"--storage.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """Stop it in good order."""
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE_SECONDS)

    async def until(self, is_so: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
        """Wait until something is so of the alerts that it holds as active."""
        found: list[dict[str, Any]] = []

        async def look() -> bool:
            found[:] = await self._alerts()
            return bool(is_so(found))

        await _until(look)
        return found

    async def until_it_has_told(self) -> None:
        """Wait until it knows itself that its webhook took a message; what it does not know it forgets in a restart."""

        async def look() -> bool:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as response:
                metrics = await response.text()
            return 'notification_latency_seconds_count{integration="webhook"} 1' in metrics

        await _until(look)

    async def _alerts(self) -> list[dict[str, Any]]:
        try:
            url = f"{self.url}/api/v2/alerts?active=true"
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return list(await response.json())
        except aiohttp.ClientError:
            return []


async def _until(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await look():  # noqa: ASYNC110  # another process says nothing by itself
            await asyncio.sleep(LOOK_SECONDS)


@contextmanager
def alertmanager(folder: Path, hook_url: str) -> Iterator[Alertmanager]:
    """Run an Alertmanager that tells a webhook what it would tell people."""
    (folder / "config.yml").write_text(CONFIG.format(url=hook_url))
    found = Alertmanager(folder, _free_port())
    found.start()
    try:
        yield found
    finally:
        found.stop()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
