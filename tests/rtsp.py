"""A camera for tests: a real RTSP server that sends numbered pictures as RTP/JPEG (RFC 2435) over the connection itself.

A client that asks for UDP is refused (461) and asks again. Each connection has a thread of its own, which answers
requests and sends pictures in turn.
"""

import contextlib
import select
import socketserver
import struct
import threading
import time
from datetime import UTC, datetime
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

#: Blue, green and red of the squares in the upper row of every picture.
COLOURS = ((200, 60, 40), (50, 180, 70), (30, 50, 210))
WIDTH, HEIGHT, SQUARE = 192, 96, 48
_BITS = 16  # of the picture's number, black and white squares in the lower row
_PAYLOAD_TYPE, _CLOCK_HZ, _PIECE_BYTES = 26, 90_000, 1400


def picture(number: int) -> NDArray[np.uint8]:
    """Three coloured squares, and the number below."""
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for column, colour in enumerate(COLOURS):
        pixels[:SQUARE, column * SQUARE : (column + 1) * SQUARE] = colour
    side = WIDTH // _BITS
    for bit in range(_BITS):
        pixels[-SQUARE:, bit * side : (bit + 1) * side] = 255 if number >> bit & 1 else 0
    return pixels


def colours_of(pixels: NDArray[Any]) -> list[tuple[float, ...]]:
    """The mean colours of the squares, away from their borders."""
    inner = [pixels[8 : SQUARE - 8, column * SQUARE + 8 : (column + 1) * SQUARE - 8] for column in range(len(COLOURS))]
    return [tuple(square.reshape(-1, 3).mean(axis=0)) for square in inner]


def number_of(pixels: NDArray[Any]) -> int:
    """The number that `picture` drew."""
    side = WIDTH // _BITS
    middles = [pixels[-SQUARE // 2, bit * side + side // 2].mean() > 128 for bit in range(_BITS)]
    return sum(1 << bit for bit, white in enumerate(middles) if white)


class RtspCamera:
    """Serves at `address` from `power_on` to `power_off`, any number of times; a `with` block is one such time.

    Pictures are numbered from 1 over all connections.
    """

    def __init__(self, rate: float) -> None:
        self.period_s = 1 / rate
        #: When the picture of a number was made.
        self.made: dict[int, datetime] = {}
        #: The methods of the requests that came.
        self.requests: list[str] = []
        #: While set, connections stay open and nothing is said, as when a cable is pulled.
        self.silent = threading.Event()
        self._lock = threading.Lock()
        self._port = 0
        self._server: _Server | None = None

    @property
    def address(self) -> str:
        """rtsp://…"""
        return f"rtsp://127.0.0.1:{self._port}/line"

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.power_off()

    def power_on(self) -> None:
        """Listens, from the second time on at the same port."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="rtsp").start()

    def power_off(self) -> None:
        """Closes every connection; nobody listens any more."""
        server, self._server = self._server, None
        if server is not None:
            server.off.set()
            server.shutdown()
            server.server_close()

    def shoot(self) -> bytes:
        """The next picture's JPEG."""
        with self._lock:
            number = len(self.made) + 1
            self.made[number] = datetime.now(UTC)
        return cv2.imencode(".jpg", picture(number), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, place: tuple[str, int], camera: RtspCamera) -> None:
        self.camera, self.off = camera, threading.Event()
        super().__init__(place, _Connection)


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        camera, due = self.server.camera, time.monotonic()
        self._unread, self._playing, self._sequence = b"", False, 0
        with contextlib.suppress(OSError):  # the client has gone without a word
            while not self.server.off.wait(0.02 if camera.silent.is_set() else 0):
                if camera.silent.is_set():
                    continue
                readable, _, _ = select.select([self.request], [], [], min(0.05, max(0.0, due - time.monotonic())))
                if readable and not self._read():
                    return
                if time.monotonic() >= due:
                    due += camera.period_s
                    if self._playing:
                        self._send(camera.shoot())

    def _read(self) -> bool:
        """Whether the client is still there."""
        data = self.request.recv(65536)
        self._unread += data
        while self._unread:
            if self._unread[:1] == b"$":  # the client's RTCP, of no interest
                size = 4 + int.from_bytes(self._unread[2:4], "big")
                if len(self._unread) < size:
                    break
                self._unread = self._unread[size:]
                continue
            head, end, rest = self._unread.partition(b"\r\n\r\n")
            if not end:
                break
            self._unread = rest
            self._answer(head.decode())
        return bool(data)

    def _answer(self, request: str) -> None:
        first, *lines = request.split("\r\n")
        method = first.split()[0]
        fields = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
        camera = self.server.camera
        camera.requests.append(method)
        status, more, body = "200 OK", "", ""
        if method == "OPTIONS":
            more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            more = f"Content-Type: application/sdp\r\nContent-Base: {camera.address}/\r\n"
            body = (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=line\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                f"m=video 0 RTP/AVP {_PAYLOAD_TYPE}\r\na=control:track\r\n"
            )
        elif method == "SETUP" and "/TCP" in fields["transport"]:
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        elif method == "SETUP":
            status = "461 Unsupported Transport"
        elif method in ("PLAY", "TEARDOWN"):
            self._playing = method == "PLAY"
        else:
            status = "501 Not Implemented"
        head = f"RTSP/1.0 {status}\r\nCSeq: {fields['cseq']}\r\nSession: 1\r\n{more}Content-Length: {len(body)}"
        self.request.sendall(f"{head}\r\n\r\n{body}".encode())

    def _send(self, jpeg: bytes) -> None:
        tables, scan = _take_apart(jpeg)
        stamp = int(time.monotonic() * _CLOCK_HZ) & 0xFFFFFFFF
        for start in range(0, len(scan), _PIECE_BYTES):
            piece = scan[start : start + _PIECE_BYTES]
            last = start + len(piece) == len(scan)
            self._sequence = (self._sequence + 1) & 0xFFFF
            packet = struct.pack(">BBHII", 0x80, _PAYLOAD_TYPE | last << 7, self._sequence, stamp, 1)
            # 1: half the colours in both directions; 255: the first packet of a picture brings the tables
            packet += struct.pack(">IBBBB", start, 1, 255, WIDTH // 8, HEIGHT // 8)
            packet += struct.pack(">HH", 0, len(tables)) + tables if start == 0 else b""
            packet += piece
            self.request.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)


def _take_apart(jpeg: bytes) -> tuple[bytes, bytes]:
    """(quantization tables, scan) of a baseline JPEG: all that is sent, the receiver knows the rest."""
    tables, place = b"", 2
    while True:
        marker, size = struct.unpack(">HH", jpeg[place : place + 4])
        segment, place = jpeg[place + 4 : place + 2 + size], place + 2 + size
        if marker == 0xFFDB:
            tables += b"".join(segment[at + 1 : at + 65] for at in range(0, len(segment), 65))
        elif marker == 0xFFDA:
            return tables, jpeg[place:-2]
