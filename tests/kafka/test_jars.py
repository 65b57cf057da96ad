"""Kafka's jars: what goes wrong on the way to them is told in a sentence and leaves nothing half done."""

import subprocess
import sys
from collections.abc import Iterator
from os import environ
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread

import pytest
from jgo.maven import MavenContext

import stream
from stream.local.jars import _TidyResolver


class CutsShort(StreamRequestHandler):
    """Promises a hundred bytes and closes after five."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbytes")


@pytest.fixture
def cutting_server() -> Iterator[str]:
    with TCPServer(("127.0.0.1", 0), CutsShort) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_interrupted_download_leaves_no_file_to_be_taken_for_a_jar(cutting_server: str, tmp_path: Path) -> None:
    context = MavenContext(resolver=_TidyResolver(), repo_cache=tmp_path, remote_repos={"cutting": cutting_server})
    artifact = context.project("group", "artifact").at_version("1").artifact()
    with pytest.raises(OSError, match="IncompleteRead"):
        artifact.resolve()
    assert not list(tmp_path.rglob("*.jar"))


def test_jars_that_cannot_be_fetched_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "jgo.conf").write_text("[repositories]\ncentral = http://127.0.0.1:1/nothing\n")
    done = subprocess.run(
        [sys.executable, "-c", "from stream.local.jars import kafka_jars; kafka_jars(print)"],
        cwd=Path(stream.__file__).parents[1],
        env=environ | {"M2_REPO": str(tmp_path), "JGO_CONFIG_FILE": str(tmp_path / "jgo.conf")},
        capture_output=True,
        text=True,
        check=False,
    )
    last_line = done.stderr.strip().splitlines()[-1]
    assert "could not be fetched" in last_line
    assert "go online once" in last_line
