"""Things that are fetched once: the cache, packages from wheels, and how a failed client is told."""

import threading
import zipfile
from pathlib import Path

import pytest
from tests.services import CACHE

from inspectd.errors import Misconfigured
from inspectd.stack import download
from inspectd.stack.download import Cache


def test_a_thing_is_built_once(tmp_path: Path) -> None:
    built = []

    def build(place: Path) -> None:
        built.append(place)
        (place / "file").write_text("x")

    cache = Cache(tmp_path)
    assert cache.get("thing", build) == cache.get("thing", build) == tmp_path / "thing"
    assert len(built) == 1
    assert (tmp_path / "thing" / "file").read_text() == "x"


@pytest.mark.parametrize("method", ["get", "get_in_place"])
def test_a_build_that_breaks_off_is_done_again(tmp_path: Path, method: str) -> None:
    get = getattr(Cache(tmp_path), method)

    def breaks(place: Path) -> None:
        (place / "half").write_text("x")
        raise OSError("the wire was cut")

    with pytest.raises(OSError, match="wire"):
        get("thing", breaks)
    place = get("thing", lambda place: (place / "whole").write_text("x"))
    assert (place / "whole").is_file()
    assert not (place / "half").exists()


def test_two_that_want_the_same_thing_wait_for_one_another(tmp_path: Path) -> None:
    running, most = [], []

    def build(place: Path) -> None:
        running.append(1)
        most.append(len(running))
        threading.Event().wait(0.1)
        running.pop()

    threads = [threading.Thread(target=Cache(tmp_path).get, args=("thing", build)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def write_wheel(folder: Path) -> Path:
    wheel = folder / "toyserver-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toyserver/__init__.py", "")
        archive.writestr("toyserver/bin/server", "#!/bin/sh\n")
        archive.writestr("toyserver-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toyserver\nVersion: 1.0\n")
        archive.writestr(
            "toyserver-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("toyserver-1.0.dist-info/RECORD", "")
    return wheel


def test_a_package_that_is_not_installed_comes_out_of_its_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = download.pip(Cache(CACHE.expanduser()))  # an environment for pip takes its time; it is made once
    monkeypatch.setattr(download, "pip", lambda cache: shared)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    said: list[str] = []
    place = download.package(Cache(tmp_path / "cache"), "toyserver", str(write_wheel(tmp_path)), said.append)
    assert (place / "bin" / "server").is_file()
    assert len(said) == 1


def test_an_installed_package_is_not_fetched(tmp_path: Path) -> None:
    place = download.package(Cache(tmp_path), "pytest", "pytest", lambda word: pytest.fail(word))
    assert place == Path(pytest.__file__).parent


def test_a_client_that_fails_is_told_with_its_last_words_and_the_mend() -> None:
    with pytest.raises(Misconfigured, match=r"sh failed .*no such jar") as caught:
        download.run(["sh", "-c", "echo no such jar; exit 3"], setting="kafka", mend="Install Maven")
    assert (caught.value.setting, caught.value.mend) == ("kafka", "Install Maven")


def test_a_client_that_is_not_there_is_told() -> None:
    with pytest.raises(Misconfigured, match="nonexistent could not be run"):
        download.run(["/nonexistent"], setting="kafka", mend="Install Maven")
