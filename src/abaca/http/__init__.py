"""The service over HTTP: one ASGI program, alone under ``abaca serve`` or mounted into another one.

It needs the extra ``abaca[server]``. It holds nothing that the store does not hold, so any number of them may run
beside each other. A plugin makes its routes and pages with the names that are exported here.
"""

from abaca.http.application import asgi
from abaca.http.caller import Caller, Scope
from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.pages import Form, act, page
from abaca.http.endpoint import Endpoint, endpoint
from abaca.http.errors import ApiError, Code, conflict, invalid, malformed, not_found
from abaca.http.fileforms import ANY_SIZE, FORM_DATA, FileForm, file_form, media_type
from abaca.http.paging import Nothing, Paging, Waiting, opened, sealed
from abaca.http.replies import Answer, Items, Reply
from abaca.http.requests import ApiRequest
from abaca.http.settings import HttpSettings

__all__ = [
    "ANY_SIZE",
    "FORM_DATA",
    "Answer",
    "ApiError",
    "ApiRequest",
    "Caller",
    "Code",
    "Desk",
    "Endpoint",
    "FileForm",
    "Form",
    "HttpSettings",
    "Items",
    "Nothing",
    "Paging",
    "Reply",
    "Scope",
    "Waiting",
    "act",
    "asgi",
    "conflict",
    "endpoint",
    "file_form",
    "invalid",
    "malformed",
    "media_type",
    "not_found",
    "opened",
    "page",
    "sealed",
]
