"""All channels together: every alert is handed to each of them, and the log is done up to what none has left to tell.

Law: pure. A record is done once every channel has been told of it, has no route for it, or has it among its dead
letters; offsets that may be committed never pass over one that is not.
"""

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from schemas.alert import AlertEvent
from stream.notify.lanes import open_lane
from stream.notify.news import Place, Receipt, Subject, subject_of
from stream.notify.plan import Plan


class Desk:
    """The state of a notifier."""

    def __init__(self, plan: Plan, receipts: Mapping[str, Iterable[Receipt]]) -> None:
        self.lanes = {each.name: open_lane(each, plan, receipts.get(each.name, ())) for each in plan.channels}
        self.foreign = 0
        """Records that are no alert events."""
        self._read: dict[int, int] = {}
        self._known = [receipt for each in receipts.values() for receipt in each]

    def take_in(self, value: bytes | None, place: Place, arrived_at: int, now: int) -> None:
        """Hand a record of the alerts topic to every channel."""
        self._read[place.partition] = place.offset + 1
        try:
            event = AlertEvent.model_validate_json(value or b"")
        except ValidationError:
            self.foreign += 1
            return
        for lane in self.lanes.values():
            lane.add(event, place, arrived_at, now)

    def share(self, now: int) -> None:
        """Tell channels that are new, or have a new route, of what others know to fire; ask once all has been read."""
        newest: dict[Subject, AlertEvent] = {}
        for receipt in self._known:
            event, other = receipt.event, newest.get(subject_of(receipt.event))
            if other is None or (event.started_at, event.sequence) > (other.started_at, other.sequence):
                newest[subject_of(event)] = event
        for event in newest.values():
            for lane in self.lanes.values() if event.kind == "fired" else ():
                lane.add(event, None, now, now)

    def done(self) -> dict[int, int]:
        """Return the offsets up to which the log is done, by partition."""
        floors = [lane.floor() for lane in self.lanes.values()]
        return {
            partition: min([position, *(floor[partition] for floor in floors if partition in floor)])
            for partition, position in self._read.items()
        }
