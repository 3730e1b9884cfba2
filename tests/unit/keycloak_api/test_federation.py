"""Whether a user storage provider can be counted on."""

import pytest

from keycloak_license.errors import AuthenticationError, MissingRightError, UnreachableError
from keycloak_license.keycloak_api.federation import Silence, find_silence, list_providers
from tests.unit.keycloak_api.fake import Answer, FakeServer, connect, cut_while_reading, html, reply

CONFIG = {
    "enabled": ["true"],
    "connectionUrl": ["ldaps://ldap.example"],
    "startTls": ["false"],
    "connectionTimeout": ["5000"],
    "bindDn": ["cn=reader,dc=example"],
    "bindCredential": ["**********"],
    "usersDn": ["ou=people"],
}

NOBODY = "users/f:id-corp:keycloak-license-asks-for-nobody"


def provider(kind: str = "ldap", name: str = "corp", **config: list[str]) -> dict[str, object]:
    return {"id": f"id-{name}", "name": name, "providerId": kind, "config": CONFIG | config}


def silent(server: FakeServer, *answers: Answer, listed: object = None) -> Silence:
    server.on("GET", "components", reply([listed or provider()]))
    server.on("POST", "testLDAPConnection", *answers)
    server.on_list("users", [])
    return find()


def find() -> Silence:
    client = connect()
    return find_silence(client, list_providers(client))


def test_only_user_storage_is_asked_for(server: FakeServer) -> None:
    server.on_list("components", [])

    assert list_providers(connect()) == []
    assert server.asks[0].query == {"type": "org.keycloak.storage.UserStorageProvider"}


def test_a_provider_that_answers_is_not_silent(server: FakeServer) -> None:
    assert silent(server, reply(status=204)) == Silence()


def test_the_test_uses_the_providers_own_address(server: FakeServer) -> None:
    silent(server, reply(status=204))

    [asked] = server.asked("testLDAPConnection", "POST")
    body = asked.body
    assert (body["action"], body["componentId"], body["bindDn"]) == (
        "testAuthentication",
        "id-corp",
        "cn=reader,dc=example",
    )
    assert body["connectionUrl"] == "ldaps://ldap.example"
    assert (body["startTls"], body["connectionTimeout"]) == ("false", "5000")


def test_a_provider_that_refuses_our_login_is_silent(server: FakeServer) -> None:
    # Measured on 26.7.3 with slapd: after a changed bind password the connection test passes (204), the
    # authentication test fails (400), and Keycloak lists no members with status 200.
    server.on("GET", "components", reply([provider()]))
    server.on(
        "POST",
        "testLDAPConnection",
        lambda ask: reply(status=204 if ask.body["action"] == "testConnection" else 400),
    )
    silence = find()

    assert silence.gaps == ("user storage provider corp does not answer, or refuses Keycloak's login",)
    assert silence.providers == {}


@pytest.mark.parametrize(
    ("trouble", "times"), [(reply({"errorMessage": "NamingError"}, 400), 1), (reply({}, 500), 4)]
)
def test_a_provider_that_does_not_answer_is_silent_and_a_refusal_is_not_repeated(
    server: FakeServer, trouble: Answer, times: int
) -> None:
    silence = silent(server, trouble)
    assert silence.gaps == ("user storage provider corp does not answer, or refuses Keycloak's login",)
    assert silence.providers == {}
    assert len(server.asked("testLDAPConnection", "POST")) == times


def test_a_keycloak_that_goes_away_meanwhile_is_no_word_about_the_provider(server: FakeServer) -> None:
    with pytest.raises(UnreachableError):
        silent(server, cut_while_reading())


def test_a_login_page_in_the_place_of_the_test_does_not_count_as_an_answer(server: FakeServer) -> None:
    assert len(silent(server, html()).gaps) == 1


def test_a_provider_that_logs_in_but_cannot_be_searched_is_silent(server: FakeServer) -> None:
    # Measured on 26.4.7 and 26.7.3: with its users DN gone the login test passes, and only who asks for one
    # user by id is told, by 500 instead of 404.
    server.on("GET", "components", reply([provider()]))
    server.on("POST", "testLDAPConnection", reply(status=204))
    server.on("GET", NOBODY, reply({}, 500))

    assert find().gaps == ("user storage provider corp cannot be searched: check its users DN",)


def test_a_disabled_provider_is_silent_about_its_own_users_without_a_test(server: FakeServer) -> None:
    assert silent(server, reply(status=204), listed=provider(enabled=["false"])) == Silence(
        {"id-corp": "user storage provider corp is disabled"}
    )
    assert server.writes() == []


def test_a_provider_of_an_unknown_kind_is_silent_about_its_own_users_without_a_test(
    server: FakeServer,
) -> None:
    assert silent(server, reply(status=204), listed=provider("scim")) == Silence(
        {"id-corp": "user storage provider corp is of kind scim, which cannot be tested"}
    )
    assert server.writes() == []


def test_without_the_right_to_test_a_provider_is_silent_and_the_right_is_named(server: FakeServer) -> None:
    assert silent(server, reply({}, 403)) == Silence(
        {"id-corp": "user storage provider corp cannot be tested without the right manage-realm"}
    )


def test_without_the_right_to_see_providers_the_right_is_named(server: FakeServer) -> None:
    server.on("GET", "components", reply({}, 403))

    with pytest.raises(MissingRightError, match="the role view-realm"):
        list_providers(connect())


def test_a_token_that_is_no_longer_accepted_is_not_the_providers_fault(server: FakeServer) -> None:
    with pytest.raises(AuthenticationError):
        silent(server, reply({}, 401))


def test_a_provider_without_any_configuration_is_tested_all_the_same(server: FakeServer) -> None:
    silence = silent(server, reply({}, 400), listed={"id": "p1", "name": "corp", "providerId": "ldap"})
    assert silence.gaps == ("user storage provider corp does not answer, or refuses Keycloak's login",)


def test_each_provider_is_told_by_itself_and_only_those_that_answer_are_searched(server: FakeServer) -> None:
    listed = [provider(name="off", enabled=["false"]), provider(name="down"), provider("scim", "wiki")]
    server.on("GET", "components", reply(listed))
    server.on("POST", "testLDAPConnection", reply({}, 400))

    silence = find()
    assert silence.providers.keys() == {"id-off", "id-wiki"}
    assert silence.gaps == ("user storage provider down does not answer, or refuses Keycloak's login",)
    assert [each.body["componentId"] for each in server.asked("testLDAPConnection", "POST")] == ["id-down"]
    assert not any("asks-for-nobody" in ask.path for ask in server.asks)


def test_one_that_answers_beside_one_that_is_switched_off_is_searched_all_the_same(
    server: FakeServer,
) -> None:
    server.on("GET", "components", reply([provider(name="off", enabled=["false"]), provider()]))
    server.on("POST", "testLDAPConnection", reply(status=204))
    server.on("GET", NOBODY, reply({}, 500))

    silence = find()
    assert silence.providers.keys() == {"id-off"}
    assert silence.gaps == ("user storage provider corp cannot be searched: check its users DN",)
