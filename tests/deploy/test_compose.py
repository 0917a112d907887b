"""docker-compose.yml against the settings, the code and the other files of the deployment; no Docker engine is needed."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from tests.commands import parse
from tests.deploy.artefacts import DEPLOY, ROOT, compose, field_of, required_variables
from tests.line import open_line

from inspectd import __version__
from inspectd.api.exposure import require_tls, require_token
from inspectd.settings import (
    DashboardSettings,
    KafkaSettings,
    RedisSettings,
    Settings,
    TritonSettings,
    load_settings,
)
from inspectd.stack import kafka, postgres, redis, triton
from inspectd.stack.java import KAFKA_VERSION

SECRETS = {name: f"secret-of-{name.lower()}" for name in required_variables()}
DOCUMENT = compose(SECRETS)
SERVICES: dict[str, Any] = DOCUMENT["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("inspectd-daemon:")]


def environment(service: str) -> dict[str, str]:
    return {name: str(value) for name, value in SERVICES[service].get("environment", {}).items()}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the daemon of docker-compose.yml runs with."""
    for name, value in environment("daemon").items():
        monkeypatch.setenv(name, value)
    return load_settings()


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_a_setting(service: str) -> None:
    names = [name for name in environment(service) if name.startswith("INSPECTD_")]
    assert [field_of(name) for name in names] or service == "certificate"


@pytest.mark.parametrize("service", OURS)
def test_every_command_is_one_of_the_command_line(service: str) -> None:
    if "entrypoint" not in SERVICES[service]:
        parse("inspectd", SERVICES[service]["command"])


def test_the_daemon_takes_everything_from_the_services(settings: Settings) -> None:
    assert settings.frames.source == "kafka"
    assert settings.vision.backend == "triton"
    assert settings.database_url.startswith("postgresql://inspectd:secret-of-postgres_password@")


def test_the_daemon_may_listen_beyond_loopback(settings: Settings) -> None:
    require_token("api", settings.api.host, settings.api.token.get_secret_value())
    require_tls("api", settings.api.host, settings.api.tls_certificate)
    require_token("dashboard", settings.dashboard.host, settings.dashboard.token.get_secret_value())
    assert settings.dashboard.tls_before
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["daemon"]["ports"])


def test_the_page_is_shown_on_other_machines_with_tls_by_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    page = re.search(r"^DASHBOARD_ADDRESS=.*?(?=```)", (DEPLOY / "docs" / "operator.md").read_text(), re.S | re.M)
    assert page is not None
    variables = dict(line.split("=", 1) for line in page[0].split())
    daemon = compose({**SECRETS, **variables})["services"]["daemon"]
    for name, value in daemon["environment"].items():
        monkeypatch.setenv(name, str(value))
    shown = load_settings().dashboard
    assert not shown.tls_before
    require_tls("dashboard", shown.host, shown.tls_certificate)
    certificate, key = shown.tls_certificate, shown.tls_key
    assert certificate is not None
    assert key is not None
    places = [Path(str(entry).split(":")[1]) for entry in daemon["volumes"]]
    assert certificate.parent == key.parent
    assert key.parent in places
    assert "0.0.0.0:8080:8080" in daemon["ports"]


def test_the_addresses_are_services_and_the_ports_that_they_listen_on(settings: Settings) -> None:
    listening = {
        "kafka": {port for _, port in re.findall(r"(INTERNAL|HOST)://:(\d+)", environment("kafka")["KAFKA_LISTENERS"])},
        "triton": {str(triton.USUAL_PORTS["triton"])},
        "redis": {str(redis.USUAL_PORTS["redis"])},
        "postgres": {str(postgres.USUAL_PORTS["postgres"])},
    }
    urls = (
        settings.kafka.bootstrap_servers,
        settings.triton.url,
        settings.redis.url.get_secret_value(),
        settings.database_url,
    )
    for url in urls:
        host, port = re.search(r"([a-z]+):(\d+)(?:/|$)", url).groups()  # type: ignore[union-attr]
        assert port in listening[host], f"{host} does not listen on {port}"


