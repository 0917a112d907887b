"""Real servers for tests: started when a test first asks, once a session, and ended with it.

A test says what it needs with `@pytest.mark.service("kafka")` and takes the fixture `stack` for the addresses. Each
service has a temporary state directory of its own, so that a test may kill and restart one without touching the others.
Downloads are kept in a cache that outlives the session.
"""

import contextlib
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.checkpoints import write_editor, write_expert, write_explainer

from iad_unify import resources
from inspectd.errors import InspectdError, Misconfigured
from inspectd.settings import FrameSettings, KafkaSettings
from inspectd.stack.plan import SERVICES, Plan
from inspectd.stack.stack import Stack
from inspectd.stack.topics import create, topics

CACHE = Path(os.environ.get("INSPECTD_TEST_CACHE", "~/.cache/inspectd"))


class Services:
    """The services of a test session. The fixture `stack` is one of these."""

    def __init__(self, cache: Path = CACHE) -> None:
        self._cache = cache
        self._root: Path | None = None
        self._stacks: dict[str, Stack] = {}
        self._failures: dict[str, InspectdError] = {}

    @property
    def kafka(self) -> str:
        """Bootstrap servers."""
        return self._setting("kafka", "kafka.bootstrap_servers")

    @property
    def redis(self) -> str:
        """redis://host:port/0."""
        return self._setting("redis", "redis.url")

    @property
    def triton(self) -> str:
        """host:port of the gRPC endpoint."""
        return self._setting("triton", "triton.url")

    @property
    def postgres(self) -> str:
        """A SQLAlchemy URL of an empty database's server; see `postgres_database` for one of your own."""
        return self._setting("postgres", "database.url")

    def postgres_database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        import psycopg

        url = self.postgres
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"{url.rpartition('/')[0]}/{name}"

    def kafka_settings(self, *, partitions: int = 4, frames: FrameSettings | None = None) -> KafkaSettings:
        """Settings with new topics, which are created, and a new consumer group: nothing of another test is in them."""
        tag = uuid.uuid4().hex[:8]
        plain = KafkaSettings()
        names = {
            name: f"{getattr(plain, name)}.{tag}" for name in KafkaSettings.model_fields if name.endswith("_topic")
        }
        settings = KafkaSettings(bootstrap_servers=self.kafka, group_id=f"inspectd-{tag}", **names)
        create(self.kafka, topics(settings, (frames or FrameSettings()).max_frame_bytes, partitions))
        return settings

    def start(self, name: str) -> Stack:
        """The stack of one service, running. Call it in the main thread: the service ends with the calling thread."""
        if name in self._failures:
            raise self._failures[name]
        if name not in SERVICES:
            raise Misconfigured("service", f"{name} is not one of {', '.join(SERVICES)}", "Correct the marker")
        stack = self._stacks.get(name)
        if stack is None:
            stack = Stack(self._directory(name), self._cache, die_with_parent=True)
            try:
                stack.up(self._plan(name), "free")
            except InspectdError as error:
                self._failures[name] = error
                stack.down()
                raise
            self._stacks[name] = stack
        return stack

    def kill(self, name: str) -> None:
        """Kills the service as `kill -9` does."""
        process = self.start(name).process(name)
        process.signal(signal.SIGKILL)
        assert process.wait_gone(10)

    def pause(self, name: str) -> None:
        """Stops the service's process without ending it: it is reachable and says nothing."""
        self.start(name).process(name).signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Undoes `pause`."""
        self.start(name).process(name).signal(signal.SIGCONT)

    def revive(self, name: str) -> None:
        """Starts a killed service again, at the same address."""
        self.start(name).up(self._plan(name), "free")

    def close(self) -> None:
        """Ends every service that was started here."""
        for stack in self._stacks.values():
            stack.down()
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    def _plan(self, name: str) -> Plan:
        if name != "triton":
            return Plan(services=(name,))
        expert, explainer, editor = self._checkpoints()
        return Plan(
            services=(name,),
            expert_checkpoint=str(expert),
            explainer_checkpoint=str(explainer),
            editor_checkpoint=str(editor),
        )

    def _checkpoints(self) -> tuple[Path, Path, Path]:
        """The shipped ones; random ones in a tree where they have not been trained yet."""
        random = self._directory("checkpoints")
        found = {role: resources.weights(role) for role in resources.ROLES}
        there = {role: (folder / "model.safetensors").is_file() for role, folder in found.items()}
        if not there["region_expert"]:
            found["region_expert"] = _once(random / "region_expert", write_expert)
        if not there["explainer"]:
            found["explainer"] = _once(random / "explainer", write_explainer)
        if not (there["defect_editor"] and there["explainer"]):  # an editor serves with its own explainer only
            found["defect_editor"] = _once(
                random / "defect_editor", lambda folder: write_editor(folder, found["explainer"])
            )
        return found["region_expert"], found["explainer"], found["defect_editor"]

    def _setting(self, name: str, path: str) -> str:
        return self.start(name).settings()[path]

    def _directory(self, name: str) -> Path:
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="inspectd-test-"))
            with contextlib.suppress(PermissionError):
                self._root.chmod(0o755)  # PostgreSQL may have to enter it as another user
        return self._root / name


def _once(folder: Path, write: Callable[[Path], Path]) -> Path:
    return folder if (folder / "card.json").is_file() else write(folder)
