"""How far an ingest is: the marks of its stages, and the way between two of them. Pure."""

from __future__ import annotations

from abaca_documents.model import JobProgress, Stage

ORDER = tuple(Stage)


def progress(stage: Stage, done: int = 0, total: int = 0, noun: str = "") -> JobProgress:
    """``done`` of ``total`` things of the stage; between its mark and the next one."""
    span = 0 if stage is Stage.DONE else ORDER[ORDER.index(stage) + 1].mark - stage.mark
    share = min(max(done, 0), total) / total if total else 0.0
    message = f"{stage.value} {done:,} of {total:,} {noun}".strip() if total else stage.value
    return JobProgress(
        stage=stage, percent=round(stage.mark + span * share, 2), message=message, done=done, total=total
    )