def test_kafka_sends_each_client_to_an_address_that_it_can_reach(settings: Settings) -> None:
    advertised = environment("kafka")["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INTERNAL://{settings.kafka.bootstrap_servers}" in advertised
    assert f"HOST://{KafkaSettings().bootstrap_servers}" in advertised
    names = set(re.findall(r"([A-Z]+):PLAINTEXT", environment("kafka")["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]))
    assert names == {"INTERNAL", "HOST", "CONTROLLER"}


def test_kafka_has_the_properties_of_the_stack() -> None:
    """What `inspectd stack` tells its broker, this one is told too."""
    different = {"listeners", "advertised.listeners", "listener.security.protocol.map", "inter.broker.listener.name"}
    different |= {"log.dirs", "controller.quorum.voters", "offsets.topic.num.partitions"}
    different |= {"transaction.state.log.num.partitions"}  # fewer, so that tests start quickly
    told = environment("kafka")
    for line in kafka._PROPERTIES.splitlines():
        name, _, value = line.partition("=")
        if value and name not in different:
            assert told["KAFKA_" + name.upper().replace(".", "_")] == value


def test_every_published_port_is_on_loopback_and_the_usual_one(settings: Settings) -> None:
    published = {name: dict(_ports(name)) for name in SERVICES}
    assert published["daemon"] == {
        settings.api.port: settings.api.port,
        settings.dashboard.port: settings.dashboard.port,
    }
    assert set(published["triton"]) == set(triton.USUAL_PORTS.values())
    assert set(published["kafka"]) == {kafka.USUAL_PORTS["kafka"]}
    # what a client on this machine finds without any setting
    assert f"127.0.0.1:{next(iter(published['kafka']))}" == KafkaSettings().bootstrap_servers
    assert int(TritonSettings().url.rpartition(":")[2]) in published["triton"]
    assert (settings.api.port, settings.dashboard.port) == (Settings().api.port, Settings().dashboard.port)
    assert all(inside == outside for ports in published.values() for outside, inside in ports.items())


def _ports(service: str) -> list[tuple[int, int]]:
    found = [str(entry).split(":") for entry in SERVICES[service].get("ports", [])]
    assert all(len(entry) == 3 and entry[0] == "127.0.0.1" for entry in found), (
        f"{service} is published beyond loopback"
    )
    return [(int(outside), int(inside)) for _, outside, inside in found]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_an_image_has_a_pinned_tag(service: str) -> None:
    image = SERVICES[service]["image"]
    name, _, tag = image.rpartition(":")
    assert name
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?", tag), f"{image} can change under us"
    if "build" in SERVICES[service]:
        assert tag == __version__


def test_the_broker_is_the_version_that_the_tests_run_with() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_what_is_waited_for_can_happen(service: str) -> None:
    for name, how in SERVICES[service].get("depends_on", {}).items():
        other = SERVICES[name]
        if how["condition"] == "service_healthy":
            assert other["healthcheck"]["test"]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert other.get("restart", "no") == "no", f"{name} would be started again for ever"


def test_every_server_is_started_again_and_says_whether_it_is_healthy() -> None:
    servers = {name for name, service in SERVICES.items() if service.get("restart")}
    assert servers == {"kafka", "redis", "postgres", "triton", "daemon"}
    assert all("healthcheck" in SERVICES[name] for name in servers)


def test_named_volumes_are_declared_and_used() -> None:
    mounted = {str(entry).split(":")[0] for service in SERVICES.values() for entry in service.get("volumes", [])}
    assert mounted == set(DOCUMENT["volumes"])


def test_state_and_certificate_lie_in_volumes(settings: Settings) -> None:
    places = [Path(str(entry).split(":")[1]) for entry in SERVICES["daemon"]["volumes"]]
    assert settings.state in places
    assert settings.api.tls_certificate is not None
    assert settings.api.tls_key is not None
    assert settings.api.tls_certificate.parent in places
    assert settings.api.tls_key.parent in places
    written = (DEPLOY / "make-certificate").read_text()
    assert f"/{settings.api.tls_certificate.name}" in written
    assert f"/{settings.api.tls_key.name}" in written
    assert SERVICES["certificate"]["entrypoint"][1] == str(settings.api.tls_certificate.parent)


def test_a_memory_is_built_with_what_triton_serves_and_lies_where_triton_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    service = SERVICES["calibrate"]
    assert service["profiles"], "it would be started by `up`"
    assert service["image"] == SERVICES["triton"]["image"], "the daemon's image has no torch"
    assert service["entrypoint"] == ["inspectd", "calibrate"]
    parse("inspectd", [*service["entrypoint"][1:], "--camera", "press-1", "--good", "/good", "--memory"])
    for name, value in environment("calibrate").items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    folder = str(settings.references_dir)
    (volume,) = service["volumes"]
    assert volume.split(":")[1] == folder
    assert volume in SERVICES["triton"]["volumes"]
    written = (DEPLOY / "triton.Dockerfile").read_text()
    assert f"install -d -o triton-server {folder}" in written
    assert "Path('references').resolve()" in written
    assert f"{settings.vision.expert_checkpoint}".startswith("/opt/inspectd/weights/")
    daemon = environment("daemon")
    for name in ("INSPECTD_DATABASE__URL", "INSPECTD_TRITON__URL", "INSPECTD_VISION__BACKEND"):
        assert environment("calibrate")[name] == daemon[name]


def test_triton_has_room_for_its_tensors() -> None:
    assert SERVICES["triton"]["shm_size"] == "1gb"


@pytest.mark.parametrize("service", ["daemon", "triton"])
def test_a_health_check_asks_for_a_page_that_is_served(service: str) -> None:
    words = SERVICES[service]["healthcheck"]["test"]
    compile(words[-1], "healthcheck", "exec")
    port, path = re.search(r"127\.0\.0\.1:(\d+)(/[a-z0-9/]+)", words[-1]).groups()  # type: ignore[union-attr]
    assert int(port) in dict(_ports(service))
    if service == "daemon":
        assert path in _dashboard_routes()
    else:
        assert path in Path(triton.__file__).read_text()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """As the service `certificate` makes it, with its key."""
    subprocess.run([DEPLOY / "make-certificate", tmp_path, "daemon"], check=True, capture_output=True)
    return tmp_path / "tls.crt", tmp_path / "tls.key"


async def test_the_daemon_s_health_check_passes_with_and_without_tls(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    async with open_line(tmp_path) as line:
        for chain, key in ((None, None), certificate):
            page = await line.dashboard(DashboardSettings(port=0, tls_certificate=chain, tls_key=key))
            check = SERVICES["daemon"]["healthcheck"]["test"][-1].replace(":8080", f":{page.address.split(':')[-1]}")
            given = {**os.environ, "INSPECTD_DASHBOARD__TLS_CERTIFICATE": str(chain or "")}
            command = [sys.executable, "-c", check]
            done = await asyncio.to_thread(subprocess.run, command, env=given, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
            await page.stop()


def _dashboard_routes() -> set[str]:
    from prometheus_client import CollectorRegistry

    from inspectd.dashboard.app import build_app
    from inspectd.dashboard.guard import Sessions

    class Anything:
        """Stands for the endpoints: only the paths are read."""

        def __getattr__(self, name: str) -> Any:
            async def answer(request: Any) -> None:
                raise NotImplementedError

            return answer

    anything: Any = Anything()
    app = build_app(
        endpoints=anything,
        overview=anything,
        registry=CollectorRegistry(),
        sessions=Sessions(token=""),
        secure=False,
    )
    return {route.path for route in app.routes if isinstance(route, Route)}


def test_the_secrets_that_are_asked_for_are_written_once_and_for_the_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "env"
    subprocess.run([DEPLOY / "make-secrets", file], check=True, capture_output=True)
    first = file.read_text()
    values = dict(line.split("=", 1) for line in first.splitlines() if not line.startswith("#"))
    assert set(values) == required_variables()
    assert all(len(value) == 48 for value in values.values())
    assert file.stat().st_mode & 0o077 == 0
    subprocess.run([DEPLOY / "make-secrets", file], check=True, capture_output=True)
    assert file.read_text() == first
    assert "/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_token_cache_is_redis(settings: Settings) -> None:
    assert settings.redis.url.get_secret_value()
    assert not RedisSettings().url.get_secret_value()
