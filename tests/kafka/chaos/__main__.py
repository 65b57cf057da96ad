"""`make chaos`: as many faults as asked for in one run, and one line that says whether anything was miscounted."""

import argparse
import asyncio
import secrets
import shutil
import sys
import time

from tests.kafka.chaos.run import Plan, new_folder, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=...", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats a run's faults and traffic")
    parser.add_argument("--minutes", type=int, default=120, help="of event time that the traffic covers")
    parser.add_argument("--without", nargs="*", default=[], help="faults to leave out, by name")
    given = parser.parse_args()
    folder, began_at = new_folder(), time.monotonic()
    print(f"seed {given.seed}; logs are in {folder}", flush=True)

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_at:6.0f} s {text}", flush=True)

    plan = Plan(given.seed, given.faults, given.minutes, set(given.without))
    verdict = asyncio.run(run(plan, folder, say))
    for sentence in verdict.difference[:50]:
        print(sentence)
    if not verdict.difference:
        shutil.rmtree(folder, ignore_errors=True)
    print(verdict.line)
    return 1 if verdict.difference else 0


if __name__ == "__main__":
    sys.exit(main())
