"""Which sender belongs to which channel.

Law: every kind of channel has exactly one.
"""

from stream.notify.channels.alertmanager import Alertmanager
from stream.notify.channels.outcome import Sender
from stream.notify.channels.people import People
from stream.notify.channels.webhook import Webhook
from stream.notify.plan import AlertmanagerChannel, Channel, Plan, WebhookChannel


def senders_of(plan: Plan) -> dict[str, Sender]:
    """Return the sender of each channel of a plan."""
    return {channel.name: _sender_of(channel, plan.dashboard) for channel in plan.channels}


def _sender_of(channel: Channel, dashboard: str | None) -> Sender:
    if isinstance(channel, AlertmanagerChannel):
        return Alertmanager(channel, dashboard)
    return Webhook(channel) if isinstance(channel, WebhookChannel) else People(channel, dashboard)
