"""What a stack is made of: which services, which ports, what they serve. Kept as `stack.json` under its state directory."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from inspectd.errors import Misconfigured
from inspectd.settings import FrameSettings, KafkaSettings
from inspectd.stack import kafka, postgres, redis, triton
from inspectd.stack.download import Cache
from inspectd.stack.ports import PortChoice, choose
from inspectd.stack.service import Service
from inspectd.stack.topics import topics

#: In the order in which they are started: what takes longest to be ready comes last, what needs fetching too.
SERVICES: tuple[str, ...] = ("redis", "postgres", "kafka", "triton")
DEFAULT_SERVICES: tuple[str, ...] = ("kafka", "redis", "triton")
_USUAL_PORTS = {
    "redis": redis.USUAL_PORTS,
    "postgres": postgres.USUAL_PORTS,
    "kafka": kafka.USUAL_PORTS,
    "triton": triton.USUAL_PORTS,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One stack."""

    services: tuple[str, ...] = DEFAULT_SERVICES
    ports: dict[str, int] = field(default_factory=dict)  # purpose -> port, filled by `with_ports`
    expert_checkpoint: str = ""  # empty: the shipped one
    explainer_checkpoint: str = ""
    editor_checkpoint: str = ""
    kafka_home: str = ""
    java_home: str = ""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.services) - set(SERVICES))
        if unknown:
            raise Misconfigured("--services", f"unknown: {', '.join(unknown)}", f"Choose from {', '.join(SERVICES)}")

    def with_ports(self, choice: PortChoice, running: frozenset[str]) -> "Plan":
        """The plan with a port for every purpose; the ports of running services stay. Raises Misconfigured."""
        ports: dict[str, int] = {}
        for service in self.services:
            known = {purpose: self.ports[purpose] for purpose in _USUAL_PORTS[service] if purpose in self.ports}
            if service in running and len(known) == len(_USUAL_PORTS[service]):
                ports |= known
                continue
            # a service that was there before comes back where its clients look for it
            wanted = _USUAL_PORTS[service] | ({} if choice == "fixed" else known)
            ports |= choose(
                wanted, "free" if choice == "free" and not known else _kept(choice), frozenset(ports.values())
            )
        return replace(self, ports=ports)

    def build(self, state_dir: Path, cache: Cache) -> tuple[Service, ...]:
        """The services, in order of starting."""
        return tuple(self._build_one(name, state_dir, cache) for name in SERVICES if name in self.services)

    def _build_one(self, name: str, state_dir: Path, cache: Cache) -> Service:
        ports = {purpose: self.ports[purpose] for purpose in _USUAL_PORTS[name]}
        if name == "redis":
            return redis.Redis(state_dir=state_dir, cache=cache, ports=ports)
        if name == "postgres":
            return postgres.Postgres(state_dir=state_dir, cache=cache, ports=ports)
        if name == "kafka":
            return kafka.Kafka(
                state_dir=state_dir,
                cache=cache,
                ports=ports,
                topics=topics(KafkaSettings(), FrameSettings().max_frame_bytes),
                kafka_home=_path(self.kafka_home),
                java_home=_path(self.java_home),
            )
        checkpoints = {
            "region_expert": _path(self.expert_checkpoint),
            "explainer": _path(self.explainer_checkpoint),
            "defect_editor": _path(self.editor_checkpoint),
        }
        return triton.Triton(state_dir=state_dir, cache=cache, ports=ports, checkpoints=checkpoints)

    def save(self, state_dir: Path) -> None:
        """Writes it down, whole or not at all."""
        state_dir.mkdir(parents=True, exist_ok=True)
        partial = state_dir / "stack.json.partial"
        partial.write_text(json.dumps(asdict(self), indent=1))
        partial.replace(state_dir / "stack.json")

    @classmethod
    def load(cls, state_dir: Path) -> "Plan | None":
        """The plan of the last `up`; None when there was none or it cannot be read."""
        try:
            values = json.loads((state_dir / "stack.json").read_text())
            return cls(**{**values, "services": tuple(values["services"])})
        except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError, Misconfigured):
            return None


def _kept(choice: PortChoice) -> PortChoice:
    return "auto" if choice == "free" else choice


def _path(text: str) -> Path | None:
    return Path(text) if text else None
