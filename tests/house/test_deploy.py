"""The files of deploy/: judged by the tools of their kinds, and held to each other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from abaca.cli.front import COMMANDS
from abaca.config import load_settings
from abaca.durations import parse_duration

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
KUBERNETES = "1.31"

pytestmark = pytest.mark.timeout(240)  # each starts processes of its own
LEFT_FOR_THE_KILL = 10_000
"""Milliseconds between the end of a drain and SIGKILL, at least: runs that do not end are interrupted first."""


def program(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts")) / name)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=110, check=False
    )


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def compose() -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return whole


def of_kind(kind: str, name: str) -> dict[str, Any]:
    found = [each for path in MANIFESTS for each in documents(path) if each["kind"] == kind]
    return next(each for each in found if each["metadata"]["name"] == name)


def default_of(text: str) -> str:
    """What compose puts in place of `${NAME:-default}`."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def milliseconds(duration: str | int) -> int:
    return parse_duration(duration, "here")


def named_in_env_example() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_hadolint_finds_nothing() -> None:
    # Given the Dockerfile, When hadolint reads it, Then it has nothing to say, not even a hint
    judged = run(program("hadolint"), "--no-fail", str(DEPLOY / "Dockerfile"))
    assert judged.returncode == 0, judged.stderr
    assert judged.stdout == ""


def test_the_compose_file_is_of_the_published_schema() -> None:
    # Given the compose file, When it is held to the schema of the compose specification, Then it is valid
    judged = run(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))
    assert judged.returncode == 0, judged.stdout + judged.stderr


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_of_kubernetes_own_schemas(path: Path) -> None:
    # Given a manifest, When each of its documents is held to the strict schema of its kind, Then it is valid
    for document in documents(path):
        if document["kind"] not in ("Kustomization", "ScaledObject"):  # no schemas of Kubernetes itself
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_everything_in_the_folder_is_applied_but_the_example_of_a_secret() -> None:
    applied = set(documents(DEPLOY / "kubernetes" / "kustomization.yaml")[0]["resources"])
    there = {path.name for path in MANIFESTS} - {"kustomization.yaml", "secret.example.yaml"}
    assert applied == there


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on PATH")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    # Given a unit whose program and folders are where this machine has them
    text = unit.read_text().replace("/opt/abaca/bin/abaca", program("abaca"))
    (tmp_path / unit.name).write_text(text)
    # When systemd reads it, Then it has nothing to say
    judged = run("systemd-analyze", "verify", "--recursive-errors=no", str(tmp_path / unit.name))
    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")


def test_a_drain_ends_before_the_kill() -> None:
    # Given the three ways to deploy, Then each leaves a worker more time than its drain takes
    worker = compose()["services"]["worker"]
    drain = milliseconds(default_of(worker["environment"]["ABACA_WORKER_DRAIN"]))
    assert milliseconds(default_of(worker["stop_grace_period"])) >= drain + LEFT_FOR_THE_KILL

    pod = of_kind("Deployment", "worker")["spec"]["template"]["spec"]
    config = of_kind("ConfigMap", "abaca")["data"]
    drain = milliseconds(config["ABACA_WORKER_DRAIN"])
    assert milliseconds(pod["terminationGracePeriodSeconds"]) >= drain + LEFT_FOR_THE_KILL

    unit = (DEPLOY / "systemd" / "abaca-worker.service").read_text()
    environment = (DEPLOY / "systemd" / "abaca.env").read_text()
    drain = milliseconds(re.findall(r"ABACA_WORKER_DRAIN=(\S+)", environment)[0])
    assert milliseconds(int(re.findall(r"TimeoutStopSec=(\d+)", unit)[0])) >= drain + LEFT_FOR_THE_KILL
    assert "KillMode=mixed" in unit  # the supervisor alone gets SIGTERM


def test_redis_keeps_what_it_was_given_and_the_rest_waits_for_it() -> None:
    services, whole = compose()["services"], compose()
    redis = services["redis"]
    # Then it is Redis 7 with an append-only file on a volume of its own, which evicts nothing
    assert redis["image"] == "redis:7-alpine"
    assert redis["volumes"] == ["redis-data:/data"]
    assert "redis-data" in whole["volumes"]
    settings = whole["configs"]["redis"]["content"]
    for line in ("appendonly yes", "dir /data", "maxmemory-policy noeviction"):
        assert line in settings
        if not line.startswith("dir"):
            assert line in of_kind("ConfigMap", "redis")["data"]["redis.conf"]
    # Then it is asked whether it is well, and the service and the workers start when it is
    assert "redis-cli ping" in " ".join(redis["healthcheck"]["test"])
    for name in ("api", "worker"):
        assert services[name]["depends_on"] == {"redis": {"condition": "service_healthy"}}


