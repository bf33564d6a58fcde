"""What the SQLite store refuses to open, what it makes, and what it says about durability."""

from __future__ import annotations

import asyncio
import stat
import sys
import threading
from pathlib import Path

import apsw
import pytest

from abaca.backends import open_backend
from abaca.backends.sqlite import from_url
from abaca.backends.sqlite.connection import APPLICATION_ID, check_version
from abaca.backends.sqlite.filesystem import NETWORK, filesystem_number, kind_of_device, network_filesystem
from abaca.backends.sqlite.settings import parse_url
from abaca.backends.sqlite.statements import migrations
from abaca.errors import BackendError, ConfigError
from tests.integration.sqlite_help import by_hand, claim, hear, make, opened, process, tell


def test_a_relative_url_is_below_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given a working directory
    monkeypatch.chdir(tmp_path)
    # Then three slashes name a file in it, and four an absolute path
    assert parse_url("sqlite:///jobs.db").path == tmp_path / "jobs.db"
    assert parse_url("sqlite:////var/lib/jobs%20a.db").path == Path("/var/lib/jobs a.db")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("sqlite:///a.db?cache=big", "cache"),
        ("sqlite:///a.db?synchronous=maybe", "maybe"),
        ("sqlite:///a.db?synchronous=", "synchronous"),
        ("sqlite://host/a.db", "host"),
        ("sqlite://", "no file"),
        ("sqlite:///:memory:", "no file"),
        ("sqlite:////var/lib/", "no file"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_its_name(url: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        open_backend(url)


@pytest.mark.parametrize(
    ("option", "level", "words"),
    [
        ("", 2, "loss of power"),
        ("?synchronous=full", 2, "loss of power"),
        ("?synchronous=normal", 1, "last ones may be lost"),
        ("?synchronous=off", 0, "whole file may be lost"),
    ],
)
async def test_synchronous_is_set_and_its_durability_told(sqlite_url: str, option: str, level: int, words: str) -> None:
    # Given a store opened with the option
    async with opened(sqlite_url + option) as store:
        # When the writing connection is asked
        found = await store.engine.write(lambda tx: tx.connection.pragma("synchronous"))
        # Then it is at that level, and the store says what that survives
        assert found == level
        assert words in store.durability


async def test_the_file_is_readable_by_its_owner_alone(sqlite_url: str) -> None:
    # Given a store that has written
    async with opened(sqlite_url) as store:
        await store.insert([make(1)])
        # Then the file and its companions are closed to others
        path = parse_url(sqlite_url).path
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob(f"{path.name}*")}
        assert modes.pop(f"{path.name}-wake") == 0o700
        assert set(modes.values()) == {0o600}
        assert {path.name, f"{path.name}-wal", f"{path.name}-shm"} == set(modes)


@pytest.mark.damages
async def test_a_newer_schema_is_refused(sqlite_url: str) -> None:
    # Given a file that a later release wrote
    async with opened(sqlite_url):
        pass
    by_hand(parse_url(sqlite_url).path, "PRAGMA user_version = 9999")
    # When this release opens it, then it refuses and says so
    with pytest.raises(ConfigError, match="schema 9999"):
        await from_url(sqlite_url, None).open()


@pytest.mark.damages
async def test_another_programs_database_is_refused(sqlite_url: str) -> None:
    # Given a database with a table of somebody else
    path = parse_url(sqlite_url).path
    by_hand(path, "CREATE TABLE theirs (x)")
    # When the store opens it, then it refuses and leaves it as it was
    with pytest.raises(ConfigError, match="another program"):
        await from_url(sqlite_url, None).open()
    assert by_hand(path, "SELECT name FROM sqlite_schema") == [("theirs",)]


@pytest.mark.damages
async def test_a_file_that_is_no_database_is_refused(sqlite_url: str) -> None:
    parse_url(sqlite_url).path.write_bytes(b"not a database, but long enough to have a header of a page" * 100)
    with pytest.raises(BackendError, match="not a database"):
        await from_url(sqlite_url, None).open()


async def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        await from_url(f"sqlite:///{tmp_path}/nowhere/a.db", None).open()


async def test_a_refused_store_can_be_opened_once_the_reason_is_gone(tmp_path: Path) -> None:
    # Given a store that could not be opened
    store = from_url(f"sqlite:///{tmp_path}/later/a.db", None)
    with pytest.raises(ConfigError):
        await store.open()
    # When its folder is made
    (tmp_path / "later").mkdir()
    await store.open()
    # Then it works
    assert len(await store.insert([make(1)])) == 1
    await store.close()


def test_an_old_sqlite_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"3\.51\.3"):
        check_version("3.51.2")
    check_version("3.51.3")
    check_version("4.0.0")


