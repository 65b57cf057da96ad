"""How many signed webhooks a second one gateway on one core takes in, and how long its answers take.

    python -m benchmarks.gateway [--seconds 20] [--connections 32] [--rate 2000]

It needs `wrk` and, on Linux, `taskset`; the broker is that of KAFKA_BOOTSTRAP, else an embedded one. The gateway has a
core of its own; wrk and the broker share the others, so on a small machine they are part of what is measured.

Without a rate, each connection sends the next webhook when the last is answered. With one, webhooks are due at even
distances, and each is sent by the first connection that is free from then on.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID, uuid5

from stream.gateway.openapi import WEBHOOKS_PATH
from stream.gateway.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from stream.local.broker import EmbeddedBroker
from stream.local.loopback import free_port

KEY = bytes(range(32))
DIFFERENT = 5_000
"""Webhooks that are signed beforehand, and then sent over and over."""
JOBS = UUID(int=7)

SCRIPT = """
local requests, at = {{}}, 0
function init(args)
  for line in io.lines("{bodies}") do
    local timestamp, signature, body = line:match("^(%S+) (%S+) (.*)$")
    requests[#requests + 1] = wrk.format("POST", "{path}", {{
      ["{timestamp}"] = timestamp, ["{signature}"] = signature, ["Content-Type"] = "application/json",
    }}, body)
  end
end
function request() at = at % #requests + 1; return requests[at] end
"""

AT_A_RATE = """
local ffi = require("ffi")
ffi.cdef[[ struct instant {{ long seconds; long nanoseconds; }}; int clock_gettime(int clock, struct instant *now); ]]
local instant, due = ffi.new("struct instant"), nil
local function now()
  ffi.C.clock_gettime(1, instant)
  return tonumber(instant.seconds) * 1000 + tonumber(instant.nanoseconds) / 1e6
end
function delay()
  due = (due or now()) + {apart_ms}
  return math.max(0, due - now())
end
"""


def body(number: int) -> bytes:
    payload = {
        "id": str(uuid5(JOBS, str(number))),
        "preset": "summarize",
        "status": "error",
        "input": {"sourceType": "uri", "uri": "https://example.com/recordings/2026/11/26/a-recording.mp4"},
        "output": {},
        "error": "Summary generation job failed: BatchProcessorTranscriptError: transcript job failed: "
        "Error: Failed to download: 403 Forbidden",
    }
    event = {"version": "1.0.0", "type": "batch-processor.error", "id": f"bp-je-{payload['id']}", "payload": payload}
    return json.dumps(event | {"event_ts": time.time()}).encode()


def write_script(folder: Path, rate: float | None) -> Path:
    timestamp = str(time.time_ns() // 10**6)
    bodies = map(body, range(DIFFERENT))
    lines = [b" ".join((timestamp.encode(), sign(KEY, timestamp, each).encode(), each)) for each in bodies]
    (folder / "bodies").write_bytes(b"\n".join(lines))
    names = {"timestamp": TIMESTAMP_HEADER, "signature": SIGNATURE_HEADER, "path": WEBHOOKS_PATH}
    script = folder / "signed.lua"
    pace = AT_A_RATE.format(apart_ms=1000 / rate) if rate else ""
    script.write_text(SCRIPT.format(bodies=folder / "bodies", **names) + pace)
    return script


@contextmanager
def gateway(bootstrap: str, port: int, core: int) -> Iterator[int]:
    """Run a gateway on one core; gives its process id."""
    given = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "APP_ID": f"bench-{port}",
        "EVENTS_TOPIC": f"bench-gateway-{port}",
        "REJECTED_TOPIC": f"bench-gateway-rejected-{port}",
        "ALERTS_TOPIC": f"bench-gateway-alerts-{port}",
        "GATEWAY_PORT": str(port),
        "WEBHOOK_HMAC": b64encode(KEY).decode(),
    }
    environment = os.environ | {f"PRESETWATCH_{name}": value for name, value in given.items()}
    pin = ["taskset", "-c", str(core)] if shutil.which("taskset") else []
    process = subprocess.Popen([*pin, sys.executable, "-m", "stream", "gateway"], env=environment)
    try:
        wait_until_ready(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def wait_until_ready(port: int) -> None:
    give_up_at = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.1)
        else:
            return


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def outcomes(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        found = re.findall(r'webhooks_total\{outcome="(\w+)"\} (\S+)', answer.read().decode())
    return {name: int(float(count)) for name, count in found if float(count)}


def measure(seconds: int, connections: int, port: int, script: Path, pid: int) -> None:
    before, began = cpu_seconds(pid), outcomes(port).get("stored", 0)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", str(script)]
    said = subprocess.run([*command, f"http://127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True, check=True).stdout
    used = cpu_seconds(pid) - before
    rate = float(re.search(r"Requests/sec:\s+(\S+)", said)[1])  # type: ignore[index]  # wrk always says it
    latencies = dict(re.findall(r"^\s+(50|90|99)%\s+(\S+)", said, re.MULTILINE))
    stored = outcomes(port).get("stored", 0) - began
    failed = re.search(r"Non-2xx.*", said)
    print(
        f"{connections} connections: {rate:,.0f}/s, p50 {latencies['50']}, p99 {latencies['99']}; "
        f"{used / stored * 1e6:.0f} us of CPU a webhook, {used / seconds:.0%} of a core"
        f"{'; ' + failed[0] if failed else ''}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--connections", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--rate", type=float, help="webhooks a second; as fast as they are answered without it")
    given = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("The load comes from wrk, which is not here: `apt install wrk`.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bootstrap = (
            os.environ.get("KAFKA_BOOTSTRAP") or stack.enter_context(EmbeddedBroker(folder / "broker")).bootstrap
        )
        port = free_port(23_000)
        pid = stack.enter_context(gateway(bootstrap, port, given.core))
        script = write_script(folder, given.rate)
        measure(5, 16, port, script, pid)  # so that all is warm
        for connections in given.connections:
            measure(given.seconds, connections, port, script, pid)


if __name__ == "__main__":
    main()
