import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from tests.conformance.samples import event

from inspectd.database import migrate
from inspectd.database.engine import Database, open_database
from inspectd.database.tables import metadata
from inspectd.errors import Misconfigured, Rejected, Unavailable, Unreachable
from inspectd.events.sql import SqlEventStore
from inspectd.thresholds.sql import SqlThresholdStore
from inspectd.thresholds.store import Source

POSTGRES = pytest.mark.service("postgres")


def url_of(path: Path) -> str:
    return f"sqlite:///{path / 'state' / 'inspectd.db'}"


async def schema_differences(database: Database) -> list[Any]:
    def compare(connection: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [step for step in compare_metadata(context, metadata) if step[0] != "remove_table"]

    return await database.read(compare)


async def test_the_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    database = await open_database(url_of(tmp_path))
    assert await schema_differences(database) == []
    await database.close()


@POSTGRES
async def test_the_migrations_make_the_tables_that_the_code_uses_on_postgresql(stack: Any) -> None:
    database = await open_database(stack.postgres_database())
    assert await schema_differences(database) == []
    await database.close()


async def test_thresholds_of_an_older_schema_are_kept_and_came_from_good_parts(tmp_path: Path) -> None:
    path = tmp_path / "state" / "inspectd.db"
    path.parent.mkdir()
    await asyncio.to_thread(_first_schema, path)
    database = await open_database(url_of(tmp_path))
    stored = await SqlThresholdStore(database=database).get("calibrated/1")
    assert (stored.calibration.threshold, stored.calibration.source) == (0.25, Source.GOOD_PARTS)
    assert (stored.calibration.scores, stored.calibration.window, stored.replaces) == (None, None, "")
    assert await schema_differences(database) == []
    await database.close()


def _first_schema(path: Path) -> None:
    """A database as the first version left it, with a threshold."""
    engine = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        migrate.command.upgrade(config, "0001")
        connection.execute(
            text("INSERT INTO thresholds VALUES (1, 'press-1', 'aaaaaaaaaaaa', '', 0.25, 0.01, 120, 1767225600000000)")
        )
    engine.dispose()


async def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        database = await open_database(url_of(tmp_path))
        await SqlEventStore(database=database).raise_event(event(1))
        await database.close()
    database = await open_database(url_of(tmp_path))
    assert await SqlEventStore(database=database).last_sequence() == 1
    await database.close()


async def _open_from_processes(url: str, count: int) -> None:
    code = (
        "import asyncio, sys\n"
        "from inspectd.database.engine import open_database\n"
        "async def main():\n"
        "    database = await open_database(sys.argv[1], patience_s=30)\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
    )
    started = [await asyncio.create_subprocess_exec(sys.executable, "-c", code, url) for _ in range(count)]
    assert [await process.wait() for process in started] == [0] * count


async def test_daemons_that_start_together_migrate_once(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    await _open_from_processes(url, 3)
    database = await open_database(url)
    assert (
        await database.read(lambda connection: connection.execute(text("SELECT count(*) FROM change_log")).scalar())
        == 1
    )
    await database.close()


@POSTGRES
async def test_daemons_that_start_together_migrate_postgresql_once(stack: Any) -> None:
    url = stack.postgres_database()
    databases = await asyncio.gather(*[open_database(url) for _ in range(4)])
    count = text("SELECT count(*) FROM change_log")
    assert await databases[0].read(lambda connection: connection.execute(count).scalar()) == 1
    for database in databases:
        await database.close()


async def test_sqlite_keeps_a_write_ahead_log_and_syncs_every_commit(tmp_path: Path) -> None:
    database = await open_database(url_of(tmp_path))

    def pragma(name: str) -> Any:
        return lambda connection: connection.execute(text(f"PRAGMA {name}")).scalar()

    assert await database.read(pragma("journal_mode")) == "wal"
    assert await database.write(pragma("synchronous")) == 2
    assert await database.write(pragma("foreign_keys")) == 1
    await database.close()


async def test_an_exception_takes_the_transaction_back(tmp_path: Path) -> None:
    database = await open_database(url_of(tmp_path))

    def work(connection: Any) -> None:
        connection.execute(text("UPDATE change_log SET last_sequence = 7"))
        raise KeyError("ours")

    with pytest.raises(KeyError):
        await database.write(work)
    assert await SqlEventStore(database=database).last_sequence() == 0
    await database.close()


async def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = migrate.command.upgrade

    def break_off(config: Any, revision: str) -> None:
        upgrade(config, revision)
        raise KeyError("half-way")

    with monkeypatch.context() as patch:
        patch.setattr(migrate.command, "upgrade", break_off)
        with pytest.raises(KeyError):
            await open_database(url_of(tmp_path))
    connection = sqlite3.connect(tmp_path / "state" / "inspectd.db")
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()


async def test_a_database_is_ready_until_it_is_closed(tmp_path: Path) -> None:
    database = await open_database(url_of(tmp_path))
    assert await database.ready()
    await database.close()
    assert not await database.ready()


async def test_a_database_that_does_not_answer_in_time_is_not_ready(tmp_path: Path) -> None:
    database = await open_database(url_of(tmp_path))
    go = threading.Event()
    stuck = [asyncio.create_task(database.read(lambda connection: go.wait(10))) for _ in range(8)]
    await asyncio.sleep(0)
    assert not await database.ready(timeout_s=0.2)
    go.set()
    assert await asyncio.gather(*stuck) == [True] * 8
    assert await database.ready()
    await database.close()


async def test_a_closed_database_is_unavailable(tmp_path: Path) -> None:
    database = await open_database(url_of(tmp_path))
    await database.close()
    await database.close()
    with pytest.raises(Unavailable):
        await SqlEventStore(database=database).last_sequence()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "cannot be read"),
        ("", "cannot be read"),
        ("sqlite://", "memory"),
        ("sqlite:///:memory:", "memory"),
        ("mysql://u@h/d", "not supported"),
        ("postgresql://u:s3cret@h:port/d", "cannot be read"),
        ("sqlite:////proc/nowhere/x.db", "cannot be made"),
    ],
)
async def test_a_bad_url_names_the_setting_and_the_mend(url: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message) as caught:
        await open_database(url)
    assert caught.value.setting == "database.url"
    assert "sqlite:///FILE" in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Misconfigured, match=r"inspectd\[stack\]"):
        await open_database("postgresql://u@127.0.0.1:1/d")


