"""Webhooks: delivered by a job, signed, tried again, put off, and never to where they must not go."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from abaca import Abort, Ctx, JobEnd, Query, Retry, Status, Webhook, verify_webhook
from abaca.model import Job, Kind, NewJob, State
from abaca.worker.destinations import Destinations
from abaca.worker.webhook import KEPT_OF_ANSWER, MOST_RUNS, Delivered, WebhookFailed, make_delivery
from tests.receiver import Receiver, dribbles, endless, nothing, receiving, rubbish, says
from tests.worker.harness import Stage

HERE = ("127.0.0.0/8",)
SECRET = "s3cr3t-key"
SOON = Retry(max_attempts=3, backoff="none")
ONCE = Retry(max_attempts=1)


async def delivery_of(stage: Stage, id: str) -> Job:
    """The job that delivers for that job, once it has ended."""
    (found,) = (await stage.backend.find(Query(parent=f"job:{id}"))).jobs
    return await stage.ended(found.id)


async def delivered(stage: Stage, hook: Webhook, *, fail: bool = False, allow: Sequence[str] = HERE) -> Job:
    """The delivery of a job with that webhook."""

    @stage.task(webhook=hook, retry=ONCE, tags=["x"])
    async def work(n: int) -> dict[str, int]:
        if fail:
            raise ValueError("no")
        return {"n": n}

    async with stage.worker(webhook_allow=tuple(allow)):
        id = await stage.submit(work, 7)
        await stage.ended(id)
        return await delivery_of(stage, id)


async def log_of(stage: Stage, job: Job) -> list[dict[str, Any]]:
    entries = (await stage.backend.updates(job.id, 0, 1000)).entries
    return [json.loads(entry.data or b"") for entry in entries if entry.kind is Kind.LOG]


async def test_a_completion_is_told_signed_and_with_its_result(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a receiver, and a key that only the worker knows
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    async with receiving() as receiver:
        # When a job with a webhook completes
        job = await delivered(stage, Webhook(receiver.url, secret="env:HOOK_SECRET"))
        (request,) = receiver.requests
    # Then the receiver can tell that it is genuine
    assert verify_webhook(SECRET, request.headers, request.body) == job.id
    assert request.line == "POST /hook HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["abaca-event"] == "job.completed"
    # And how the job ended
    told = json.loads(request.body)
    assert (told["delivery"], told["event"]) == (job.id, "job.completed")
    assert told["job"]["result"] == {"n": 7}
    assert (told["job"]["task"], told["job"]["status"], told["job"]["tags"]) == ("work", "completed", ["x"])
    assert (told["job"]["error"], told["job"]["attempts"], told["job"]["queue"]) == (None, 1, "default")
    # And the answer is in the log of the delivery
    assert (job.state, job.result) == (State.COMPLETED, b'{"status":200}')
    (line,) = await log_of(stage, job)
    assert (line["status"], line["body"]) == (200, "thanks")


async def test_a_failure_is_told_without_its_traceback(stage: Stage) -> None:
    async with receiving() as receiver:
        await delivered(stage, Webhook(receiver.url, on=["failed"]), fail=True)
        (request,) = receiver.requests
    told = json.loads(request.body)["job"]
    assert (told["status"], told["error"]) == ("failed", {"type": "builtins.ValueError", "message": "no"})
    assert b"Traceback" not in request.body
    assert "abaca-signature" not in request.headers


async def test_an_end_that_was_not_asked_for_is_not_told(stage: Stage) -> None:
    @stage.task(webhook=Webhook("http://127.0.0.1:1/", on="failed"))
    async def work() -> None: ...

    async with stage.worker():
        id = await stage.submit(work)
        await stage.ended(id)
    assert (await stage.backend.find(Query(parent=f"job:{id}"))).jobs == []


async def test_a_delivery_is_tried_again_with_the_same_id_and_body(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a receiver that fails twice
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    async with receiving() as receiver:
        receiver.will(says(500, b"oops"), rubbish())
        job = await delivered(stage, Webhook(receiver.url, secret="env:HOOK_SECRET", retry=SOON))
        requests = receiver.requests
    # Then the third try is taken, and each looked the same to the receiver
    assert (job.state, job.attempts) == (State.COMPLETED, 3)
    assert len(requests) == 3
    assert {request.body for request in requests} == {requests[0].body}
    assert {verify_webhook(SECRET, request.headers, request.body) for request in requests} == {job.id}
    # And each failure is in its log
    assert job.error is not None
    assert "ProtocolError" in job.error.message
    assert [line.get("status") for line in await log_of(stage, job)] == [500, None, 200]


async def test_a_delivery_that_fails_for_ever_is_kept_and_can_be_replayed(stage: Stage) -> None:
    # Given a delivery that has failed
    async with receiving() as receiver:
        receiver.will(says(500), says(500), says(500))
        job = await delivered(stage, Webhook(receiver.url, retry=SOON))
        assert (job.state, job.attempts) == (State.FAILED, 3)
        # When it is requeued later
        async with stage.worker(webhook_allow=HERE):
            await stage.backend.requeue([(job.id, job.epoch)])
            again = await stage.until(job.id, lambda each: each.state is State.COMPLETED)
        # Then it is sent once more, as the same delivery
        assert [request.headers["abaca-delivery"] for request in receiver.requests] == [job.id] * 4
        assert again.state is State.COMPLETED


async def test_gone_stops_at_once(stage: Stage) -> None:
    async with receiving() as receiver:
        receiver.will(says(410))
        job = await delivered(stage, Webhook(receiver.url, retry=SOON))
        assert len(receiver.requests) == 1
    assert (job.state, job.attempts) == (State.FAILED, 1)
    assert job.error is not None
    assert "410 Gone" in job.error.message


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_may_put_a_delivery_off(stage: Stage, status: int) -> None:
    # Given a receiver that asks for a second of rest
    async with receiving() as receiver:
        receiver.will(says(status, retry_after="1"))
        job = await delivered(stage, Webhook(receiver.url, retry=ONCE))
    # Then that was no failure
    assert (job.state, job.attempts, job.epoch) == (State.COMPLETED, 1, 2)
    assert job.claimed_at is not None
    assert job.started_at is not None
    assert job.claimed_at - job.started_at >= 900_000


@pytest.mark.parametrize("status", [429, 503])
async def test_busy_without_a_time_is_a_failure(stage: Stage, status: int) -> None:
    async with receiving() as receiver:
        receiver.will(says(status, retry_after="soon"))
        job = await delivered(stage, Webhook(receiver.url, retry=ONCE))
    assert (job.state, job.attempts) == (State.FAILED, 1)


async def test_redirects_are_not_followed(stage: Stage) -> None:
    # Given a receiver that points elsewhere, to a place that is even allowed
    async with receiving() as elsewhere, receiving() as receiver:
        receiver.will(says(302, location=elsewhere.url))
        job = await delivered(stage, Webhook(receiver.url, retry=ONCE))
        # Then nobody went there
        assert elsewhere.requests == []
    assert job.error is not None
    assert "302; redirects are not followed" in job.error.message


async def test_a_receiver_that_says_nothing_is_given_up(stage: Stage) -> None:
    async with receiving() as receiver:
        receiver.will(nothing())
        job = await delivered(stage, Webhook(receiver.url, timeout=1.5, retry=ONCE))
    assert job.state is State.FAILED
    assert job.error is not None
    assert "no answer within 1.5 s" in job.error.message


@pytest.mark.parametrize(("answer", "least"), [(endless(), KEPT_OF_ANSWER), (dribbles(), 1)])
async def test_of_an_endless_answer_only_the_beginning_counts(stage: Stage, answer: Any, least: int) -> None:
    async with receiving() as receiver:
        receiver.will(answer)
        job = await delivered(stage, Webhook(receiver.url, retry=ONCE))
    assert job.state is State.COMPLETED
    (line,) = await log_of(stage, job)
    assert line["body"] == "x" * least


async def test_nobody_there_is_a_failure(stage: Stage) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        job = await delivered(stage, Webhook(f"http://127.0.0.1:{port}/", retry=ONCE))
    assert job.error is not None
    assert "ConnectError" in job.error.message


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"]
)
async def test_this_machine_is_refused_by_default_in_every_spelling(stage: Stage, host: str) -> None:
    async with receiving() as receiver:
        job = await delivered(stage, Webhook(f"http://{host}:{receiver.port}/", retry=SOON), allow=())
        assert receiver.requests == []
    # Then at once, with the way out
    assert (job.state, job.attempts) == (State.FAILED, 1)
    assert job.error is not None
    assert "webhook_allow" in job.error.message


async def test_a_host_may_be_allowed_by_name(stage: Stage) -> None:
    async with receiving() as receiver:
        job = await delivered(stage, Webhook(f"http://localhost:{receiver.port}/x"), allow=("localhost",))
        assert receiver.requests[0].headers["host"] == f"localhost:{receiver.port}"
    assert job.state is State.COMPLETED


async def test_a_secret_that_is_not_there_is_a_failure_that_names_it(stage: Stage) -> None:
    job = await delivered(stage, Webhook("http://127.0.0.1:1/", secret="env:NOT_SET_HERE", retry=ONCE))
    assert job.error is not None
    assert "NOT_SET_HERE" in job.error.message


async def test_a_secret_may_be_a_file_and_is_stored_nowhere(stage: Stage, tmp_path: Path) -> None:
    # Given a key in a file
    path = tmp_path / "key"
    path.write_text(SECRET + "\n")
    async with receiving() as receiver:
        job = await delivered(stage, Webhook(receiver.url, secret=f"file:{path}"))
        (request,) = receiver.requests
    # Then it signs
    assert verify_webhook(SECRET, request.headers, request.body) == job.id
    # And neither jobs nor logs hold it
    everything = repr((await stage.backend.find(Query())).jobs) + repr(await log_of(stage, job))
    assert SECRET not in everything


async def test_workers_announce_that_they_deliver(stage: Stage) -> None:
    async with stage.worker() as worker:
        assert "abaca.webhook" in worker.card().tasks


def context(epoch: int = 1) -> Ctx:
    spec = NewJob(id="0" * 32, task="abaca.webhook")
    job = Job(spec=spec, state=State.RUNNING, epoch=epoch)
    return Ctx(job, task_max_attempts=1, report=lambda kind, data: None, cancel=NeverSet(), deadline=None)


class NeverSet:
    def is_set(self) -> bool:
        return False


END: JobEnd[Any] = JobEnd(job_id="1" * 32, task="t", status=Status.COMPLETED, attempts=1, result=7)


class Names:
    """A name service whose answers differ from one call to the next."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


