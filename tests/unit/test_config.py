"""Settings: which source wins, and what a wrong one gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca.config import SETTINGS, Flag, Setting, Settings, hide_passwords, load_settings
from abaca.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "abaca.toml"
    path.write_text(text)
    return path


def load(file: Path | None = None, environ: dict[str, str] | None = None, **flags: object) -> Settings:
    """``flags`` by setting name with ``__`` for the dot."""
    given = {name.replace("__", "."): Flag(f"--{name}", value) for name, value in flags.items()}
    return load_settings(given, environ=environ or {}, file=file)


def origin(settings: Settings, name: str) -> str:
    return settings.source(name).origin


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_any_source_every_setting_is_the_default() -> None:
    settings = load()
    assert settings.url == "sqlite:///abaca.db"
    assert settings.worker.queues == ("default",)
    assert (settings.worker.lease, settings.worker.beat) == (15.0, 5.0)
    assert (settings.keep.completed_ms, settings.keep.failed_ms) == (3_600_000, 7 * 86_400_000)
    assert {source.origin for source in settings.sources} == {"default"}


def test_a_later_source_wins_and_a_silent_one_changes_nothing(tmp_path: Path) -> None:
    # Given three settings in the file, two of them in variables, one of those in a flag
    file = write(tmp_path, "[worker]\nconcurrency = 1\nbeat = '1s'\ndrain = 7\n")
    environ = {"ABACA_WORKER_CONCURRENCY": "2", "ABACA_WORKER_BEAT": "2s"}
    # When they are read
    settings = load(file, environ, worker__concurrency=3)
    # Then each has the value of its last source, and says which that was
    assert (settings.worker.concurrency, settings.worker.beat, settings.worker.drain) == (3, 2.0, 7.0)
    assert origin(settings, "worker.concurrency") == "--worker__concurrency"
    assert origin(settings, "worker.beat") == "ABACA_WORKER_BEAT"
    assert origin(settings, "worker.drain") == f"{file}: worker.drain"


def test_a_value_equal_to_the_default_is_still_a_value(tmp_path: Path) -> None:
    """A variable that repeats the default overrides the file: unset and default are two things."""
    file = write(tmp_path, "[worker]\nconcurrency = 9\n")
    assert load(file, {"ABACA_WORKER_CONCURRENCY": "50"}).worker.concurrency == 50


def test_the_file_in_the_working_folder_is_read_unless_another_is_named(tmp_path: Path) -> None:
    write(tmp_path, "url = 'sqlite:///here.db'\n")
    other = tmp_path / "other.toml"
    other.write_text("url = 'sqlite:///other.db'\n")
    assert load().url == "sqlite:///here.db"
    assert load(environ={"ABACA_CONFIG": str(other)}).url == "sqlite:///other.db"
    assert load(other, {"ABACA_CONFIG": "nowhere"}).url == "sqlite:///other.db"


def test_retention_comes_from_the_environment() -> None:
    environ = {"ABACA_KEEP_COMPLETED": "90", "ABACA_KEEP_FAILED": "30d", "ABACA_KEEP_CANCELLED": "0"}
    keep = load(environ=environ).keep
    assert (keep.completed_ms, keep.failed_ms, keep.cancelled_ms) == (90_000, 30 * 86_400_000, 0)


def test_lists_and_tables_are_written_in_toml_or_as_text(tmp_path: Path) -> None:
    file = write(tmp_path, "[worker]\nqueues = ['a', 'b']\nweights = {a = 3, b = 1}\nmax_child_rss = '512MiB'\n")
    as_text = {
        "ABACA_WORKER_QUEUES": "a, b",
        "ABACA_WORKER_WEIGHTS": "a=3,b=1",
        "ABACA_WORKER_MAX_CHILD_RSS": "536870912",
    }
    for settings in (load(file), load(environ=as_text)):
        assert settings.worker.queues == ("a", "b")
        assert settings.worker.weights == {"a": 3, "b": 1}
        assert settings.worker.max_child_rss == 512 << 20


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ABACA_URL", "abaca.db"),
        ("ABACA_WORKER_CONCURRENCY", "0"),
        ("ABACA_WORKER_CONCURRENCY", "many"),
        ("ABACA_WORKER_PROCESSES", "-1"),
        ("ABACA_WORKER_LEASE", "soon"),
        ("ABACA_WORKER_LEASE", "0"),
        ("ABACA_WORKER_GRACE", "nan"),
        ("ABACA_WORKER_QUEUES", ""),
        ("ABACA_WORKER_QUEUES", "a,b/c"),
        ("ABACA_WORKER_QUEUES", "a,a"),
        ("ABACA_WORKER_QUEUES", "{a}"),
        ("ABACA_WORKER_WEIGHTS", "default"),
        ("ABACA_WORKER_WEIGHTS", "default=0"),
        ("ABACA_WORKER_MAX_CHILD_RSS", "1 mile"),
        ("ABACA_WORKER_NAME", "a name"),
        ("ABACA_KEEP_COMPLETED", "-1s"),
        ("ABACA_LOG_LEVEL", "loud"),
        ("ABACA_LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_its_variable(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        load(environ={variable: value})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[worker]\nconcurency = 3\n", "worker.concurency is not a setting; did you mean worker.concurrency?"),
        ("[wroker]\nlease = 3\n", "wroker.lease is not a setting"),
        ("colour = 'red'\n", "colour is not a setting"),
        ("[worker]\nconcurrency = true\n", "worker.concurrency: True"),
        ("[worker]\nlease = [1]\n", r"worker.lease: \[1\]"),
        ("[worker.lease]\nvalue = 1\n", "worker.lease: {'value': 1}"),
        ("worker = 3\n", "worker is not a setting"),
        ("[log]\n", r"\[log\] is empty"),
        ("url = 'sqlite:///a.db\n", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_file_and_the_key(tmp_path: Path, text: str, named: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError, match=named) as refused:
        load(file)
    assert str(file) in str(refused.value)


def test_a_named_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml.* is not there"):
        load(tmp_path / "gone.toml")


def test_a_misspelt_variable_is_refused_and_the_right_one_named() -> None:
    with pytest.raises(ConfigError, match="ABACA_WORKER_LEESE is not a setting; did you mean ABACA_WORKER_LEASE"):
        load(environ={"ABACA_WORKER_LEESE": "3s"})


def test_what_kubernetes_sets_for_a_service_named_abaca_is_left_alone() -> None:
    environ = {"ABACA_SERVICE_HOST": "10.0.0.1", "ABACA_PORT": "tcp://10.0.0.1:80", "ABACA_PORT_80_TCP_PROTO": "tcp"}
    assert load(environ=environ).url == "sqlite:///abaca.db"


def test_the_variable_that_arms_a_worker_s_weak_places_is_no_setting() -> None:
    assert load(environ={"ABACA_BUGGIFY": "loop.before_settle=0.1"}).url == "sqlite:///abaca.db"


def test_a_beat_above_a_third_of_the_lease_is_refused_with_both_sources() -> None:
    with pytest.raises(ConfigError, match=r"ABACA_WORKER_BEAT is 4 s and --worker__lease is 9 s"):
        load(environ={"ABACA_WORKER_BEAT": "4s"}, worker__lease="9s")
    with pytest.raises(ConfigError, match=r"worker.beat \(default\) is 5 s and --worker__lease is 9 s"):
        load(worker__lease="9s")
    assert load(worker__lease="9s", worker__beat="3s").worker.beat == 3.0


def test_a_share_for_a_queue_that_is_not_served_is_refused() -> None:
    with pytest.raises(ConfigError, match="names the queue 'c'"):
        load(worker__queues="a,b", worker__weights="a=1,c=2")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("redis://:hush@h:1/0", "redis://***@h:1/0"),
        ("rediss://me:hu/sh@h/0", "rediss://***@h/0"),
        ("redis://me:hu@sh@h/0 is away", "redis://***@h/0 is away"),
        ("redis://h/0?password=hush&db=1", "redis://h/0?password=***&db=1"),
        ("sqlite:////home/me@work/a.db", "sqlite:////home/me@work/a.db"),
        ("redis://h:1/0", "redis://h:1/0"),
    ],
)
def test_passwords_are_hidden_in_any_text(text: str, hidden: str) -> None:
    assert hide_passwords(text) == hidden


def test_a_password_is_shown_neither_in_sources_nor_in_representations() -> None:
    settings = load(environ={"ABACA_URL": "redis://:hush@h:1/0"})
    assert settings.url == "redis://:hush@h:1/0"
    assert settings.source("url").shown == "redis://***@h:1/0"
    assert "hush" not in repr(settings)


def test_every_setting_has_a_variable_of_its_own_and_says_what_it_means() -> None:
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.about for setting in SETTINGS)


def test_a_setting_may_have_another_variable_which_is_read_like_its_own() -> None:
    # Given a setting that people know by another name, too
    place = Setting.text("demo.place", "", "where", also=("ABACA_PLACE_URL",))
    # Then either gives it, both may if they agree, and a misspelt one is led to it
    for environ in (
        {"ABACA_PLACE_URL": "a"},
        {"ABACA_DEMO_PLACE": "a"},
        {"ABACA_DEMO_PLACE": "a", "ABACA_PLACE_URL": "a"},
    ):
        settings = load_settings(environ=environ, more=[place])
        assert (settings.value("demo.place"), origin(settings, "demo.place")) == ("a", next(iter(environ)))
    with pytest.raises(ConfigError, match="ABACA_DEMO_PLACE and ABACA_PLACE_URL are one setting, and differ"):
        load_settings(environ={"ABACA_DEMO_PLACE": "a", "ABACA_PLACE_URL": "b"}, more=[place])
    with pytest.raises(ConfigError, match=r"did you mean ABACA_PLACE_URL\?"):
        load_settings(environ={"ABACA_PLACE_URI": "a"}, more=[place])
