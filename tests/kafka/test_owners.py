"""Any worker answers for any preset, and none invents an answer."""

from functools import partial
from pathlib import Path

from tests.kafka.harness import Delivery, Worker, body, deploy, eventually
from tests.kafka.test_end_to_end import DEFAULT_RULES

PRESETS = ["transcript", "summarize", "soap-notes", "action items", "a/b", "größe", "%2F", "*x", "chapters", "q&a"]

GO_BY = [*PRESETS[1:], "(*)"]
"""What they are asked for by, once one of them is named like what stands for all."""


async def test_each_of_three_workers_gives_the_same_answers(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, idle_after=300) as deployment:
        for _ in range(3):
            await deployment.start().ready()
        named = [*PRESETS[1:], "*"] * 3
        await deployment.produce([Delivery(body(f"{preset}-{n}", preset)) for n, preset in enumerate(named)])

        async def look(worker: Worker) -> dict[str, int] | None:
            status, answer = await worker.get("/api/rates?window=1h")
            totals = {rate["preset"]: rate["total"] for rate in answer["rates"]} if status == 200 else {}
            return totals if sum(totals.values()) == len(PRESETS) * 3 else None

        for worker in deployment.workers:
            assert await eventually(partial(look, worker), "all jobs counted") == dict.fromkeys(GO_BY, 3)
            for preset in GO_BY:
                assert (await worker.rate(preset, total=3, query="?window=1h"))["preset"] == preset
            assert (await worker.rate("*", total=len(named), query="?window=1h"))["preset"] == "*"


async def test_while_an_owner_is_gone_the_answer_is_503_and_never_a_zero(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, idle_after=300) as deployment:
        first, second, third = [await deployment.start().ready() for _ in range(3)]
        await deployment.produce([Delivery(body(f"{preset}-{n}", preset)) for n, preset in enumerate(PRESETS)])
        await deployment.counted(len(PRESETS))
        third.kill()
        seen: set[int] = set()

        async def look() -> bool | None:
            answers = [
                await worker.get(f"/api/rates/{preset}?window=1h")
                for worker in (first, second)
                for preset in ("transcript", "summarize", "chapters")
            ]
            seen.update(status for status, _ in answers)
            assert all(rate["total"] == 1 for status, rate in answers if status == 200), answers
            return all(status == 200 for status, _ in answers) or None

        await eventually(look, "all presets moved to the workers that are left")
        assert seen <= {200, 503}