async def test_an_absent_server_is_waited_for_and_then_named_without_its_password() -> None:
    before = time.monotonic()
    with pytest.raises(Unreachable, match=r"database\.url: .*127\.0\.0\.1:1/d") as caught:
        await open_database("postgresql://u:s3cret@127.0.0.1:1/d", patience_s=0.5)
    assert time.monotonic() - before > 0.3  # it was waited for
    assert "s3cret" not in str(caught.value)


async def test_a_file_that_may_not_be_opened_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "x.db").mkdir()
    with pytest.raises(Misconfigured, match=r"database\.url: .*unable to open"):
        await open_database(f"sqlite:///{tmp_path / 'x.db'}", patience_s=0.2)


async def test_a_file_that_another_process_holds_may_be_free_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspectd.database.engine.BUSY_TIMEOUT_MS", 50)
    holder = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unreachable, match="locked"):
        await open_database(f"sqlite:///{tmp_path / 'x.db'}", patience_s=0.2)
    holder.close()


@POSTGRES
async def test_a_database_that_is_not_there_is_named(stack: Any) -> None:
    url = stack.postgres_database() + "_not"
    with pytest.raises(Misconfigured, match="does not exist"):
        await open_database(url, patience_s=0.2)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(Misconfigured, match="not a database"):
        await open_database(f"sqlite:///{tmp_path / 'x.db'}", patience_s=0.2)


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    database = await open_database(url_of(tmp_path))
    await database.close()
    connection = sqlite3.connect(tmp_path / "state" / "inspectd.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(Misconfigured, match="Update inspectd"):
        await open_database(url_of(tmp_path))


@POSTGRES
async def test_a_value_that_postgresql_cannot_keep_is_rejected_and_the_rest_goes_on(stack: Any) -> None:
    database = await open_database(stack.postgres_database())
    store = SqlEventStore(database=database)
    with pytest.raises(Rejected):
        await store.raise_event(event(1, camera="nul\x00"))
    assert (await store.raise_event(event(2))).sequence == 1
    await database.close()


@POSTGRES
async def test_sessions_that_the_server_ends_are_unavailable_or_unnoticed_and_then_back(stack: Any) -> None:
    url = stack.postgres_database()
    database, other = await open_database(url), await open_database(url)
    store = SqlEventStore(database=database)
    await store.raise_event(event(1))
    end = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.read(lambda connection: connection.execute(end).all())
    change = None
    while change is None:
        try:
            change = await store.raise_event(event(2))
        except Unavailable:
            continue
    assert change.sequence == 2
    await database.close()
    await other.close()


def test_importing_the_package_imports_no_database_driver() -> None:
    code = "import inspectd.database.engine, sys; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
