"""The pytest plugin as its users meet it: a suite of theirs, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "testing"

pytestmark = pytest.mark.timeout(180)  # each starts processes of its own


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
    )


def test_the_example_suite_passes() -> None:
    # Given the suite of examples/testing, whose store is a Redis that is not there
    # When pytest runs it
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", cwd=EXAMPLE)
    # Then all its tests pass, without a warning
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
    assert "warning" not in done.stdout


def test_a_run_that_does_not_use_the_plugin_imports_nothing_of_abaca(tmp_path: Path) -> None:
    # Given a suite that knows nothing of Abaca
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n\ndef test_nothing_is_there():\n"
        "    assert 'abaca_pytest' in sys.modules\n"
        "    assert not [name for name in sys.modules if name.split('.')[0] in ('abaca', 'msgspec', 'apsw')]\n"
    )
    # When pytest runs it, Then the plugin is there and the package is not
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_an_app_the_fixture_says_how_to_name_one(tmp_path: Path) -> None:
    # Given a suite that asks for the fixture and names no app
    (tmp_path / "test_none.py").write_text("def test_it(abaca): ...\n")
    # When pytest runs it, Then it says both ways
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", cwd=tmp_path)
    assert done.returncode != 0
    assert 'set abaca_app = "module:attribute"' in done.stdout
    assert "a fixture named abaca_app" in done.stdout


def test_an_app_can_be_named_by_a_fixture(tmp_path: Path) -> None:
    # Given a suite whose own fixture answers the app
    (tmp_path / "conftest.py").write_text(
        "import pytest\nfrom abaca import App\n\napp = App('redis://nobody.invalid')\n\n\n"
        "@app.task\nasync def double(n: int) -> int:\n    return 2 * n\n\n\n"
        "@pytest.fixture\ndef abaca_app():\n    return app\n"
    )
    (tmp_path / "test_double.py").write_text(
        "from conftest import double\n\n\ndef test_it(abaca):\n"
        "    job = double.enqueue_sync(21)\n    abaca.drain_sync()\n    assert job.result_sync() == 42\n"
    )
    # When pytest runs it, Then its jobs run
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
