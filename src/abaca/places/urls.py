"""Which place a URL names. What it needs is imported when it is opened."""

from __future__ import annotations

import importlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

from abaca.errors import ConfigError
from abaca.places.base import Place
from abaca.text import shown

IN_THE_RECORD = "record"
"""What is said in place of a URL where everything stays in the job's record."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()/-]*", re.ASCII)
_HOST = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/.*)?", re.ASCII)
_S3_OPTIONS = frozenset({"endpoint", "region"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """``prefix`` is empty or ends with a slash."""

    name: str
    prefix: str
    endpoint: str | None
    region: str | None


def place_url(raw: object, what: str) -> str:
    """The URL, or ``record``. Raises ``ConfigError`` naming ``what``, also when the extra for it is not installed."""
    if raw == IN_THE_RECORD:
        return IN_THE_RECORD
    scheme = urlsplit(raw).scheme if isinstance(raw, str) else ""
    if not isinstance(raw, str) or scheme not in ("file", "s3"):
        raise ConfigError(
            f"{what}: {shown(raw)} is not a place for results; write file:///folder, s3://bucket/prefix, "
            f"or {IN_THE_RECORD!r} to keep them all in the job's record"
        )
    if scheme == "file":
        folder_of(raw, what)
    else:
        bucket_of(raw, what)
        if importlib.util.find_spec("boto3") is None:
            raise ConfigError(f"{what}: s3://... needs the extra: pip install 'abaca[s3]'")
    return raw


def open_place(url: str) -> Place:
    """Nothing is connected before its first use. Raises ``ConfigError``."""
    scheme = urlsplit(place_url(url, "results")).scheme
    module = importlib.import_module({"file": "abaca.places.folder", "s3": "abaca.places.s3"}[scheme])
    return cast("Place", module.from_url(url))


def folder_of(url: str, what: str = "results") -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or not path.startswith("/") or "\0" in path or path == "/":
        raise ConfigError(f"{what}: {shown(url)} names no folder; write file:///var/abaca/results, from the root")
    return Path(path)


def bucket_of(url: str, what: str = "results") -> Bucket:
    parts = urlsplit(url)
    prefix = unquote(parts.path).strip("/")
    if "@" in parts.netloc:
        raise ConfigError(
            f"{what}: s3://... takes no credentials; give them in the environment (AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY), in a profile, or as a role of the machine"
        )
    if not _BUCKET.fullmatch(parts.netloc) or not _PREFIX.fullmatch(prefix) or ".." in prefix or parts.fragment:
        raise ConfigError(f"{what}: {shown(url)} names no bucket; write s3://bucket/prefix?endpoint=...&region=...")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = set(options) - _S3_OPTIONS
    if unknown:
        raise ConfigError(f"{what}: s3://... has no option {shown(min(unknown))}; it has 'endpoint' and 'region'")
    endpoint = options.get("endpoint")
    if endpoint is not None and not _HOST.fullmatch(endpoint):
        raise ConfigError(f"{what}: the endpoint {shown(endpoint)} is not usable; write it as https://host:port")
    return Bucket(parts.netloc, f"{prefix}/" if prefix else "", endpoint, options.get("region") or None)