async def test_a_name_is_resolved_once_and_that_address_is_used() -> None:
    # Given a name that stands for the receiver when it is checked and for another address from then on
    names = Names(["127.0.0.1"], ["127.0.0.66"])
    async with receiving() as receiver:
        deliver = make_delivery(destinations=Destinations(["127.0.0.1/32"], names))
        answer = await deliver(context(), END, f"http://rebind.test:{receiver.port}/x")
        # Then the request went to the first, under the name
        assert (answer, names.asked) == (Delivered(status=200), 1)
        assert receiver.requests[0].headers["host"] == f"rebind.test:{receiver.port}"


async def test_one_private_address_among_public_ones_refuses_all() -> None:
    deliver = make_delivery(destinations=Destinations((), Names(["93.184.216.34", "10.0.0.7"])))
    with pytest.raises(Abort, match=r"10\.0\.0\.7"):
        await deliver(context(), END, "http://mixed.test/")


async def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    names = Names(["127.0.0.66", "127.0.0.1"])
    async with receiving() as receiver:
        deliver = make_delivery(destinations=Destinations(HERE, names))
        assert await deliver(context(), END, f"http://two.test:{receiver.port}/") == Delivered(status=200)


async def test_an_unknown_name_is_a_failure_that_is_tried_again() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(WebhookFailed, match="not known"):
        await make_delivery(destinations=Destinations((), unknown))(context(), END, "http://nowhere.test/")


