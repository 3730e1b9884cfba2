"""Whose tokens count: each one here is signed, or not, as somebody would who wants to be somebody else."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from keycloak_license.model.session import LoginAttempt, LoginClient
from keycloak_license.web.oidc import (
    KEYS_AGAIN_SECONDS,
    KEYS_SECONDS,
    Bearer,
    LoggedOut,
    LoginRefusedError,
    Provider,
)
from tests.unit.services.world import NOON
from tests.unit.web.provider import CLIENT, LOGOUT_EVENT, FakeProvider, make_key

CALLBACK = "http://screen/realms/acme/callback"
SECRETS = LoginClient(CLIENT, "s3cret")
ATTEMPT = LoginAttempt("key", "acme", "the state", "the nonce", "v" * 64, "/realms/acme", NOON)
BACK = {"state": "the state", "code": "a code"}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def thief() -> RSAKey:
    """Somebody else's key, under the name of the realm's."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def provider(fake: FakeProvider, clock: list[float]) -> Provider:
    return Provider(fake.url, "acme", verify_tls=True, timeout_seconds=10, clock=lambda: clock[0])


def ours() -> str:
    return CLIENT


def encoded(data: bytes | dict[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes = b"") -> str:
    """A token without the library; with a secret, its HMAC."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), hashlib.sha256)) if secret else ''}"


def forgeries(fake: FakeProvider, thief: RSAKey, claims: dict[str, Any], typ: str) -> list[str]:
    """The same claims, as everybody signs them who is not the realm."""
    key = fake.keys[0]
    whole = fake.sign(claims, typ=typ)
    head, payload, signature = whole.split(".")
    more = encoded(claims | {"sub": "user-boss"})
    named = {"kid": key.kid, "typ": typ}
    brought = {"alg": "RS256", **named, "jwk": thief.as_dict(private=False)}
    stranger = make_key("stranger")
    return [
        *(by_hand({"alg": alg, **named}, claims) for alg in ("none", "None", "RS256", "HS256")),
        by_hand({"alg": "HS256", **named}, claims, key.as_pem(private=False)),
        by_hand({"alg": "HS256", **named}, claims, json.dumps(key.as_dict(private=False)).encode()),
        fake.sign(claims, thief, typ=typ),
        fake.sign(claims, stranger, typ=typ),
        fake.sign(claims, stranger, typ=typ, kid=None),
        f"{encoded(brought)}.{payload}.{fake.sign(claims, thief, typ=typ).split('.')[2]}",
        f"{head}.{more}.{signature}",
        f"{head}.{payload}.{signature[:-8]}",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        whole + ".",
        "",
    ]


def test_a_bearer_token_is_whom_it_stands_for(provider: Provider, fake: FakeProvider) -> None:
    assert provider.read_bearer(fake.sign(fake.bearer())) == Bearer("user-marta", "portal", "sid-marta")
    light = fake.sign(fake.bearer(sub=None))
    assert provider.read_bearer(light) == Bearer(None, "portal", "sid-marta")


def test_a_forged_bearer_token_is_refused(provider: Provider, fake: FakeProvider, thief: RSAKey) -> None:
    for token in forgeries(fake, thief, fake.bearer(), "JWT"):
        with pytest.raises(LoginRefusedError):
            provider.read_bearer(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"typ": "Offline"},
        {"typ": "Logout"},
        {"typ": "DPoP"},
        {"typ": None},
        {"typ": ["Bearer"]},
        {"iss": "http://elsewhere/realms/acme"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"nbf": 9_999_999_999},
        {"cnf": {"jkt": "a key that only its owner has"}},
    ],
    ids=str,
)
def test_what_is_no_bearer_token_is_refused(
    provider: Provider, fake: FakeProvider, changes: dict[str, Any]
) -> None:
    with pytest.raises(LoginRefusedError):
        provider.read_bearer(fake.sign(fake.bearer(**changes)))


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
HEADERS = ODD | st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c", "zip"]), ODD | st.just("RS256")
)


@given(header=HEADERS, payload=ODD, signature=st.binary(max_size=20), text=st.text(max_size=40))
def test_garbage_is_refused_and_nothing_else(
    fake: FakeProvider, header: object, payload: object, signature: bytes, text: str
) -> None:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    reader = Provider(fake.url, "acme", verify_tls=True, timeout_seconds=10)
    for token in (".".join(map(encoded, parts)), text, f"{text}.{text}.{text}"):
        with pytest.raises(LoginRefusedError):
            reader.read_bearer(token)


@pytest.mark.parametrize("crit", [[1], ["b64"], [None], "b64", {}], ids=str)
def test_a_critical_header_that_nobody_knows_is_refused(
    provider: Provider, fake: FakeProvider, crit: object
) -> None:
    with pytest.raises(LoginRefusedError):
        provider.read_bearer(by_hand({"alg": "RS256", "kid": "first", "crit": crit}, fake.bearer()))


def test_a_logout_token_says_what_ends(provider: Provider, fake: FakeProvider) -> None:
    def read(**changes: Any) -> LoggedOut:
        return provider.read_logout(fake.sign(fake.logout(**changes), typ="logout+jwt"), ours)

    assert read() == LoggedOut("sid-marta", "user-marta")
    assert read(sid=None) == LoggedOut(None, "user-marta")
    assert read(aud=["other", CLIENT]) == LoggedOut("sid-marta", "user-marta")


def test_a_forged_logout_token_is_refused(provider: Provider, fake: FakeProvider, thief: RSAKey) -> None:
    def fail() -> str:
        raise AssertionError("Keycloak was asked because of a token that is not its own")

    for token in forgeries(fake, thief, fake.logout(), "logout+jwt"):
        with pytest.raises(LoginRefusedError):
            provider.read_logout(token, fail)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://elsewhere/realms/acme"},
        {"aud": "portal"},
        {"aud": None},
        {"nonce": "n"},
        {"events": None},
        {"events": {}},
        {"events": [LOGOUT_EVENT]},
        {"events": LOGOUT_EVENT},
        {"jti": None},
        {"iat": None},
        {"exp": 1},
        {"exp": None},
        {"iat": 1_000_000_000, "exp": 9_999_999_999},
        {"sid": None, "sub": None},
        {"sid": "", "sub": ""},
    ],
    ids=str,
)
def test_what_is_no_logout_token_for_the_screen_is_refused(
    provider: Provider, fake: FakeProvider, changes: dict[str, Any]
) -> None:
    with pytest.raises(LoginRefusedError):
        provider.read_logout(fake.sign(fake.logout(**changes), typ="logout+jwt"), ours)


def test_a_logout_token_does_not_live_longer_than_it_may_whatever_it_says(
    provider: Provider, fake: FakeProvider
) -> None:
    claims = fake.logout(iat=int(time.time()) - 200, exp=9_999_999_999)
    with pytest.raises(LoginRefusedError):
        provider.read_logout(fake.sign(claims, typ="logout+jwt"), ours)


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt"])
def test_a_token_of_another_kind_ends_nothing(
    provider: Provider, fake: FakeProvider, typ: str | None
) -> None:
    for claims in (fake.logout(), fake.id_claims(), fake.bearer()):
        with pytest.raises(LoginRefusedError):
            provider.read_logout(fake.sign(claims, typ=typ), ours)


def test_a_login_is_who_keycloak_says(provider: Provider, fake: FakeProvider) -> None:
    fake.id_token = fake.sign(fake.id_claims())
    found = provider.complete_login(SECRETS, ATTEMPT, CALLBACK, BACK)
    assert (found.user_id, found.username, found.sid) == ("user-marta", "marta", "sid-marta")


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "of another login"},
        {"nonce": None},
        {"iss": "http://elsewhere/realms/acme"},
        {"aud": "portal"},
        {"aud": ["portal", CLIENT], "azp": "portal"},
        {"azp": "portal"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sid": None},
        {"typ": "Bearer"},
        {"typ": "Logout"},
        {"typ": None},
    ],
    ids=str,
)
def test_an_id_token_of_another_login_is_refused(
    provider: Provider, fake: FakeProvider, changes: dict[str, Any]
) -> None:
    fake.id_token = fake.sign(fake.id_claims(**changes))
    with pytest.raises(LoginRefusedError):
        provider.complete_login(SECRETS, ATTEMPT, CALLBACK, BACK)


def test_a_forged_id_token_is_refused(provider: Provider, fake: FakeProvider, thief: RSAKey) -> None:
    for token in forgeries(fake, thief, fake.id_claims(), "JWT"):
        fake.id_token = token
        with pytest.raises(LoginRefusedError):
            provider.complete_login(SECRETS, ATTEMPT, CALLBACK, BACK)


@pytest.mark.parametrize(
    "answer",
    [
        {"code": "a code"},
        {"code": "a code", "state": ""},
        {"code": "a code", "state": "the stat"},
        {"code": "a code", "state": "stát"},
        {"state": "the state"},
        {"state": "the state", "error": "access_denied"},
        BACK | {"iss": "http://elsewhere/realms/acme"},
    ],
    ids=str,
)
def test_an_answer_to_another_login_is_not_even_redeemed(
    provider: Provider, fake: FakeProvider, answer: dict[str, str]
) -> None:
    fake.asked.clear()
    with pytest.raises(LoginRefusedError):
        provider.complete_login(SECRETS, ATTEMPT, CALLBACK, answer)
    assert [path for path in fake.asked if path.endswith("/token")] == []


def test_a_login_asks_for_a_code_by_pkce_with_state_and_nonce(provider: Provider) -> None:
    query = parse_qs(urlsplit(provider.login_url(SECRETS, ATTEMPT, CALLBACK)).query)
    challenge = encoded(hashlib.sha256(ATTEMPT.verifier.encode()).digest())
    assert query == {
        "response_type": ["code"],
        "client_id": [CLIENT],
        "redirect_uri": [CALLBACK],
        "scope": ["openid"],
        "state": ["the state"],
        "nonce": ["the nonce"],
        "code_challenge": [challenge],
        "code_challenge_method": ["S256"],
    }


def test_made_up_keys_do_not_make_us_ask_keycloak_each_time(
    provider: Provider, fake: FakeProvider, clock: list[float]
) -> None:
    fake.asked.clear()
    for number in range(20):
        with pytest.raises(LoginRefusedError):
            provider.read_bearer(by_hand({"alg": "RS256", "kid": f"made up {number}"}, {}))
    assert len(fake.asked) <= 3
    clock[0] += KEYS_AGAIN_SECONDS
    with pytest.raises(LoginRefusedError):
        provider.read_bearer(by_hand({"alg": "RS256", "kid": "made up"}, {}))
    assert len(fake.asked) <= 4


def test_a_new_key_counts_at_once_and_one_taken_back_not_for_long(clock: list[float]) -> None:
    with FakeProvider() as fake:
        provider = Provider(fake.url, "acme", verify_tls=True, timeout_seconds=10, clock=lambda: clock[0])
        stolen = fake.sign(fake.bearer())
        provider.read_bearer(stolen)
        old, new = fake.keys[0], make_key("second")
        fake.keys[:] = [new, old]
        clock[0] += KEYS_AGAIN_SECONDS
        provider.read_bearer(fake.sign(fake.bearer(), new))

        fake.keys[:] = [new]
        clock[0] += KEYS_SECONDS
        with pytest.raises(LoginRefusedError):
            provider.read_bearer(stolen)
