"""Placing an order, and asking what became of it."""

import json

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from shop.models import Order
from shop.tasks import count_orders, send_receipt


@csrf_exempt
def place_order(request: HttpRequest) -> JsonResponse:
    data = json.loads(request.body)
    with transaction.atomic():
        order = Order.objects.create(email=data["email"], total=data["total"])
        result = send_receipt.enqueue(order.pk)  # stored when the order is: ENQUEUE_ON_COMMIT
    return JsonResponse({"order": order.pk, "task": result.id}, status=202)


async def place_order_async(request: HttpRequest) -> JsonResponse:
    result = await count_orders.aenqueue()
    return JsonResponse({"task": result.id}, status=202)


def task_status(request: HttpRequest, id: str) -> JsonResponse:
    result = send_receipt.get_backend().get_result(id)
    value = result.return_value if result.is_finished and not result.errors else None
    return JsonResponse({"status": result.status, "attempts": result.attempts, "value": value})
