"""Who may call: keys, scopes, owners, loopback, rates."""

from __future__ import annotations

from abaca.app import App
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.http import HttpSettings
from abaca.http.callers import FAILURES
from abaca.http.loopback import not_loopback
from abaca.http.rates import Rates
from abaca.http.routes import ENDPOINTS
from abaca.http.sessions import COOKIE, begin_session, session_caller
from abaca.keys import API_KEY, all_keys, create_key, revoke_key
from tests.http.harness import serving

OPEN_TO_ALL = {"/live", "/ready", "/health", "/version", "/openapi.json", "/docs"}


async def test_a_key_is_kept_as_a_digest_and_works_until_it_is_revoked() -> None:
    async with serving() as api:
        # Given
        key, text = await create_key(api.app.client(), "ci", scopes=["jobs:read"])
        (record,) = await api.app.records.scan(API_KEY)
        headers = {"Authorization": f"Bearer {text}"}
        # When
        before = await api.get("/jobs/" + "0" * 32, headers=headers)
        await revoke_key(api.app.client(), key.id)
        api.forget_callers()
        after = await api.get("/jobs/" + "0" * 32, headers=headers)
        # Then
        assert record.data is not None
        assert text.rpartition("_")[2] not in record.data.decode()
        assert before.status_code == 404
        assert after.status_code == 401
        assert after.headers["www-authenticate"] == "Bearer"
        assert await all_keys(api.app.client()) == []


async def test_another_owners_job_is_as_unknown_as_none() -> None:
    async with serving() as api:
        # Given
        _, mine = await create_key(api.app.client(), "ada")
        _, admin = await create_key(api.app.client(), "root", scopes=["admin"])
        own = await api.app.enqueue_by_name("t", pool="async", owner="ada")
        other = await api.app.enqueue_by_name("t", pool="async", owner="bob")
        # When
        answers = {
            name: (await api.get(f"/jobs/{id}", headers={"Authorization": f"Bearer {key}"})).status_code
            for name, id, key in (("own", own.id, mine), ("other", other.id, mine), ("admin", other.id, admin))
        }
        # Then
        assert answers == {"own": 200, "other": 404, "admin": 200}


async def test_no_route_answers_without_a_key_but_those_that_are_open() -> None:
    async with serving(settings=HttpSettings(auth=True)) as api:
        for endpoint in ENDPOINTS:
            # When
            path = endpoint.path.replace("{", "").replace("}", "")
            whole = path if endpoint.root else f"/api/v1{path}"
            answer = await api.client.request(endpoint.method, whole)
            # Then
            assert (answer.status_code == 401) is (path not in OPEN_TO_ALL), f"{endpoint.method} {path}"
            assert answer.status_code == 401 or answer.status_code < 400


async def test_a_missing_scope_is_named() -> None:
    async with serving() as api:
        # Given
        _, text = await create_key(api.app.client(), "w", scopes=["worker"])
        # When
        answer = await api.get("/jobs/x", headers={"Authorization": f"Bearer {text}"})
        # Then
        assert answer.status_code == 403
        assert answer.json()["error"]["details"] == {"scope": "jobs:read"}


CALLERS: list[tuple[str, dict[str, str], bool]] = [
    ("127.0.0.1", {}, True),
    ("::1", {"Host": "[::1]:8000"}, True),
    ("127.0.0.1", {"Host": "localhost"}, True),
    ("127.0.0.1", {"Host": "localhost:1", "Origin": "http://localhost:1"}, True),
    ("192.0.2.7", {}, False),
    ("127.0.0.1", {"Host": "rebound.example"}, False),
    ("127.0.0.1", {"Host": "127.0.0.1.example"}, False),
    ("127.0.0.1", {"Origin": "https://page.example"}, False),
    ("127.0.0.1", {"Origin": "null"}, False),
    ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, False),
]


def test_without_keys_only_this_machine_is_answered() -> None:
    for peer, given, here in CALLERS:
        # Given
        headers = {"Host": "127.0.0.1:8000", **given}
        raw = {name.lower().encode(): value.encode() for name, value in headers.items()}
        # When
        why = not_loopback({"client": (peer, 4000)}, raw)
        # Then
        assert (why is None) is here, (peer, given, why)


async def test_a_caller_from_elsewhere_is_told_how_to_get_a_key() -> None:
    async with serving(peer="192.0.2.7") as api:
        # When
        answer = await api.get("/jobs")
        # Then
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
        assert "abaca keys create" in answer.json()["error"]["message"]


