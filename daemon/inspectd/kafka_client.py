"""What every Kafka adapter shares: connection options from the settings, and a bounded sender for asyncio."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from inspectd.errors import InspectdError, Misconfigured, Rejected, Unavailable, Unreachable
from inspectd.kafka_errors import classify, our_error
from inspectd.settings import KafkaSettings

try:
    from kafka import KafkaProducer
    from kafka.errors import KafkaError, KafkaTimeoutError
except ModuleNotFoundError as error:
    raise Misconfigured(
        "frames.source", "the Kafka client is not installed", "pip install 'inspectd[stack]'"
    ) from error

log = structlog.get_logger(__name__)

#: How long a client looks for the first broker. Longer waits are the caller's, who can say what is missing.
BOOTSTRAP_TIMEOUT_S = 10.0

#: The topic's own limit decides; this one only keeps the driver from refusing first.
_MAX_REQUEST_BYTES = 128 * 1024 * 1024
_CLOSE_TIMEOUT_S = 5.0
_METADATA_TIMEOUT_MS = 10_000
_BATCH_BYTES = 64 * 1024
#: How long a failed connection is not tried again.
_FAILURE_STANDS_S = 1.0


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of every kafka-python client. Raises Misconfigured for addresses that are none."""
    options: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers(settings),
        "client_id": "inspectd",
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": int(BOOTSTRAP_TIMEOUT_S * 1000),
        "reconnect_backoff_max_ms": 2000,  # a broker that comes back shall be noticed soon
        "metrics_enabled": False,
    }
    if settings.security_protocol.startswith("SASL"):
        if not settings.sasl_mechanism:
            raise Misconfigured("kafka.sasl_mechanism", "is empty", "Set it, for example to SCRAM-SHA-512")
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    if settings.ssl_cafile:
        options["ssl_cafile"] = settings.ssl_cafile
    return options


def bootstrap_servers(settings: KafkaSettings) -> list[str]:
    """The addresses. Raises Misconfigured(kafka.bootstrap_servers)."""
    servers = [part.strip() for part in settings.bootstrap_servers.split(",") if part.strip()]
    for server in servers:
        host, _, port = server.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise Misconfigured("kafka.bootstrap_servers", f"{server!r} is not host:port", _BOOTSTRAP_MEND)
    if not servers:
        raise Misconfigured("kafka.bootstrap_servers", "is empty", _BOOTSTRAP_MEND)
    return servers


_BOOTSTRAP_MEND = "Set INSPECTD_KAFKA__BOOTSTRAP_SERVERS, for example to 127.0.0.1:9092"
_AWAY_MEND = "Start Kafka (inspectd stack up), or set INSPECTD_KAFKA__BOOTSTRAP_SERVERS"


def open_client(kind: Any, settings: KafkaSettings, **options: Any) -> Any:
    """A KafkaProducer or KafkaConsumer, connected. Raises Unreachable (nobody answers) or Misconfigured.

    The driver's constructor leaves sockets and a thread behind when it fails: they are closed here.
    """
    made = []

    def make(**config: Any) -> Any:
        made.append(kind.DEFAULT_CONFIG["kafka_client"](**config))
        return made[-1]

    try:
        return kind(**connection_options(settings), kafka_client=make, **options)
    except InspectdError:
        raise
    except Exception as error:  # the driver raises its own, OSError, ValueError, AssertionError and RuntimeError here
        for client in made:
            client.close()
        raise no_broker(error, settings) from error


def no_broker(error: BaseException, settings: KafkaSettings) -> InspectdError:
    """What a client says that could not be made: nobody answers, or the settings do not fit."""
    mapped = our_error(error, settings.bootstrap_servers)
    if isinstance(error, OSError) and settings.ssl_cafile:
        return Misconfigured("kafka.ssl_cafile", str(error), "Give a readable PEM file")
    if isinstance(error, (ValueError, AssertionError, RuntimeError)):
        return Misconfigured("kafka", str(error), "Check the kafka settings")
    if isinstance(mapped, Unavailable):
        servers = settings.bootstrap_servers
        return Unreachable("kafka.bootstrap_servers", f"no broker answers at {servers} ({error})", _AWAY_MEND)
    return mapped


