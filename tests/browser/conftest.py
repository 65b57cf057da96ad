"""A real headless Chromium, if this machine has one; Playwright would fetch its own, which nobody asked it to."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for the whole run; what a test opens in it is apart from all else."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("needs Chromium: on Debian or Ubuntu 'apt-get install chromium'")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=Path(found), args=ARGUMENTS)
        yield launched
        await launched.close()
