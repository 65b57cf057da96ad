"""One program a contender. Each says FIRST when it has the first event, and LAST when it has worked on all of them.

They are told by the environment: BOOTSTRAP, EVENTS_TOPIC, OUT_TOPIC, RUN (a name nobody used before) and EVENTS.
"""
