"""Apache Kafka's jars, found by jgo from Maven coordinates and kept in the local Maven repository.

That is ~/.m2/repository, or what M2_REPO or jgo's settings say. The network is used only when a jar is missing, and
`java` or `mvn` never. jgo's resolver is used without its environments: building one downloads a JDK to sort jars.
"""

import fcntl
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from xml.etree.ElementTree import ParseError

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import Artifact, MavenContext, PythonResolver

from stream.local.failure import BrokerFailed

KAFKA_VERSION = "4.4.0"
_LOG4J_VERSION = "2.25.5"
# `!` keeps jgo from taking log4j's own dependency management, which would swap kafka-clients for an older one.
_COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}:::compile",
    f"org.apache.logging.log4j:log4j-slf4j-impl:{_LOG4J_VERSION}:::compile!",
    f"org.apache.logging.log4j:log4j-core:{_LOG4J_VERSION}:::compile!",
)


class _TidyResolver(PythonResolver):
    """Leaves no truncated file behind: jgo would take it for a finished download ever after."""

    def download(self, artifact: Artifact) -> Path | None:
        try:
            return super().download(artifact)
        except BaseException:
            if artifact.cached_path:
                artifact.cached_path.unlink(missing_ok=True)
            raise


def kafka_jars(on_progress: Callable[[str], None]) -> list[Path]:
    """Every jar a broker needs, downloaded once if missing; raises BrokerFailed when that is impossible."""
    return find_jars(f"Apache Kafka {KAFKA_VERSION}", _COORDINATES, on_progress)


def find_jars(what: str, coordinates: Sequence[str], on_progress: Callable[[str], None]) -> list[Path]:
    """Every jar that coordinates ask for, downloaded once if missing; raises BrokerFailed when that is impossible."""
    return _cached(coordinates) or _downloaded(what, coordinates, on_progress)


def _cached(coordinates: Sequence[str]) -> list[Path] | None:
    try:
        jars = [artifact.resolve() for artifact in _artifacts(coordinates, offline=True)]
    except (RuntimeError, ParseError):
        return None
    return jars if all(map(zipfile.is_zipfile, jars)) else None


def _downloaded(what: str, coordinates: Sequence[str], on_progress: Callable[[str], None]) -> list[Path]:
    on_progress(f"finding the jars of {what} (once, about 45 MB)")
    cache = GlobalSettings.load().repo_cache
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / ".presetwatch-lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return _fetch_all(_artifacts(coordinates, offline=False), on_progress)
    except (OSError, RuntimeError, ParseError) as error:
        raise BrokerFailed(
            f"The jars of {what} could not be fetched into {cache} ({error}): "
            "go online once, or name a mirror as `central` under [repositories] in ~/.config/jgo.conf."
        ) from error


def _artifacts(coordinates: Sequence[str], *, offline: bool) -> list[Artifact]:
    settings = GlobalSettings.load()
    context = MavenContext(
        resolver=_TidyResolver(),
        repo_cache=settings.repo_cache,
        remote_repos={"central": MAVEN_CENTRAL_URL} | settings.repositories,
        timeout=30,
        offline=offline,
    )
    wanted, transitive = context.resolver.resolve([context.create_dependency(each) for each in coordinates])
    return [each.artifact for each in wanted] + [
        each.artifact for each in transitive if each.scope in {"compile", "runtime"}
    ]


def _fetch_all(artifacts: list[Artifact], on_progress: Callable[[str], None]) -> list[Path]:
    pool = ThreadPoolExecutor(8)
    try:
        fetches = [pool.submit(_fetch, artifact) for artifact in artifacts]
        for done, _ in enumerate(as_completed(fetches), start=1):
            if done % 10 == 0:
                on_progress(f"fetched {done} of {len(artifacts)} jars")
        return [fetch.result() for fetch in fetches]
    finally:
        pool.shutdown(cancel_futures=True)


def _fetch(artifact: Artifact) -> Path:
    cached = artifact.cached_path
    if cached and cached.exists() and not zipfile.is_zipfile(cached):
        cached.unlink()  # a process was killed while it downloaded this
    return artifact.resolve()
