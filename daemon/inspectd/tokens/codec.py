"""Findings to bytes and back, exactly: the fp16 and fp32 numbers come back bit for bit.

0   4  b"IFND"
4   1  version of this layout
5   3  zero
8   4  CRC-32 of all that follows
12  4  length of the JSON part
16     JSON: scores, regions, shapes of the arrays
appearance, fp16 little-endian [N, K, D]
geometry, fp32 little-endian [N, 5]
reference, as appearance; only where the JSON part gives its shape, which older bytes do not
"""

import json
import struct
import zlib
from typing import Any

import numpy as np

from inspectd.records import Findings, Mask, Region, RegionTokens

_MAGIC = b"IFND"
#: Raise it with every change of the layout or of the records: older bytes are then a miss, not a mistake.
VERSION = 1
_HEADER = struct.Struct("<4sB3xII")


class CorruptedFindings(ValueError):
    """The bytes are not findings of this version."""


def encode(findings: Findings) -> bytes:
    """About 0.6 KiB per region and what the arrays take."""
    appearance = np.ascontiguousarray(findings.tokens.appearance, dtype="<f2")
    geometry = np.ascontiguousarray(findings.tokens.geometry, dtype="<f4")
    description = {
        "image_score": findings.image_score,
        "model_version": findings.model_version,
        "regions": [_region(region) for region in findings.regions],
        "appearance": appearance.shape,
        "geometry": geometry.shape,
    }
    reference = b""
    if findings.tokens.reference is not None:
        description["reference"] = findings.tokens.reference.shape
        reference = np.ascontiguousarray(findings.tokens.reference, dtype="<f2").tobytes()
    text = json.dumps(description, separators=(",", ":")).encode()
    rest = text + appearance.tobytes() + geometry.tobytes() + reference
    length = struct.pack("<I", len(text))
    return _HEADER.pack(_MAGIC, VERSION, zlib.crc32(length + rest), len(text)) + rest


def decode(data: bytes) -> Findings:
    """Raises CorruptedFindings for anything that `encode` of this version has not written."""
    if len(data) < _HEADER.size:
        raise CorruptedFindings(f"{len(data)} bytes are less than a header")
    magic, version, checksum, length = _HEADER.unpack_from(data)
    if magic != _MAGIC or version != VERSION:
        raise CorruptedFindings(f"magic {magic!r}, version {version}")
    if zlib.crc32(data[_HEADER.size - 4 :]) != checksum:
        raise CorruptedFindings("the checksum does not match")
    try:
        return _findings(json.loads(data[_HEADER.size : _HEADER.size + length]), data[_HEADER.size + length :])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptedFindings(f"the description does not match: {error}") from error


def _findings(description: dict[str, Any], arrays: bytes) -> Findings:
    appearance_shape, geometry_shape = tuple(description["appearance"]), tuple(description["geometry"])
    cut = int(np.prod(appearance_shape)) * 2
    end = cut + int(np.prod(geometry_shape)) * 4 if "reference" in description else len(arrays)
    appearance = np.frombuffer(arrays[:cut], dtype="<f2").reshape(appearance_shape)
    geometry = np.frombuffer(arrays[cut:end], dtype="<f4").reshape(geometry_shape)
    reference = None
    if "reference" in description:
        reference = np.frombuffer(arrays[end:], dtype="<f2").reshape(description["reference"]).astype(np.float16)
    return Findings(
        image_score=description["image_score"],
        regions=tuple(_region_of(item) for item in description["regions"]),
        tokens=RegionTokens(appearance.astype(np.float16), geometry.astype(np.float32), reference),
        model_version=description["model_version"],
    )


def _region(region: Region) -> dict[str, Any]:
    return {
        "number": region.number,
        "box": region.box,
        "mask": [region.mask.width, region.mask.height, region.mask.counts],
        "score": region.score,
        "area_px": region.area_px,
        "cell": region.cell,
        "types": dict(region.type_probabilities),
    }


def _region_of(item: dict[str, Any]) -> Region:
    x, y, width, height = item["box"]
    return Region(
        number=item["number"],
        box=(x, y, width, height),
        mask=Mask(*item["mask"]),
        score=item["score"],
        area_px=item["area_px"],
        cell=item["cell"],
        type_probabilities=item["types"],
    )