async def test_a_delivery_is_not_put_off_for_ever() -> None:
    async with receiving() as receiver:
        receiver.will(says(503, retry_after="1"))
        with pytest.raises(WebhookFailed, match="503"):
            await make_delivery(HERE)(context(epoch=MOST_RUNS), END, receiver.url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/", "http://user:pass@example.org/", "//x", "http:///x"]
)
async def test_an_address_that_came_by_another_way_is_checked_again(url: str) -> None:
    with pytest.raises(Abort, match="Webhook"):
        await make_delivery(HERE)(context(), END, url)


async def test_without_the_extra_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an environment without the client
    monkeypatch.setitem(sys.modules, "httpcore", None)
    monkeypatch.delitem(sys.modules, "abaca.worker.webhook_http", raising=False)
    # When a webhook is to be sent, then it says what to install
    with pytest.raises(WebhookFailed, match=r"pip install 'abaca\[webhooks\]'"):
        await make_delivery(HERE)(context(), END, "http://127.0.0.1:1/")


def test_a_worker_that_sends_none_does_not_load_the_client() -> None:
    code = "import sys, abaca.worker.engine; sys.exit('httpcore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=50).returncode == 0


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for the name hook.test alone, with its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on PATH, which makes the certificate of this test")
    path = tmp_path / "cert.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=hook.test", "-addext", "subjectAltName=DNS:hook.test"]
    subprocess.run(
        [openssl, *words, *names, "-out", str(path), "-keyout", str(tmp_path / "key.pem")],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.parent / "key.pem")
    return context


async def over_tls(receiver: Receiver, name: str) -> Delivered:
    deliver = make_delivery(destinations=Destinations(HERE, Names(["127.0.0.1"])))
    return await deliver(context(), END, f"https://{name}:{receiver.port}/")


async def test_the_certificate_is_checked_against_the_name(
    certificate: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a receiver whose certificate is trusted, for one name
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    asked: list[str | None] = []
    tls.sni_callback = lambda socket, name, context: asked.append(name)
    async with receiving(tls) as receiver:
        # When it is called by that name, then it is reached and was asked for by it
        assert await over_tls(receiver, "hook.test") == Delivered(status=200)
        assert asked == ["hook.test"]
        # And by another name it is not
        with pytest.raises(WebhookFailed, match="certificate"):
            await over_tls(receiver, "other.test")
        assert len(receiver.requests) == 1


async def test_a_certificate_that_nobody_trusts_is_refused(tls: ssl.SSLContext) -> None:
    async with receiving(tls) as receiver:
        with pytest.raises(WebhookFailed, match="certificate"):
            await over_tls(receiver, "hook.test")
        assert receiver.requests == []
