"""Who does too much has to wait, and cannot pass for somebody else."""

import pytest

from tests.unit.web.booth import HOME, Answer, Booth, open_booth

LOGIN = f"{HOME}/login"
API = "/api/v1/realms/acme/license"


def expect_wait(answer: Answer) -> None:
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 61


def until_refused(booth: Booth, most: int, *how: object, **more: object) -> Answer:
    """Do something as often as it may be done, and once more."""
    for _ in range(most):
        assert booth.send(*how, **more).status != 429  # type: ignore[arg-type]
    answer = booth.send(*how, **more)  # type: ignore[arg-type]
    expect_wait(answer)
    return answer


def test_logins_from_one_address_have_a_limit(booth: Booth) -> None:
    until_refused(booth, 30, "GET", LOGIN)
    expect_wait(booth.send("GET", f"{HOME}/callback?code=x&state=y"))
    assert len(booth.world.ledger.sessions._attempts) == 30
    # Who is in already stays in.
    assert booth.send("GET", HOME, booth.sit()).status == 200


def test_guessed_answers_of_keycloak_count_as_logins(booth: Booth) -> None:
    until_refused(booth, 30, "GET", f"{HOME}/callback?code=x&state=y")
    expect_wait(booth.send("GET", LOGIN))


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP"])
def test_nobody_passes_for_another_address(booth: Booth, header: str) -> None:
    for number in range(30):
        booth.send("GET", LOGIN, headers={header: f"203.0.113.{number}"})
    expect_wait(booth.send("GET", LOGIN, headers={header: "198.51.100.1"}))


def test_a_proxy_that_is_trusted_is_believed_and_what_came_to_it_is_not() -> None:
    with open_booth(trusted_proxies=["127.0.0.1"]) as booth:
        for number in range(30):
            forged = f"198.51.100.{number}, 203.0.113.1"
            assert booth.send("GET", LOGIN, headers={"X-Forwarded-For": forged}).status == 303
        expect_wait(booth.send("GET", LOGIN, headers={"X-Forwarded-For": "203.0.113.1"}))
        assert booth.send("GET", LOGIN, headers={"X-Forwarded-For": "203.0.113.2"}).status == 303


@pytest.mark.parametrize(
    ("path", "most"),
    [
        (f"{HOME}/import", 20),
        (f"{HOME}/import/confirm", 15),
        (f"{HOME}/sync", 15),
        (f"{HOME}/held/confirm", 15),
        (f"{HOME}/settings", 15),
    ],
)
def test_what_somebody_does_has_a_limit_by_person(booth: Booth, path: str, most: int) -> None:
    booth.directory.managers.add("user-otto")
    tokens = [booth.sit("marta"), booth.sit("marta")]
    fields = {"csrf_token": booth.csrf(tokens[0])}
    until_refused(booth, most, "POST", path, tokens[0], fields)
    # A second browser is still the same person.
    expect_wait(booth.send("POST", path, tokens[1], {"csrf_token": booth.csrf(tokens[1])}))
    other = booth.sit("otto")
    assert booth.send("POST", path, other, {"csrf_token": booth.csrf(other)}).status != 429


def test_a_program_has_the_same_limit(booth: Booth) -> None:
    bearer = {"Authorization": f"Bearer {booth.provider.sign(booth.provider.bearer())}"}
    answer = until_refused(booth, 20, "POST", API, "", b"no licence", bearer)
    assert answer.headers["Content-Type"] == "application/json"
    token = booth.sit()
    expect_wait(booth.send("POST", f"{HOME}/import", token, {"csrf_token": booth.csrf(token)}))


def test_a_form_that_is_forged_uses_nobodys_limit_up(booth: Booth) -> None:
    token = booth.sit()
    for _ in range(20):
        assert booth.send("POST", f"{HOME}/sync", token, {"csrf_token": "guess"}).status == 403
    assert booth.send("POST", f"{HOME}/sync", token, {"csrf_token": booth.csrf(token)}).status == 303


def test_forged_logouts_have_a_limit_and_keep_no_genuine_one_from_being_heard(booth: Booth) -> None:
    path, token = f"{HOME}/backchannel-logout", booth.sit()
    booth.directory.is_down = True
    until_refused(booth, 600, "POST", path, body={"logout_token": "x"})
    booth.directory.is_down = False
    genuine = booth.provider.sign(booth.provider.logout(), typ="logout+jwt")
    assert booth.send("POST", path, body={"logout_token": genuine}).status == 200
    assert booth.send("GET", HOME, token).status == 303
