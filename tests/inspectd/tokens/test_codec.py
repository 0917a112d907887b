import json
import struct
import zlib

import numpy as np
import pytest
from tests.conformance.samples import equal, findings

from inspectd.records import Findings, RegionTokens
from inspectd.tokens import codec

_UNFIT = {
    "image_score": 0,
    "model_version": "",
    "regions": [],
    "appearance": [0, 2, 4],
    "geometry": [0, 5],
    "reference": 7,
}


@pytest.mark.parametrize("regions", [0, 1, 16])
@pytest.mark.parametrize("dimension", [0, 1, 384])
def test_the_round_trip_is_exact(regions: int, dimension: int) -> None:
    there = findings(regions, dimension=dimension) if dimension else _empty(regions)
    assert equal(codec.decode(codec.encode(there)), there)


@pytest.mark.parametrize("regions", [0, 1, 16])
def test_the_rows_of_a_reference_come_back_too(regions: int) -> None:
    there = findings(regions, described=True)
    assert equal(codec.decode(codec.encode(there)), there)


def test_bytes_without_a_reference_are_what_they_always_were() -> None:
    there = findings(2)
    data = codec.encode(there)
    length = int.from_bytes(data[12:16], "little")
    assert (data[4], "reference" in json.loads(data[16 : 16 + length])) == (1, False)
    assert data[16 + length :] == there.tokens.appearance.tobytes() + there.tokens.geometry.tobytes()


def _empty(regions: int) -> Findings:
    tokens = RegionTokens(np.zeros((regions, 2, 0), np.float16), np.zeros((regions, 5), np.float32))
    return Findings(0.5, findings(regions).regions, tokens, "m")


def test_every_bit_of_the_halves_survives() -> None:
    every_half = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(1, 2, -1)
    tokens = RegionTokens(every_half, np.array([[np.nan, -0.0, np.inf, 1e-45, 1]], np.float32))
    there = Findings(0.5, (), tokens, "m")
    assert equal(codec.decode(codec.encode(there)), there)


def test_arrays_that_are_not_contiguous_are_written_right() -> None:
    whole = np.arange(48, dtype=np.float16).reshape(4, 2, 6)
    there = Findings(0.5, (), RegionTokens(whole[::2, :, ::3], np.zeros((2, 5), np.float32)), "m")
    assert equal(codec.decode(codec.encode(there)), there)


def test_what_comes_back_is_writable_memory_of_its_own() -> None:
    back = codec.decode(codec.encode(findings(2)))
    back.tokens.appearance[:] = 0


def test_every_flipped_byte_is_noticed() -> None:
    data = bytearray(codec.encode(findings(1, dimension=4, described=True)))
    for position in range(len(data)):
        if position in (5, 6, 7):  # zero bytes that mean nothing
            continue
        data[position] ^= 0x40
        with pytest.raises(codec.CorruptedFindings):
            codec.decode(bytes(data))
        data[position] ^= 0x40
    assert equal(codec.decode(bytes(data)), findings(1, dimension=4, described=True))


def test_every_truncation_is_noticed() -> None:
    data = codec.encode(findings(1, dimension=4, described=True))
    for length in range(len(data)):
        with pytest.raises(codec.CorruptedFindings):
            codec.decode(data[:length])
    with pytest.raises(codec.CorruptedFindings):
        codec.decode(data + b"\x00")


@pytest.mark.parametrize(
    "description", [[], {}, {"appearance": [1, -1], "geometry": [0, 5]}, {"appearance": "x", "geometry": None}, _UNFIT]
)
def test_a_description_that_does_not_fit_is_noticed_in_spite_of_a_right_checksum(description: object) -> None:
    text = json.dumps(description).encode()
    rest = struct.pack("<I", len(text)) + text
    with pytest.raises(codec.CorruptedFindings):
        codec.decode(struct.pack("<4sB3xI", b"IFND", codec.VERSION, zlib.crc32(rest)) + rest)


def test_another_version_is_a_miss() -> None:
    data = bytearray(codec.encode(findings(1)))
    data[4] = codec.VERSION + 1
    with pytest.raises(codec.CorruptedFindings):
        codec.decode(bytes(data))
