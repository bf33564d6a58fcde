"""The tasks of the shop, as Django writes them."""

from django.core.exceptions import ObjectDoesNotExist

from abaca import Retry
from shop.models import Order

try:
    from django.tasks import task  # Django 6
except ImportError:
    from django_tasks import task


@task(queue_name="mail", priority=10)
def send_receipt(order_id: int) -> str:
    order = Order.objects.get(pk=order_id)
    order.receipt = f"order {order.pk}: {order.total} paid by {order.email}"
    order.save(update_fields=["receipt"])
    return order.receipt


@task()
async def count_orders() -> int:
    return await Order.objects.acount()


@task(takes_context=True, retry=Retry(max_attempts=3, backoff="none"))
def settle(context, order_id: int) -> dict[str, int]:
    """Away at the first attempt, as banks are."""
    if context.attempt < 2:
        raise ConnectionError("the bank is away")
    return {"order": order_id, "attempt": context.attempt}


@task(retry=Retry(max_attempts=1))
def refund(order_id: int) -> None:
    raise ObjectDoesNotExist(f"no order {order_id}")
