"""The server around the services: health, reflection, tokens, TLS and refusals to start."""

import asyncio
import subprocess
from pathlib import Path
from shutil import which

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.line import Line

from inspectd.api.health import NEEDS
from inspectd.api.server import SERVICE_NAMES
from inspectd.client import CallError, Client
from inspectd.errors import Misconfigured
from inspectd.settings import ApiSettings
from inspectd.v1 import defect_event_service_pb2 as service

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def health(client: Client, name: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(client.channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest(service=name))).status)


async def becomes(client: Client, name: str, status: int) -> bool:
    async with asyncio.timeout(5):
        while await health(client, name) != status:
            await asyncio.sleep(0.05)
    return True


async def lists(client: Client) -> None:
    with client.told():
        await client.events.ListDefectEvents(service.ListDefectEventsRequest())


async def test_health_follows_readiness_for_the_whole_and_for_each_service(line: Line, client: Client) -> None:
    assert await health(client) == SERVING
    line.readiness.parts["region_expert"] = False
    assert await becomes(client, "", NOT_SERVING)
    assert await becomes(client, "inspectd.v1.InspectionService", NOT_SERVING)
    assert await health(client, "inspectd.v1.DefectEventService") == SERVING
    line.readiness.parts["region_expert"] = True
    assert await becomes(client, "", SERVING)
    assert await becomes(client, "inspectd.v1.InspectionService", SERVING)


async def test_an_unknown_service_has_no_health(client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health(client, "no.such.Service")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_every_service_of_ours_has_a_health() -> None:
    assert {name for name in SERVICE_NAMES if not name.startswith("grpc.")} == set(NEEDS)


async def test_reflection_tells_every_service(client: Client) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)

    async def ask() -> object:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    async for response in stub.ServerReflectionInfo(ask()):
        assert {item.name for item in response.list_services_response.service} == set(SERVICE_NAMES)


async def test_a_token_is_needed_for_all_but_health(line: Line) -> None:
    server = await line.api(ApiSettings(port=0, token="s3cret"))
    for token in ("", "wrong", "s3cret "):
        async with Client(address=server.address, token=token) as client:
            assert await health(client) == SERVING
            with pytest.raises(CallError, match="bearer token") as caught:
                await lists(client)
            assert caught.value.code is grpc.StatusCode.UNAUTHENTICATED
            with pytest.raises(CallError) as caught:
                await anext(client.watch())
            assert caught.value.reason == "TOKEN_REQUIRED"
    async with Client(address=server.address, token="s3cret") as client:
        await lists(client)
        assert not (await anext(client.watch())).HasField("defect_event")


async def test_a_host_that_others_can_reach_needs_a_token_and_tls(line: Line, tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", ""):
        with pytest.raises(Misconfigured, match=r"api\.token.*INSPECTD_API__TOKEN"):
            await line.api(ApiSettings(host=host, port=0))
        with pytest.raises(Misconfigured, match=r"api\.tls_certificate.*INSPECTD_API__TLS_CERTIFICATE"):
            await line.api(ApiSettings(host=host, port=0, token="t"))
    file = tmp_path / "cert.pem"
    with pytest.raises(Misconfigured, match=r"api\.tls_certificate.*cannot be read"):
        await line.api(ApiSettings(port=0, tls_certificate=file, tls_key=file))
    file.write_text("no certificate")
    with pytest.raises(Misconfigured, match=r"api\.tls_key"):
        await line.api(ApiSettings(port=0, tls_certificate=file))
    with pytest.raises(Misconfigured, match=r"api\.tls_certificate.*belong together"):
        await line.api(ApiSettings(port=0, tls_certificate=file, tls_key=file))


async def test_a_port_that_is_taken_names_the_setting(line: Line) -> None:
    server = await line.api()
    with pytest.raises(Misconfigured, match=r"api\.port"):
        await line.api(ApiSettings(port=int(server.address.rpartition(":")[2])))


@pytest.mark.skipif(which("openssl") is None, reason="openssl makes the certificate")
async def test_tls_is_spoken_with_a_certificate(line: Line, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
               "-subj", "/CN=localhost", "-addext", names, "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    server = await line.api(ApiSettings(port=0, token="t", tls_certificate=certificate, tls_key=key))
    async with Client(address=server.address, token="t", ca=certificate.read_bytes()) as client:
        await lists(client)
    async with Client(address=server.address, token="t", tls=True) as client:
        with pytest.raises(CallError):
            await lists(client)


async def test_nothing_at_an_address_is_told_as_an_absent_daemon() -> None:
    async with Client(address="127.0.0.1:1") as client:
        with pytest.raises(CallError, match=r"no daemon answers at 127\.0\.0\.1:1 .*api\.port") as caught:
            await lists(client)
        assert caught.value.away


async def test_a_stop_ends_open_watches_soon(line: Line) -> None:
    server = await line.api()
    async with Client(address=server.address) as client:
        watch = client.watch()
        await anext(watch)
        async with asyncio.timeout(5):
            await server.stop()
        await watch.aclose()