async def test_an_old_sqlite_is_refused_when_a_store_is_opened(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a program that runs with an SQLite from before the repair of the log's reset
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    # When a store is opened, then it refuses with the reason, and no file is made
    with pytest.raises(ConfigError, match=r"SQLite 3\.51\.2 can damage a database that several processes write"):
        await from_url(sqlite_url, None).open()
    assert not parse_url(sqlite_url).path.exists()


def test_network_filesystems_are_known_by_their_mount(tmp_path: Path) -> None:
    # Given mounts as Linux lists them
    mounts = (
        "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        "40 22 0:52 / /mnt/share rw shared:3 master:1 - nfs4 server:/export rw\n"
    )
    # Then a device number leads to the type of its filesystem
    assert kind_of_device(mounts, (254 << 8) | 0) == "ext4"
    assert kind_of_device(mounts, 52) == "nfs4"
    assert kind_of_device(mounts, 53) is None
    # And those with other machines behind them are refused, unlike the one here
    assert {"nfs", "nfs4", "cifs", "9p"} <= NETWORK
    assert network_filesystem(tmp_path) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are those of Linux")
def test_the_kernel_says_what_a_filesystem_is() -> None:
    # Given two filesystems whose numbers every Linux knows
    assert filesystem_number(Path("/proc")) == 0x9FA0
    assert filesystem_number(Path("/sys")) == 0x62656572
    # Then neither is a network's, and a path that is not there is nothing
    assert network_filesystem(Path("/proc")) is None
    assert filesystem_number(Path("/nowhere")) == 0


@pytest.mark.parametrize(("number", "name"), [(0x6969, "nfs"), (0xFF534D42, "cifs"), (0x01021997, "9p")])
async def test_a_store_on_a_network_filesystem_is_refused_by_its_number(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, number: int, name: str
) -> None:
    # Given a folder of which statfs says that others serve it
    monkeypatch.setattr("abaca.backends.sqlite.filesystem.filesystem_number", lambda folder: number)
    # When the store is opened, then it refuses with the filesystem's name, and no file is made
    with pytest.raises(ConfigError, match=rf"network filesystem \({name}\)"):
        await from_url(sqlite_url, None).open()
    assert not parse_url(sqlite_url).path.exists()


async def test_a_store_on_a_network_filesystem_is_refused(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a machine whose every mount is a network one
    monkeypatch.setattr("abaca.backends.sqlite.filesystem.kind_of_device", lambda mounts, device: "cifs")
    # When the store is opened, then it refuses with the filesystem's name
    with pytest.raises(ConfigError, match="cifs"):
        await from_url(sqlite_url, None).open()


async def test_four_processes_may_be_the_first_to_open(sqlite_url: str) -> None:
    # Given four processes that are ready to open a file which is not there
    script = """
async def main():
    say("ready"); sys.stdin.readline()
    async with opened(url) as store:
        say(*(await store.insert([make(int(sys.stdin.readline()))]))[0].outcome.name.split())
asyncio.run(main())
"""
    with (
        process(script, sqlite_url) as a,
        process(script, sqlite_url) as b,
        process(script, sqlite_url) as c,
        process(script, sqlite_url) as d,
    ):
        children = [a, b, c, d]
        assert [hear(child) for child in children] == ["ready"] * 4
        # When they open it at the same moment and insert
        for child in children:
            tell(child)
        for number, child in enumerate(children, 1):
            tell(child, str(number))
        # Then all of them could, and one migrated for all
        assert [hear(child) for child in children] == ["INSERTED"] * 4
    async with opened(sqlite_url) as store:
        assert len(await claim(store)) == 4
        assert await store.engine.read(lambda tx: tx.rows("identity")) == [(APPLICATION_ID, len(migrations()), 1)]


async def test_close_leaves_no_thread_and_no_log(sqlite_url: str) -> None:
    # Given a store that was used in every way
    before = set(threading.enumerate())
    store = from_url(sqlite_url, None)
    await asyncio.gather(store.open(), store.open())
    watch = await store.watch(["job:x"])
    await store.insert([make(1)])
    await store.get([make(1).id])
    await store.stats()
    assert len(set(threading.enumerate()) - before) == 4
    # When it is closed, also twice
    await watch.close()
    await store.close()
    await store.close()
    # Then its threads have ended and the write-ahead log is in the file
    assert set(threading.enumerate()) <= before
    path = parse_url(sqlite_url).path
    assert not path.with_name(f"{path.name}-wal").exists()
    assert by_hand(path, "SELECT count(*) FROM jobs") == [(1,)]


async def test_a_closed_store_says_so_and_can_be_opened_again(sqlite_url: str) -> None:
    # Given a closed store
    store = from_url(sqlite_url, None)
    await store.open()
    await store.close()
    with pytest.raises(BackendError, match="not open"):
        await store.insert([make(1)])
    # When it is opened again, then it works
    await store.open()
    assert len(await store.insert([make(1)])) == 1
    await store.close()


def test_the_library_in_use_is_new_enough() -> None:
    check_version(apsw.sqlite_lib_version())
