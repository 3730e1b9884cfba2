from datetime import date
from typing import Any

import pytest

from keycloak_license.license_file.payload import PayloadError, UnknownFormatError, read_payload
from keycloak_license.license_file.strict_json import parse_object
from keycloak_license.model.license import DEFAULT_EXEMPT_USERS, Activation, License, LicenseType
from tests.unit.license_file.forge import GOOD_CONTENT, content, content_without


def test_every_member_reaches_the_license() -> None:
    assert read_payload(GOOD_CONTENT).to_license("k", "a.b.c") == License(
        number="4711",
        issue=2,
        type=LicenseType.COMMERCIAL,
        customer="Přístav Ústí, s.r.o.",
        issued_on=date(2026, 1, 31),
        starts_on=date(2026, 2, 1),
        expires_on=date(2027, 1, 31),
        scope={"WFM": 50, "QM": 0, "SC": None},
        exempt_users=("eleveo.admin", "robot"),
        activation=None,
        kid="k",
        file="a.b.c",
    )


def test_an_activation_reaches_the_license() -> None:
    activation = {"installation_id": "6f1c", "realm_id": "acme"}
    found = read_payload(content(type="temporary", activation=activation)).to_license("k", "")
    assert found.activation == Activation("6f1c", "acme")
    assert found.type is LicenseType.TEMPORARY


def test_the_default_users_are_exempt_only_when_the_licence_does_not_say() -> None:
    silent = read_payload(content_without("exempt_users")).to_license("k", "")
    nobody = read_payload(content(exempt_users=[])).to_license("k", "")
    assert (silent.exempt_users, nobody.exempt_users) == (DEFAULT_EXEMPT_USERS, ())


def test_an_absent_activation_is_none() -> None:
    assert read_payload(content_without("activation")).to_license("k", "").activation is None


UNKNOWN_AT_EVERY_LEVEL = content(
    scope={"WFM": {"seats": 5, "note": {"deep": [1, 2.5, None]}}},
    activation={"installation_id": "i", "realm_id": "r", "at": "2026-01-01"},
    model_config="x",
    __class__=[True],
    big=10**300,
)


@pytest.mark.parametrize("given", [GOOD_CONTENT, UNKNOWN_AT_EVERY_LEVEL, content_without("exempt_users")])
def test_signing_again_loses_and_adds_nothing(given: dict[str, Any]) -> None:
    payload = read_payload(given)
    assert payload.to_json() == given
    assert parse_object(payload.to_bytes()) == given


def test_a_single_day_is_a_licence() -> None:
    day = "2028-02-29"
    assert read_payload(content(starts_on=day, expires_on=day)).expires_on == date(2028, 2, 29)


@pytest.mark.parametrize(
    "member", sorted(GOOD_CONTENT.keys() - {"exempt_users", "activation"}), ids=lambda member: member
)
def test_a_missing_member_is_named(member: str) -> None:
    with pytest.raises(PayloadError, match=f'field "{member}" is missing'):
        read_payload(content_without(member))


WRONG_TEXT: list[Any] = [None, 4711, True, "", " x", "x ", "a\x1b[0m", "a\nb", "a\x00", "\u202eb", ["x"]]
WRONG_COUNT: list[Any] = [None, True, 1.0, "1", -1, 2**31, 10**400, []]
WRONG_DAY: list[Any] = [
    None, 20260101, "", "2026-1-1", "20260101", "2026-W01-1", "2026-01-01T00:00:00", "2026-02-29",
    "2026-13-01", "\uff12026-01-01", "1969-12-31", "9999-12-31", "0000-01-01", " 2026-01-01", "2026-01-01\n",
]  # fmt: skip
WRONG = {
    "number": [*WRONG_TEXT, "x" * 65],
    "issue": [*WRONG_COUNT, 0],
    "type": [None, "", "Commercial", "trial", 1, ["commercial"]],
    "customer": [*WRONG_TEXT, "x" * 201],
    "issued_on": WRONG_DAY,
    "starts_on": WRONG_DAY,
    "expires_on": WRONG_DAY,
    "scope": [None, [], {}, "WFM", {f"A{n}": {"seats": 1} for n in range(501)}],
    "exempt_users": [None, "robot", {}, ["x"] * 501],
    "activation": [[], {}, "x", False, 0],
}


@pytest.mark.parametrize(
    ("member", "value"), [(member, value) for member, values in WRONG.items() for value in values]
)
def test_a_wrong_member_is_named(member: str, value: Any) -> None:
    with pytest.raises(PayloadError, match=f'field "{member}') as refusal:
        read_payload(content(**{member: value}))
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize("count", [value for value in WRONG_COUNT if value is not None])
def test_wrong_seats_are_named_with_their_application(count: Any) -> None:
    with pytest.raises(PayloadError, match=r'field "scope\.WFM\.seats" must be a whole number from 0'):
        read_payload(content(scope={"WFM": {"seats": count}}))


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        ({"WFM": {}}, r'"scope\.WFM\.seats" is missing'),
        ({"WFM": 5}, r'"scope\.WFM" must be an object'),
        ({"number": None}, r'"scope\.number" must be an object'),
        ({"W FM": {"seats": 5}}, r'"scope\.W FM" must be an object'),
        ({"WFM\n": {"seats": 5}}, r'"scope\.WFM\?" must be an object'),
        ({"": {"seats": 5}}, r'"scope\." must be an object'),
        ({"../x": {"seats": 5}}, r'"scope\.\.\./x" must be an object'),
        ({"Ž": {"seats": 5}}, r'"scope\.Ž" must be an object'),
        ({"A" * 65: {"seats": 5}}, r'"scope\.A{65}" must be an object'),
    ],
)
def test_a_wrong_application_is_named(scope: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PayloadError, match=sentence):
        read_payload(content(scope=scope))


@pytest.mark.parametrize("name", [*WRONG_TEXT, "x" * 256])
def test_a_wrong_exempt_user_is_named_by_place(name: Any) -> None:
    with pytest.raises(PayloadError, match=r'field "exempt_users\.1" must be a list'):
        read_payload(content(exempt_users=["fine", name]))


@pytest.mark.parametrize("member", ["installation_id", "realm_id"])
def test_half_an_activation_is_refused(member: str) -> None:
    whole = {"installation_id": "i", "realm_id": "r"}
    with pytest.raises(PayloadError, match=f'"activation.{member}" must be 1 to 64'):
        read_payload(content(activation=whole | {member: ""}))
    del whole[member]
    with pytest.raises(PayloadError, match=f'"activation.{member}" is missing'):
        read_payload(content(activation=whole))


def test_a_licence_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(PayloadError, match="ends on 2026-01-31, before it starts on 2026-02-01"):
        read_payload(content(expires_on="2026-01-31"))


@pytest.mark.parametrize("other", [0, 2, -1, 10**400])
def test_another_format_is_told_apart_from_a_wrong_one(other: int) -> None:
    with pytest.raises(UnknownFormatError, match="reads format 1 only"):
        read_payload({"format": other})


@pytest.mark.parametrize("wrong", [None, True, 1.0, "1", [1]])
def test_a_format_that_only_equals_one_is_wrong(wrong: Any) -> None:
    with pytest.raises(PayloadError, match='field "format" must be a whole number') as refusal:
        read_payload(content(format=wrong))
    assert not isinstance(refusal.value, UnknownFormatError)