async def test_the_first_key_closes_the_service_for_everybody_else() -> None:
    async with serving() as api:
        # Given
        await create_key(api.app.client(), "ci")
        # When
        answer = await api.get("/jobs/x")
        # Then
        assert answer.status_code == 401


async def test_a_key_may_call_as_often_as_its_rate_says() -> None:
    async with serving() as api:
        # Given
        _, text = await create_key(api.app.client(), "slow", rate=3)
        headers = {"Authorization": f"Bearer {text}"}
        # When
        answers = [await api.get("/jobs/x", headers=headers) for _ in range(5)]
        # Then
        assert [answer.status_code for answer in answers[:3]] == [404, 404, 404]
        assert [answer.headers["ratelimit-remaining"] for answer in answers[:3]] == ["2", "1", "0"]
        assert answers[4].status_code == 429
        assert answers[4].json()["error"]["code"] == "rate_limited"
        assert 1 <= int(answers[4].headers["retry-after"]) <= 60


async def test_wrong_keys_of_one_address_end_in_429_and_right_ones_go_on() -> None:
    async with serving() as api:
        # Given
        _, right = await create_key(api.app.client(), "ci")
        # When
        wrong = [
            (await api.get("/jobs/x", headers={"Authorization": f"Bearer {number}"})).status_code
            for number in range(FAILURES + 5)
        ]
        answer = await api.get("/jobs/x", headers={"Authorization": f"Bearer {right}"})
        # Then
        assert set(wrong[:FAILURES]) == {401}
        assert wrong[-1] == 429
        assert answer.status_code == 404


async def test_a_key_without_a_rate_has_that_of_the_service() -> None:
    # Given a service with a rate, a key without one and a key with its own
    async with serving(settings=HttpSettings(rate=2)) as api:
        _, plain = await create_key(api.app.client(), "plain")
        _, own = await create_key(api.app.client(), "own", rate=5)
        # When each calls three times
        left = [
            [
                (await api.get("/stats", headers={"Authorization": f"Bearer {key}"})).headers["ratelimit-limit"]
                for _ in range(3)
            ]
            for key in (plain, own)
        ]
        last = await api.get("/stats", headers={"Authorization": f"Bearer {plain}"})
    # Then each has its own limit
    assert left == [["2"] * 3, ["5"] * 3]
    assert last.status_code == 429


async def test_services_share_a_rate_and_write_it_once_for_many_requests() -> None:
    # Given
    clock = ManualClock()
    app = App(backend=MemoryBackend(clock))
    client = app.client()
    services = [Rates(lambda: clock.now() / 1e6) for _ in range(2)]
    # When
    passed = sum([(await services[number % 2].take(client, "k", 100)).allowed for number in range(150)])
    clock.advance(30)
    later = sum([(await services[number % 2].take(client, "k", 100)).allowed for number in range(150)])
    (record,) = await app.records.read("rate", ["k"])
    # Then
    assert passed == 100
    assert later == 50
    assert record is not None
    assert record.version <= 40
    await app.close()


async def test_a_session_has_the_scopes_of_its_key_and_needs_its_token_to_post() -> None:
    async with serving() as api:
        # Given
        key, text = await create_key(api.app.client(), "ada", scopes=["jobs:read", "jobs:write"])
        client = api.app.client()
        token = await begin_session(client, api.caller(key))
        caller = await session_caller(client, token)
        cookie = {"Cookie": f"{COOKIE}={token}"}
        # When
        assert caller is not None
        assert caller.csrf is not None
        read = await api.get("/jobs/x", headers=cookie)
        without = await api.post("/nothing", headers=cookie)
        given = await api.post("/nothing", headers={**cookie, "X-CSRF-Token": caller.csrf})
        await revoke_key(client, key.id)
        # Then
        assert read.status_code == 404
        assert without.status_code == 403
        assert given.status_code == 404
        assert await session_caller(client, token) is None
        assert text.startswith("abaca_")


async def test_bodies_are_bounded_and_answers_carry_their_headers() -> None:
    async with serving(settings=HttpSettings(max_body=100)) as api:
        # When
        answer = await api.get("/jobs/x", headers={"X-Request-Id": "bad id\x7f"})
        # Then
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert len(answer.headers["x-request-id"]) == 32
