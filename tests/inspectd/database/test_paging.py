from datetime import UTC, datetime

import pytest

from inspectd.database import paging
from inspectd.errors import Rejected


def test_a_key_comes_back() -> None:
    token = paging.encode("events", ("a", None), [7, "frame/ü"])
    assert paging.decode("events", ("a", None), token, (int, str)) == [7, "frame/ü"]


@pytest.mark.parametrize(("listing", "filters"), [("jobs", ("a",)), ("events", ("b",)), ("events", ())])
def test_a_token_fits_its_own_listing_and_filters_only(listing: str, filters: tuple[str, ...]) -> None:
    token = paging.encode("events", ("a",), [7])
    with pytest.raises(Rejected):
        paging.decode(listing, filters, token, (int,))


@pytest.mark.parametrize("key", [["7"], [True], [1.5], [None], [7, 7], [], [2**63], [[7]]])
def test_a_key_of_another_shape_is_refused(key: list[object]) -> None:
    token = paging.encode("events", (), key)  # type: ignore[arg-type]
    with pytest.raises(Rejected) as caught:
        paging.decode("events", (), token, (int,))
    assert caught.value.field == "page_token"


def test_times_are_exact() -> None:
    time = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert paging.time(paging.microseconds(time)) == time
    with pytest.raises(Rejected):
        paging.time(2**62)


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (50, 50), (1000, 1000), (5000, 1000)])
def test_pages_are_bounded(asked: int, given: int) -> None:
    assert paging.page_limit(asked) == given


@pytest.mark.parametrize("asked", [0, -1])
def test_a_page_of_nothing_is_refused(asked: int) -> None:
    with pytest.raises(Rejected):
        paging.page_limit(asked)
