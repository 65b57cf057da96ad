"""The broker that everyone races on."""

from stream.local.broker import EmbeddedBroker


class RaceBroker(EmbeddedBroker):
    """Waits, as Kafka does unless told otherwise, three seconds for the rest of a group when its first member comes.

    The embedded broker does not, so that a single worker is ready at once; here that would have one of two workers
    begin alone, and be interrupted by the other.
    """

    def _configure(self) -> None:
        super()._configure()
        with (self.data_dir / "server.properties").open("a", encoding="ascii") as settings:
            settings.write("group.initial.rebalance.delay.ms=3000\n")
