"""People, by whatever Apprise can reach.

Law: Apprise blocks, so each channel has a thread of its own and one that hangs keeps no other waiting. Why something
was not delivered Apprise tells its log only.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from apprise import Apprise, NotifyFormat, NotifyType

from stream.notify.channels.outcome import Failed, Outcome
from stream.notify.message import Message, compose
from stream.notify.news import Delivery
from stream.notify.plan import AppriseChannel


class People:
    """Sends to one Apprise URL."""

    def __init__(self, channel: AppriseChannel, dashboard: str | None = None) -> None:
        self._apprise = Apprise()
        self._apprise.add(channel.url.get_secret_value())
        self._dashboard = dashboard
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"notify-{channel.name}")

    async def send(self, delivery: Delivery, now: int) -> Outcome:
        """Send a delivery as one message."""
        message = compose(delivery, now, self._dashboard)
        loop = asyncio.get_running_loop()
        try:
            was_taken = await loop.run_in_executor(self._thread, self._notify, message)
        except Exception as error:  # noqa: BLE001  # a plugin of a hundred that has a bug is a channel that failed
            return Failed(f"cannot be used ({type(error).__name__})")
        return None if was_taken else Failed("was not delivered; the lines of apprise in the log say why")

    def _notify(self, message: Message) -> bool:
        kind, plain = NotifyType(message.tone), NotifyFormat.TEXT
        return bool(self._apprise.notify(message.body, message.title, notify_type=kind, body_format=plain))

    async def close(self) -> None:
        """Let the thread end once it is done."""
        self._thread.shutdown(wait=False)


def is_known(url: str) -> bool:
    """Whether Apprise can make sense of a URL."""
    return bool(Apprise().add(url))
