"""The notify file that the user gives, or the sentence that says what is wrong with it.

Law: apart from `given.py`, since what reads it takes longer to import than most commands to run.
"""

from pathlib import Path

from stream.cli.output import wrong
from stream.notify.plan import Plan
from stream.notify.plan_file import read_plan
from stream.settings import PREFIX, Settings, environment


def plan(settings: Settings, path: Path | None = None) -> Plan:
    """Return who is told what, by the file given or that of the settings; faults, one a line, end the command."""
    file = path or settings.notify
    if file is None:
        raise wrong(f"There is no notify file: set {PREFIX}NOTIFY to one; docs/notify.md has an example.")
    found = read_plan(file, environment())
    if isinstance(found, Plan):
        return found
    raise wrong("\n".join(map(str, found)))
