"""The service over HTTP: one ASGI program, alone under ``abaca serve`` or mounted into another one.

It needs the extra ``abaca[server]``. It holds nothing that the store does not hold, so any number of them may run
beside each other.
"""

from abaca.http.application import asgi
from abaca.http.settings import HttpSettings

__all__ = ["HttpSettings", "asgi"]
