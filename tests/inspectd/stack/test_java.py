"""Which Java and which Kafka jars are taken."""

import shutil
from pathlib import Path

import pytest

from inspectd.errors import Misconfigured
from inspectd.stack import java
from inspectd.stack.download import Cache


def fake_java(home: Path, version: str) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime that the wheel would bring."""
    program = fake_java(tmp_path / "wheel" / "java-runtime", "25.0.1")
    monkeypatch.setattr(java, "package", lambda cache, name, requirement, say: tmp_path / "wheel")
    return program


def test_the_named_home_comes_first(tmp_path: Path, cache: Cache, wheel: Path) -> None:
    named = fake_java(tmp_path / "home", "21.0.2")
    assert java.find_java(cache, print, tmp_path / "home") == named


def test_the_machines_own_is_taken(tmp_path: Path, cache: Cache, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = fake_java(tmp_path / "own", "17.0.15")
    monkeypatch.setattr(shutil, "which", lambda name: str(own))
    assert java.find_java(cache, print) == own


def test_one_that_is_too_old_for_kafka_4_is_passed_over(
    tmp_path: Path, cache: Cache, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = fake_java(tmp_path / "old", "11.0.1")
    monkeypatch.setattr(shutil, "which", lambda name: str(old))
    assert java.find_java(cache, print) == wheel


def test_without_any_the_wheels_is_taken(cache: Cache, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert java.find_java(cache, print) == wheel


def test_a_wheel_whose_java_does_not_run_is_told(cache: Cache, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    wheel.write_text("not a program")
    with pytest.raises(Misconfigured, match="Install a Java runtime"):
        java.find_java(cache, print)


def test_the_jars_of_a_kafka_home_are_used_where_they_lie(tmp_path: Path, cache: Cache) -> None:
    libraries = tmp_path / "kafka" / "libs"
    libraries.mkdir(parents=True)
    (libraries / "kafka_2.13-4.1.1.jar").touch()
    assert java.kafka_libraries(cache, print, tmp_path / "kafka") == libraries


def test_a_kafka_home_without_jars_is_told_by_name(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(Misconfigured, match="KAFKA_HOME"):
        java.kafka_libraries(cache, print, tmp_path)


@pytest.mark.parametrize("maven", ["/usr/bin/mvn", None])
def test_maven_is_preferred_and_jgo_takes_its_place(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, maven: str | None
) -> None:
    used = []

    def fetch(by: str, place: Path) -> None:
        used.append(by)
        (place / "kafka_2.13-4.1.1.jar").touch()

    monkeypatch.setattr(shutil, "which", lambda name: maven)
    monkeypatch.setattr(java, "_with_maven", lambda place, program: fetch("maven", place))
    monkeypatch.setattr(java, "_with_jgo", lambda place, cache, say: fetch("jgo", place))
    java.kafka_libraries(cache, print)
    java.kafka_libraries(cache, print)
    assert used == ["maven" if maven else "jgo"]


def test_a_fetch_without_the_broker_in_it_is_told(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/mvn")
    monkeypatch.setattr(java, "_with_maven", lambda place, program: None)
    with pytest.raises(Misconfigured, match="not fetched"):
        java.kafka_libraries(cache, print)
