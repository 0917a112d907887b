"""Apache Kafka 4: one node that is broker and controller (KRaft), with the daemon's topics."""

import shutil
import signal
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

from inspectd.stack.download import Cache, Say, run
from inspectd.stack.java import find_java, kafka_libraries
from inspectd.stack.ports import HOST, accepts
from inspectd.stack.process import Launch
from inspectd.stack.topics import Topic, create

USUAL_PORTS = {"kafka": 9092, "kafka_controller": 9093}

_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
# one node: nothing to replicate to
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
# a mistyped topic is an error, not a new topic
auto.create.topics.enable=false
"""


class Kafka:
    """One broker on loopback."""

    name = "kafka"
    ready_timeout_s = 120.0
    stop_signal = signal.SIGTERM
    stop_timeout_s = 30.0

    def __init__(
        self,
        *,
        state_dir: Path,
        cache: Cache,
        ports: dict[str, int],
        topics: Sequence[Topic] = (),
        kafka_home: Path | None = None,
        java_home: Path | None = None,
    ) -> None:
        self._place = state_dir / "kafka"
        self._cache = cache
        self.ports = ports
        self._topics = tuple(topics)
        self._kafka_home, self._java_home = kafka_home, java_home

    @property
    def bootstrap_servers(self) -> str:
        """What KafkaSettings.bootstrap_servers takes."""
        return f"{HOST}:{self.ports['kafka']}"

    def prepare(self, say: Say) -> Launch:
        """Finds Java and the jars, writes server.properties and formats the log directory once."""
        java = find_java(self._cache, say, self._java_home)
        libraries = kafka_libraries(self._cache, say, self._kafka_home)
        properties = self._write_properties()
        classes = [str(java), "-cp", f"{libraries}/*"]
        self._format(classes, properties)
        memory = ("-Xms128m", "-Xmx512m", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError")
        options = ("-Dorg.slf4j.simpleLogger.showDateTime=true", f"-Dkafka.logs.dir={self._place / 'logs'}")
        argv = (classes[0], *memory, *options, *classes[1:], "kafka.Kafka", str(properties))
        return Launch(argv, fingerprint=" ".join(argv) + properties.read_text())

    def probe(self) -> str:
        """The port is open; `complete` then talks to the broker."""
        return "" if accepts(self.ports["kafka"]) else "waiting for the port"

    def complete(self) -> None:
        """Creates the topics that are missing."""
        create(self.bootstrap_servers, self._topics)

    def clean(self) -> None:
        """It leaves nothing outside the state directory."""

    def settings(self) -> dict[str, str]:
        """The broker's address, and that frames come from it."""
        return {"kafka.bootstrap_servers": self.bootstrap_servers, "frames.source": "kafka"}

    def _write_properties(self) -> Path:
        self._place.mkdir(parents=True, exist_ok=True)
        properties = self._place / "server.properties"
        ports = {"broker": self.ports["kafka"], "controller": self.ports["kafka_controller"]}
        properties.write_text(_PROPERTIES.format(host=HOST, data=self._place / "data", **ports))
        return properties

    def _format(self, classes: list[str], properties: Path) -> None:
        data = self._place / "data"
        if (data / "meta.properties").is_file():
            return
        shutil.rmtree(data, ignore_errors=True)  # formatting that broke off
        # May begin with "-", which a value of its own would be read as an option: hence the "=" below.
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        run(
            [*classes, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(properties)],
            setting="kafka",
            mend=f"See that {self._place} can be written",
        )
