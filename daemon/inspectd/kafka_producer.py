"""Records to Kafka from asyncio: bounded, acknowledged by all replicas, every result looked at."""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from inspectd.errors import InspectdError, Rejected, Unavailable
from inspectd.kafka_client import classify, connection_options, no_broker, our_error
from inspectd.settings import KafkaSettings

log = logging.getLogger(__name__)

#: The topic's own limit decides; this one only keeps the driver from refusing first.
_MAX_REQUEST_BYTES = 128 * 1024 * 1024
_CLOSE_TIMEOUT_S = 5.0
_METADATA_TIMEOUT_MS = 10_000
#: How long a failed connection is not tried again.
_FAILURE_STANDS_S = 1.0


class RecordProducer:
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
        """Connects now instead of on the first send. Raises Unavailable or Misconfigured."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connected)

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
            if not loop.is_closed():
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
                # After a fatal error an idempotent producer refuses everything; the next send makes a new one.
                self._thread.submit(self._let_go)
            raise our_error(error, self._settings) from error

    async def close(self) -> None:
        """Waits a bounded time for what is on its way."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._thread.shutdown(wait=False)

    def _connected(self) -> KafkaProducer:
        """Only in the producer's thread. A failure stands for a moment, or every waiting send would try for itself."""
        if self._failure is not None and time.monotonic() < self._failure_until:
            raise self._failure
        if self._producer is None:
            try:
                self._producer = self._connect()
            except Exception as error:  # the driver raises its own, OSError, ValueError and AssertionError here
                failure = error if isinstance(error, InspectdError) else no_broker(error, self._settings)
                self._failure, self._failure_until = failure, time.monotonic() + _FAILURE_STANDS_S
                raise failure from error
        return self._producer

    def _connect(self) -> KafkaProducer:
        timeout_ms = int(self._delivery_timeout_s * 1000)
        return KafkaProducer(
            **connection_options(self._settings),
            acks="all",
            enable_idempotence=True,
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
            log.warning("closing the Kafka producer: %s", error)
