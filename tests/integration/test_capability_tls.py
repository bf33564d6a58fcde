"""Redis over TLS, with a certificate made for the test."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from abaca import App, BackendUnavailable
from tests.conftest import MakeRedis
from tests.servers import free_port


@dataclass(frozen=True)
class Secure:
    """Where a TLS server listens and the certificate that it shows."""

    url: str
    certificate: Path


@pytest.fixture
def secure(make_redis: MakeRedis, tmp_path: Path) -> Secure:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on PATH, which makes the certificate of this test")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(
        [openssl, *words, *names, "-out", str(certificate), "-keyout", str(key)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    port = free_port()
    make_redis(
        tls_port=port,
        tls_cert_file=str(certificate),
        tls_key_file=str(key),
        tls_ca_cert_file=str(certificate),
        tls_auth_clients=False,
    )
    return Secure(f"rediss://127.0.0.1:{port}/0", certificate)


async def test_jobs_travel_over_tls(secure: Secure) -> None:
    async with App(f"{secure.url}?ssl_ca_certs={secure.certificate}") as app:
        # Given a task on a store that is reached by TLS
        @app.task
        def double(n: int) -> int:
            return 2 * n

        # When it is called, then its result comes back
        async with app.worker(concurrency=2):
            assert await double.opts(wait=20).run(21) == 42


async def test_a_certificate_that_nobody_vouches_for_is_refused(secure: Secure) -> None:
    # Given a client that was not told of the certificate
    async with App(secure.url) as app:
        # When it connects, then it is refused with the reason
        with pytest.raises(BackendUnavailable, match=r"(?i)certificate"):
            await app.backend()
