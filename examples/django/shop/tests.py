"""How this project tests its tasks: jobs in memory, run in this process."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.test import TransactionTestCase, modify_settings, override_settings
from django.utils import timezone

import abaca.django
from abaca import RunningLoopError
from abaca.testing import harness
from shop.models import Order
from shop.tasks import count_orders, refund, send_receipt, settle

try:
    from django.tasks import TaskResultStatus, task, task_backends
    from django.tasks.exceptions import InvalidTask, TaskResultDoesNotExist, TaskResultMismatch
    from django.tasks.signals import task_enqueued, task_finished, task_started
except ImportError:
    from django_tasks import TaskResultStatus, task, task_backends
    from django_tasks.exceptions import InvalidTaskError as InvalidTask
    from django_tasks.exceptions import TaskResultDoesNotExist, TaskResultMismatch
    from django_tasks.signals import task_enqueued, task_finished, task_started


@task
def echo(word: str) -> str:
    return word


class ShopTest(TransactionTestCase):
    """A test that wants jobs to run needs real transactions: jobs run in other threads."""

    def setUp(self) -> None:
        self.jobs = self.enterContext(harness(abaca.django.app))


class Requests(ShopTest):
    def test_an_order_is_answered_at_once_and_its_receipt_comes_later(self) -> None:
        answer = self.client.post("/orders", {"email": "a@example.org", "total": "5.00"}, "application/json").json()
        self.assertEqual(self.client.get(f"/tasks/{answer['task']}").json()["status"], "READY")

        self.jobs.drain_sync()

        status = self.client.get(f"/tasks/{answer['task']}").json()
        self.assertEqual((status["status"], status["attempts"]), ("SUCCESSFUL", 1))
        self.assertEqual(Order.objects.get().receipt, status["value"])

    def test_what_is_rolled_back_is_never_enqueued(self) -> None:
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            send_receipt.enqueue(1)
            raise ZeroDivisionError
        self.assertEqual(self.jobs.enqueued(), [])

    def test_what_commits_has_the_id_that_was_answered_before(self) -> None:
        with transaction.atomic():
            result = send_receipt.enqueue(1)
            self.assertEqual(self.jobs.enqueued(), [])
        self.assertEqual([call.id for call in self.jobs.enqueued()], [result.id])

    async def test_an_async_view_enqueues_too(self) -> None:
        answer = (await self.async_client.get("/orders/async")).json()
        await self.jobs.drain()
        result = await count_orders.aget_result(answer["task"])
        self.assertEqual((result.status, result.return_value), (TaskResultStatus.SUCCESSFUL, 0))


class Results(ShopTest):
    def test_a_retry_is_ready_again_and_its_error_stays_on_record(self) -> None:
        result = settle.enqueue(7)
        self.jobs.drain_sync()
        result.refresh()
        self.assertEqual(result.return_value, {"order": 7, "attempt": 2})
        self.assertEqual(result.attempts, 2)
        self.assertEqual([error.exception_class for error in result.errors], [ConnectionError])
        self.assertIn("the bank is away", result.errors[0].traceback)
        self.assertLessEqual(result.started_at, result.last_attempted_at)
        self.assertLessEqual(result.last_attempted_at, result.finished_at)

    def test_a_failure_is_failed(self) -> None:
        result = refund.enqueue(7)
        self.jobs.drain_sync(check=False)
        result.refresh()
        self.assertEqual(result.status, TaskResultStatus.FAILED)
        self.assertEqual([error.exception_class for error in result.errors], [ObjectDoesNotExist])
        with self.assertRaises(ValueError):
            _ = result.return_value

    def test_what_was_cancelled_is_failed_and_says_so(self) -> None:
        result = settle.enqueue(7)
        abaca.django.app.job(result.id).cancel_sync()
        result.refresh()
        self.assertEqual(result.status, TaskResultStatus.FAILED)
        self.assertEqual(result.errors[0].exception_class.__name__, "JobCancelled")

    def test_an_unknown_id_and_another_tasks_id_are_told_apart(self) -> None:
        result = settle.enqueue(7)
        with self.assertRaises(TaskResultDoesNotExist):
            settle.get_result("0" * 32)
        with self.assertRaises(TaskResultMismatch):
            refund.get_result(result.id)

    def test_a_value_that_is_not_stored_does_not_exist(self) -> None:
        result = settle.enqueue(7)
        self.jobs.drain_sync()
        abaca.django.app.job(result.id).forget_sync()
        with self.assertRaises(TaskResultDoesNotExist):
            result.refresh()


class Calls(ShopTest):
    def test_a_task_that_is_due_later_waits(self) -> None:
        now = timezone.now()
        self.jobs.clock.advance(now.timestamp() - self.jobs.clock.now() / 1e6)
        result = echo.using(run_after=now + timedelta(days=1)).enqueue("late")
        self.jobs.drain_sync()
        result.refresh()
        self.assertEqual(result.status, TaskResultStatus.READY)
        self.assertEqual(result.task.run_after, now + timedelta(days=1))
        self.jobs.clock.advance("1d")
        self.jobs.drain_sync()
        result.refresh()
        self.assertEqual(result.return_value, "late")

    def test_a_higher_priority_goes_first(self) -> None:
        finished: list[str] = []

        def note(task_result: Any, **kwargs: Any) -> None:
            finished.append(task_result.args[0])

        task_finished.connect(note)
        self.addCleanup(task_finished.disconnect, note)
        for priority in (-100, 0, 100, 2):
            result = echo.using(priority=priority).enqueue(str(priority))
        self.jobs.drain_sync(concurrency=1)
        self.assertEqual(finished, ["100", "2", "0", "-100"])
        self.assertEqual(echo.get_result(result.id).task.priority, 2)

    def test_what_cannot_be_stored_is_refused(self) -> None:
        with self.assertRaises(TypeError):
            echo.enqueue(object())
        with self.assertRaises(InvalidTask):
            echo.using(queue_name="nowhere")
        self.assertEqual(self.jobs.enqueued(), [])

    async def test_in_an_event_loop_the_errors_name_what_to_await(self) -> None:
        with self.assertRaisesRegex(RunningLoopError, "await aenqueue"):
            echo.enqueue("now")
        with self.assertRaisesRegex(RunningLoopError, "await aget_result"):
            echo.get_result("0" * 32)

    def test_signals_tell_of_each_step(self) -> None:
        told: list[tuple[str, str]] = []

        def note(signal: Any, task_result: Any, **kwargs: Any) -> None:
            told.append((names[id(signal)], str(task_result.status)))

        names = {id(task_enqueued): "enqueued", id(task_started): "started", id(task_finished): "finished"}
        for each in (task_enqueued, task_started, task_finished):
            each.connect(note)
            self.addCleanup(each.disconnect, note)
        settle.enqueue(7)
        self.jobs.drain_sync()
        self.assertEqual(
            told,
            [
                ("enqueued", "READY"),
                ("started", "RUNNING"),  # and fails: that is not its end
                ("started", "RUNNING"),
                ("finished", "SUCCESSFUL"),
            ],
        )


class Checks(ShopTest):
    def found(self, **options: Any) -> list[str]:
        backend = abaca.django.AbacaBackend("other", {"OPTIONS": options})
        return [message.id for message in backend.check()]

    def test_a_task_outside_the_modules_that_workers_import_is_warned_of(self) -> None:
        warned = [message for message in task_backends["default"].check() if message.id == "abaca.W001"]
        self.assertEqual([message.msg.split()[2] for message in warned], ["shop.tests.echo"])

    def test_what_cannot_work_is_an_error(self) -> None:
        self.assertIn("abaca.E002", self.found(ULR="redis://"))
        self.assertIn("abaca.E003", self.found(KEEP="for ever"))
        with modify_settings(INSTALLED_APPS={"remove": "abaca.django"}):
            self.assertIn("abaca.E001", self.found())

    def test_what_loses_sight_of_jobs_is_warned_of(self) -> None:
        self.assertIn("abaca.W002", self.found(URL="memory://"))
        atomic = {"default": {"ENGINE": "django.db.backends.sqlite3", "ATOMIC_REQUESTS": True}}
        with override_settings():
            from django.conf import settings

            settings.DATABASES = atomic
            self.assertIn("abaca.W003", self.found())
            self.assertNotIn("abaca.W003", self.found(ENQUEUE_ON_COMMIT=True))
