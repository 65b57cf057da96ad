"""What a worker answers is what its OpenAPI document says, and it answers nothing else."""

from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.kafka.harness import Delivery, Worker, body, deploy, eventually
from tests.kafka.test_end_to_end import DEFAULT_RULES

PRESETS = ("summarize", "transcript")
ASKED = {
    "/api/rates/{preset}": {"preset": "summarize"},
    "/api/rates/{preset}/series": {"preset": "*"},
}
FAUSTS_OWN = ("/router/", "/router/topics", "/table/", "/graph/", "/assignment/", "/metrics/")
"""Pages that Faust offers of itself, which show topics, tables and who has which partition."""


def says(document: dict[str, Any], path: str, status: int) -> Draft202012Validator:
    """Return what judges an answer."""
    responses = document["paths"][path]["get"]["responses"]
    [content] = responses.get(str(status), responses["default"])["content"].values()
    return Draft202012Validator({**content["schema"], "components": document["components"]})


async def failing(worker: Worker) -> None:
    """Wait until an alert fires, so that there is one to be described."""

    async def look() -> bool | None:
        status, answer = await worker.get("/api/alerts?state=firing")
        return (status == 200 and bool(answer["alerts"])) or None

    await eventually(look, "an alert that fires")


async def test_every_answer_fits_the_document(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, idle_after=300) as deployment:
        worker = await deployment.start().ready()
        jobs = [Delivery(body(f"{preset}-{n}", preset, error="Error: no")) for preset in PRESETS for n in range(60)]
        await deployment.produce(jobs)
        await failing(worker)
        document = await worker.answer("/openapi.json")
        asked = set(document["paths"]) - {"/api/stream", "/metrics"}
        for path in sorted(asked):
            says(document, path, 200).validate(await worker.answer(path.format(**ASKED.get(path, {}))))
        for path in ("/api/rates/nobody", "/api/rates?window=7s", "/api/alerts?state=asleep", "/api/nothing"):
            status, problem = await worker.get(path)
            assert status in (400, 404)
            says(document, "/api/rates", status).validate(problem)
        assert [(await worker.get(path))[0] for path in FAUSTS_OWN] == [404] * len(FAUSTS_OWN)
        assert {rate["preset"] for rate in (await worker.answer("/api/rates?window=1h"))["rates"]} == set(PRESETS)


async def test_who_asks_for_fausts_own_pages_gets_them(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, web_faust=True) as deployment:
        worker = await deployment.start().ready()
        assert [(await worker.get(path))[0] for path in ("/router/", "/router/topics", "/table/", "/assignment/")] == [
            200
        ] * 4
        assert (await worker.get("/api/about"))[0] == 200
