"""A small Django project whose tasks are Abaca's. Everything lies in the folder that $SHOP_DATA names."""

import os
from importlib.util import find_spec
from pathlib import Path

DATA = Path(os.environ.get("SHOP_DATA", Path(__file__).resolve().parent.parent))
SECRET_KEY = "only-for-this-example"
DEBUG = True
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
USE_TZ = True
ROOT_URLCONF = "project.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    *([] if find_spec("django.tasks") else ["django_tasks"]),  # Django 6 has it built in
    "abaca.django",
    "shop",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "shop.db",
        "OPTIONS": {"timeout": 20},
        "TEST": {"NAME": DATA / "test.db"},  # a file: the threads that run jobs see no database in memory
    },
}

TASKS = {
    "default": {
        "BACKEND": "abaca.django.AbacaBackend",
        "QUEUES": ["default", "mail"],
        "OPTIONS": {
            "URL": os.environ.get("SHOP_STORE", f"sqlite:///{DATA / 'jobs.db'}"),
            "ENQUEUE_ON_COMMIT": True,
        },
    },
}
