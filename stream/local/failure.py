"""The one exception of the embedded broker.

Its text is for people: a sentence that says what to do, then what Kafka logged last.
"""


class BrokerFailed(RuntimeError):
    """The embedded broker cannot start, or has died."""
