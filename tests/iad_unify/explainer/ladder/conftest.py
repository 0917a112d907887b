"""Random explainers never stop by themselves: their answers are cut short."""

from collections.abc import Iterator

import pytest

from iad_unify.explainer.ladder import asking


@pytest.fixture(scope="session", autouse=True)
def short_answers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "MAX_TOKENS", 4)
        yield
