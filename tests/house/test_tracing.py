"""What the tests that trace system calls stand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tracing import require_strace


@pytest.mark.parametrize(("ci", "wanted"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_strace_skips_here_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, wanted: type[BaseException]
) -> None:
    # Given a machine without strace
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    # When a test asks for it, then the word names what is missing
    with pytest.raises(wanted, match="strace is not on PATH"):
        require_strace()


def test_a_strace_that_may_not_trace_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given a strace that fails whatever it is asked
    fake = tmp_path / "strace"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CI", raising=False)
    # When a test asks for it, then the word says what is not permitted
    with pytest.raises(pytest.skip.Exception, match="not permitted"):
        require_strace()