def test_redis_has_a_password_and_nothing_outside_reaches_it() -> None:
    whole = compose()
    redis = whole["services"]["redis"]
    # Then without a password nothing starts, and none is written anywhere
    assert "requirepass ${REDIS_PASSWORD:?" in whole["configs"]["redis"]["content"]
    assert named_in_env_example()["REDIS_PASSWORD"] == ""
    # Then it has no port outside, and its network leads nowhere
    assert "ports" not in redis
    assert redis["networks"] == ["store"]
    assert whole["networks"]["store"] == {"internal": True}
    policy = of_kind("NetworkPolicy", "redis")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy


def test_containers_run_as_nobody_who_may_do_anything() -> None:
    assert "\nUSER 10001\n" in (DEPLOY / "Dockerfile").read_text()
    for name in ("api", "worker"):
        assert compose()["services"][name]["read_only"]
        pod = of_kind("Deployment", name)["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["enableServiceLinks"] is False  # their variables would be unknown settings
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


def test_the_example_of_the_environment_has_every_name_and_no_other() -> None:
    used = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert used == set(named_in_env_example())


def test_every_setting_is_one_that_abaca_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the settings of all ways to deploy
    settings = {name: value for name, value in named_in_env_example().items() if name.startswith("ABACA_")}
    settings |= of_kind("ConfigMap", "abaca")["data"]
    lines = (DEPLOY / "systemd" / "abaca.env").read_text().splitlines()
    settings |= dict(line.split("=", 1) for line in lines if line.startswith("ABACA_"))
    settings |= {"ABACA_LOG_FORMAT": "json"}
    # When Abaca reads them, Then it knows each and can use its value
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    loaded = load_settings()
    assert loaded.worker.drain in (30.0, 45.0)


def commands() -> dict[str, list[list[str]]]:
    """The command lines of `abaca` in the files of deploy/, by file."""
    services = compose()["services"]
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    return {
        "compose": [services[name]["command"] for name in ("api", "worker")],
        "kubernetes": [
            of_kind("Deployment", name)["spec"]["template"]["spec"]["containers"][0]["args"]
            for name in ("api", "worker")
        ],
        "systemd": [re.findall(r"^ExecStart=\S+ (.*)$", unit.read_text(), re.M)[0].split() for unit in UNITS],
        "Dockerfile": [yaml.safe_load(re.findall(r"^CMD (\[.*\])$", dockerfile, re.M)[0])],
    }


@pytest.mark.parametrize("where", sorted(commands()))
def test_every_command_and_flag_is_there(where: str) -> None:
    for command, *words in commands()[where]:
        # Given a command line, Then there is such a command, and its help names each flag
        assert command in COMMANDS
        told = run(sys.executable, "-m", "abaca", command, "--help").stdout
        for flag in (word.split("=")[0] for word in words if word.startswith("--")):
            assert re.search(rf"{flag}\b", told), f"{where}: abaca {command} has no {flag}"


def test_scaling_asks_for_the_age_of_the_queues_that_are_served() -> None:
    # Given what KEDA scales, Then it is the workers, by the oldest job of just their queues
    scaled = of_kind("ScaledObject", "worker")["spec"]
    assert scaled["scaleTargetRef"] == {"name": "worker"}
    (trigger,) = scaled["triggers"]
    assert (trigger["type"], trigger["metricType"]) == ("prometheus", "Value")
    args = of_kind("Deployment", "worker")["spec"]["template"]["spec"]["containers"][0]["args"]
    queues = next(word for word in args if word.startswith("--queues=")).removeprefix("--queues=")
    metric = "abaca_queue_age_seconds"
    assert f'{metric}{{queue=~"{queues.replace(",", "|")}"}}' in trigger["metadata"]["query"]
    assert f'"{metric}"' in (ROOT / "src" / "abaca" / "observe" / "exposition.py").read_text()
    assert all(isinstance(value, str) for value in trigger["metadata"].values())  # KEDA takes texts only
    (scraped,) = yaml.safe_load((DEPLOY / "prometheus" / "scrape.yml").read_text())["scrape_configs"]
    service = of_kind("Service", "api")  # by its one address: each process of it answers the same
    address = (
        f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc:{service['spec']['ports'][0]['port']}"
    )
    assert scraped["static_configs"] == [{"targets": [address]}]
    assert "replicas" not in of_kind("Deployment", "worker")["spec"]  # applying it anew would undo the scaling
