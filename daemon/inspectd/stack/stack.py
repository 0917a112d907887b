"""The stack: its services started, awaited, described and stopped, under one state directory. It prints nothing."""

import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inspectd.errors import Misconfigured, Unavailable
from inspectd.stack import environment
from inspectd.stack.download import Cache
from inspectd.stack.plan import Plan
from inspectd.stack.ports import PortChoice
from inspectd.stack.process import Launch, ServiceProcess
from inspectd.stack.service import Service

#: service, what it is doing; `ready` and `already running` are the last words for a service.
Progress = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How a service is."""

    name: str
    state: str  # ready, starting, died, stopped
    detail: str  # what it is waited for
    pid: int
    ports: dict[str, int]
    uptime_s: float
    log: Path


class Stack:
    """One stack under a state directory; two `up` or `down` of it wait for one another."""

    def __init__(self, state_dir: Path, cache_dir: Path, *, die_with_parent: bool = False) -> None:
        self.state_dir = state_dir.expanduser().resolve()
        self._cache = Cache(cache_dir.expanduser().resolve())
        self._die_with_parent = die_with_parent

    def up(self, wanted: Plan, choice: PortChoice = "auto", progress: Progress = lambda name, word: None) -> Plan:
        """Starts what does not run, waits until all of it is ready and writes stack.env and stack.toml.

        Services of an earlier `up` stay. Raises Misconfigured for what is missing or ends while starting, Unavailable
        for what does not get ready in time; what runs by then goes on running.
        """
        with self._locked():
            plan = self._merge(wanted, choice)
            plan.save(self.state_dir)
            services = plan.build(self.state_dir, self._cache)
            # everything is fetched and checked before anything is started
            launches = [(service, self._prepare(service, progress)) for service in services]
            started = [service for service, launch in launches if self._start(service, launch, progress)]
            self._await_ready(started, progress)
            environment.write(self.state_dir, self._settings(services))
        return plan

    def down(self, progress: Progress = lambda name, word: None, names: Sequence[str] | None = None) -> None:
        """Stops the services in the opposite order of their start and removes what they left outside the directory."""
        with self._locked():
            for service in reversed(self._services()):
                if names is None or service.name in names:
                    progress(service.name, "stopping")
                    stopped = self._stop(service)
                    progress(service.name, "stopped" if stopped else "was not running")

    def status(self) -> tuple[ServiceState, ...]:
        """Every service of the last `up`."""
        return tuple(self._state(service) for service in self._services())

    def settings(self) -> dict[str, str]:
        """The daemon's settings that reach the services, dotted path -> value."""
        return self._settings(self._services())

    def process(self, name: str) -> ServiceProcess:
        """The process of a service."""
        return ServiceProcess(name, self.state_dir)

    @staticmethod
    def _settings(services: Sequence[Service]) -> dict[str, str]:
        return {path: value for service in services for path, value in service.settings().items()}

    def _services(self) -> tuple[Service, ...]:
        plan = Plan.load(self.state_dir)
        return plan.build(self.state_dir, self._cache) if plan else ()

    def _merge(self, wanted: Plan, choice: PortChoice) -> Plan:
        """The wanted plan, with the ports and the running services of the last one."""
        last = Plan.load(self.state_dir) or Plan(services=())
        running = frozenset(name for name in last.services if self.process(name).running())
        services = tuple(dict.fromkeys((*wanted.services, *(name for name in last.services if name in running))))
        changes = {name: getattr(wanted, name) for name in Plan.__slots__ if name not in ("services", "ports")}
        return Plan(services=services, ports=last.ports, **changes).with_ports(choice, running)

    @staticmethod
    def _prepare(service: Service, progress: Progress) -> Launch:
        progress(service.name, "preparing")
        return service.prepare(lambda word: progress(service.name, word))

    def _start(self, service: Service, launch: Launch, progress: Progress) -> bool:
        """Whether it is to be waited for; a running one with another configuration is stopped first."""
        process = self.process(service.name)
        running = process.running()
        if running is not None and running.fingerprint == launch.fingerprint:
            missing = service.probe()
            progress(service.name, missing or "already running")
            return bool(missing)
        if running is not None:
            progress(service.name, "stopping, its configuration changed")
        self._stop(service)  # also clears up after one that was killed
        progress(service.name, "starting")
        try:
            process.start(launch, die_with_parent=self._die_with_parent)
        except OSError as error:
            raise Misconfigured(service.name, str(error), f"See {process.log_path}") from error
        return True

    def _stop(self, service: Service) -> bool:
        stopped = self.process(service.name).stop(service.stop_signal, service.stop_timeout_s)
        service.clean()
        return stopped

    def _await_ready(self, services: Sequence[Service], progress: Progress) -> None:
        waiting = {service.name: service for service in services}
        begin = time.monotonic()
        while waiting:
            for service in tuple(waiting.values()):
                missing = self._missing(service)
                if not missing:
                    del waiting[service.name]
                progress(service.name, missing or "ready")
                if missing and time.monotonic() - begin > service.ready_timeout_s:
                    log = self.process(service.name).log_path
                    raise Unavailable(
                        f"{service.name} is not ready after {service.ready_timeout_s:.0f} s: {missing}; see {log}"
                    )
            time.sleep(0.1 if waiting else 0)

    def _missing(self, service: Service) -> str:
        process = self.process(service.name)
        if process.running() is None:
            raise Misconfigured(
                service.name, f"ended while starting: {process.last_words()}", f"The whole log is {process.log_path}"
            )
        missing = service.probe()
        if missing:
            return missing
        try:
            service.complete()
        except Unavailable as error:
            return str(error)
        return ""

    def _state(self, service: Service) -> ServiceState:
        process = self.process(service.name)
        record = process.running()
        detail = service.probe() if record else ""
        ports = dict(service.ports)
        if record is None:
            state = "died" if process.record() else "stopped"
            return ServiceState(service.name, state, "", 0, ports, 0.0, process.log_path)
        state = "starting" if detail else "ready"
        uptime_s = time.time() - record.start_time
        return ServiceState(service.name, state, detail, record.pid, ports, uptime_s, process.log_path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with (self.state_dir / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
