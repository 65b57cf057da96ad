"""What the embedded Kafka is told: the smallest broker and controller in one process that still behaves like a big one.

All paths are relative to the folder Kafka runs in, because a comma in an absolute path would be read as a list.
"""

from pathlib import Path

_SERVER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
# After an unclean death the next start waits for this session to end.
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=1000
log.dirs=data
log.retention.check.interval.ms=60000
# A quarter of the heap by default.
log.cleaner.dedupe.buffer.size=16777216
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
"""

_LOGGING = """\
rootLogger.level=WARN
rootLogger.appenderRef.file.ref=file
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName=broker.log
appender.file.filePattern=broker.log.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %c{1}: %m%n
appender.file.policies.type=SizeBasedTriggeringPolicy
appender.file.policies.size=2MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=1
"""


def write_config(data_dir: Path, host: str, port: int, controller_port: int) -> None:
    """Write `server.properties` and `log4j2.properties` into the folder."""
    server = _SERVER.format(host=host, port=port, controller_port=controller_port)
    (data_dir / "server.properties").write_text(server, encoding="ascii")
    (data_dir / "log4j2.properties").write_text(_LOGGING, encoding="ascii")