class KafkaSender:
    """Sends in the order of the calls per partition. Connects on the first send; a broken producer is replaced.

    The driver's accumulator is unbounded and its `send` may block on metadata, hence the bound and the thread.
    """

    def __init__(
        self,
        *,
        settings: KafkaSettings,
        max_outstanding: int = 64,
        delivery_timeout_s: float = 30.0,
        linger_ms: int = 0,
    ) -> None:
        self._settings, self._delivery_timeout_s, self._linger_ms = settings, delivery_timeout_s, linger_ms
        self._slots = asyncio.Semaphore(max_outstanding)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-producer")
        self._producer: KafkaProducer | None = None
        self._failure: InspectdError | None = None
        self._failure_until = 0.0
        self._closed = False

    async def open(self) -> None:
        """Connects now instead of on the first send. Raises Unreachable or Misconfigured."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connected)

    async def check_topic(self, setting: str, topic: str) -> None:
        """Raises Misconfigured(setting) when the broker does not know the topic, Unreachable when there is no broker."""

        def ask() -> None:
            producer = self._connected()
            try:
                producer.partitions_for(topic)
            except KafkaTimeoutError as error:
                # A broker that went away meanwhile names no topic either: only one that answers has none.
                open_client(KafkaProducer, self._settings).close(timeout=_CLOSE_TIMEOUT_S)
                servers = self._settings.bootstrap_servers
                raise Misconfigured(
                    setting, f"{servers} has no topic {topic!r}", "Create it, or name another"
                ) from error

        await asyncio.get_running_loop().run_in_executor(self._thread, ask)

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> tuple[int, int]:
        """(partition, offset) when every in-sync replica has the record.

        Raises Unavailable (it may have been written all the same), Rejected(too_large) and Misconfigured.
        """
        loop = asyncio.get_running_loop()
        await self._slots.acquire()
        if self._closed:
            self._slots.release()
            raise Unavailable("the Kafka producer is closed")
        result: asyncio.Future[tuple[int, int]] = loop.create_future()

        def settle(metadata: Any, error: BaseException | None) -> None:
            # The slot is given back when the driver lets go of the record, not when the caller stops waiting.
            self._slots.release()
            if result.done():
                return
            if error is None:
                result.set_result((metadata.partition, metadata.offset))
            else:
                result.set_exception(error)

        def report(metadata: Any, error: BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
                loop.call_soon_threadsafe(settle, metadata, error)

        def hand_over() -> None:
            try:
                future = self._connected().send(topic, key=key, value=value, headers=list(headers))
            # Whatever keeps the record from the driver is the caller's to hear.
            except Exception as error:
                report(None, error)
            else:
                future.add_callback(lambda metadata: report(metadata, None))
                future.add_errback(lambda error: report(None, error))

        self._thread.submit(hand_over)
        try:
            return await result
        except KafkaError as error:
            if not error.retriable and classify(type(error)) is not Rejected:
                # Credentials or settings: what comes next gets a new connection, and a chance after a mend.
                self._thread.submit(self._let_go)
            raise our_error(error, self._settings.bootstrap_servers) from error

    async def close(self) -> None:
        """Waits a bounded time for what is on its way."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._failure = None
        await asyncio.to_thread(self._thread.shutdown)

    def _connected(self) -> KafkaProducer:
        """Only in the producer's thread. A failure stands for a moment, or every waiting send would try for itself."""
        if self._failure is not None and time.monotonic() < self._failure_until:
            raise self._failure
        if self._producer is None:
            try:
                self._producer = self._connect()
            except InspectdError as error:
                self._failure, self._failure_until = error, time.monotonic() + _FAILURE_STANDS_S
                raise
        return self._producer

    def _connect(self) -> KafkaProducer:
        timeout_ms = int(self._delivery_timeout_s * 1000)
        return open_client(
            KafkaProducer,
            self._settings,
            acks="all",
            # One record that the broker finds too large makes an idempotent producer fail everything beside and after it.
            # Ours may repeat a record anyway, and with one request at a time it keeps the order all the same.
            enable_idempotence=False,
            max_in_flight_requests_per_connection=1,
            batch_size=_BATCH_BYTES,
            max_request_size=_MAX_REQUEST_BYTES,
            linger_ms=self._linger_ms,
            max_block_ms=min(timeout_ms, _METADATA_TIMEOUT_MS),
            request_timeout_ms=min(timeout_ms, _METADATA_TIMEOUT_MS),
            delivery_timeout_ms=timeout_ms,
            allow_auto_create_topics=False,
        )

    def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.close(timeout=_CLOSE_TIMEOUT_S)
        except KafkaError as error:  # what was on its way is told of it by its own future
            log.warning("the Kafka producer did not close well", error=str(error))
