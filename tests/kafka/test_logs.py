"""What a real worker writes while it starts, works and stops, its libraries included."""

import json
import signal
from pathlib import Path

from tests.kafka.harness import Delivery, body, deploy
from tests.kafka.test_end_to_end import DEFAULT_RULES


async def test_every_line_of_a_workers_log_is_json_of_one_shape(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, idle_after=300, log_format="json") as deployment:
        worker = await deployment.start().ready()
        await deployment.produce([Delivery(body("job")), Delivery(b"{not json")])
        await deployment.counted(2)
        assert worker.kill(signal.SIGTERM) == 0
        lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    assert all({"timestamp", "level", "logger", "event"} <= line.keys() for line in lines)
    assert [line["event"] for line in lines if line["logger"].startswith("stream.")] == [
        "starting",
        "partitions_assigned",
        "stopping",
    ]
