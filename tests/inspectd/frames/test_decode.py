"""Every way a picture can be bad, and that a good one comes out as it went in."""

import struct

import cv2
import numpy as np
import pytest

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.geometry import Letterbox
from inspectd.errors import Rejected
from inspectd.frames.decode import decode_full, decode_image, decode_small, media_type_of, picture_size

MANY = 50_000_000


def _picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def _encode(picture: np.ndarray, suffix: str) -> bytes:
    encoded, data = cv2.imencode(suffix, picture)
    assert encoded
    return data.tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize(("width", "height"), [(256, 256), (640, 480), (100, 333), (2049, 1000), (1, 1)])
def test_a_good_picture_fills_the_square(suffix: str, width: int, height: int) -> None:
    data = _encode(_picture(width, height), suffix)
    image = decode_image(data, MANY)
    assert image.pixels.shape == (EXPERT_SIZE, EXPERT_SIZE, 3)
    assert (image.width, image.height) == (width, height) == picture_size(data, media_type_of(data))
    assert Letterbox.from_array(image.letterbox, EXPERT_SIZE) == Letterbox.fit(width, height, EXPERT_SIZE)


def test_colours_are_red_green_blue() -> None:
    red = np.zeros((EXPERT_SIZE, EXPERT_SIZE, 3), np.uint8)
    red[..., 2] = 255  # OpenCV's order is blue, green, red
    assert decode_image(_encode(red, ".png"), MANY).pixels[5, 5].tolist() == [255, 0, 0]
    assert decode_full(_encode(red, ".png"), MANY)[5, 5].tolist() == [255, 0, 0]


def test_a_small_copy_keeps_its_shape_and_a_small_picture_its_pixels() -> None:
    pixels = np.zeros((400, 1000, 3), np.uint8)
    pixels[:, 500:] = 255
    for suffix in (".png", ".jpg"):
        small = decode_small(_encode(pixels, suffix), MANY, 250)
        assert small.shape == (100, 250, 3)
        assert (small[:, :120].max(), small[:, 130:].min()) == (0, 255)
    assert np.array_equal(decode_small(_encode(pixels, ".png"), MANY, 1000), pixels)


def test_a_large_jpeg_at_reduced_scale_looks_like_the_full_one() -> None:
    picture = _picture(1920, 1080, seed=3)
    jpeg = decode_image(_encode(picture, ".jpg"), MANY).pixels.astype(int)
    png = decode_image(_encode(picture, ".png"), MANY).pixels.astype(int)
    assert np.abs(jpeg - png).mean() < 3


@pytest.mark.parametrize("side", [64, 1024])
def test_a_square_of_another_side_shows_the_same_at_another_scale(side: int) -> None:
    picture = _picture(1920, 1080, seed=3)
    image = decode_image(_encode(picture, ".jpg"), MANY, side)
    assert image.pixels.shape == (side, side, 3)
    assert Letterbox.from_array(image.letterbox, side) == Letterbox.fit(1920, 1080, side)
    small = cv2.resize(image.pixels, (EXPERT_SIZE, EXPERT_SIZE), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(small - decode_image(_encode(picture, ".jpg"), MANY).pixels).mean() < 8


def test_a_grey_picture_becomes_three_equal_channels() -> None:
    pixels = decode_image(_encode(_picture(300, 300)[:, :, 0], ".png"), MANY).pixels
    assert (pixels[..., 0] == pixels[..., 2]).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
def test_a_truncated_picture_is_refused_and_never_half_inspected(suffix: str, share: float) -> None:
    data = _encode(_picture(640, 480), suffix)
    with pytest.raises(Rejected) as refused:
        decode_image(data[: int(len(data) * share)], MANY)
    assert refused.value.reason in ("truncated", "corrupt")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, this is text", "unsupported_format"),
        (b"GIF89a" + bytes(100), "unsupported_format"),
        (b"\xff\xd8\xff\xe0", "truncated"),
        (b"\xff\xd8\xff\xd9" + bytes(8), "corrupt"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "corrupt"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        decode_image(data, MANY)
    assert refused.value.reason == reason


def test_damage_in_the_middle_is_refused_or_decoded_but_never_raises_another_error() -> None:
    rng = np.random.default_rng(1)
    for suffix in (".jpg", ".png"):
        good = bytearray(_encode(_picture(320, 240), suffix))
        for _ in range(200):
            bad = bytearray(good)
            for at in rng.integers(0, len(bad), 8):
                bad[at] = int(rng.integers(256))
            try:
                assert decode_image(bytes(bad), MANY).pixels.dtype == np.uint8
            except Rejected as refused:
                assert refused.reason


def test_too_many_pixels_are_refused_before_anything_is_decoded() -> None:
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 60_000, 60_000) + bytes(40)
    with pytest.raises(Rejected) as refused:
        decode_image(header, MANY)
    assert refused.value.reason == "too_many_pixels"


def test_padding_after_the_end_of_a_jpeg_is_tolerated() -> None:
    data = _encode(_picture(320, 240), ".jpg")
    assert decode_image(data + bytes(512), MANY).width == 320
