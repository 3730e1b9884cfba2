"""Which role is supposed to go where, by the words of a command line."""

from keycloak_license.cli.what_if import make_wishes
from keycloak_license.services.what_if import Wish

ANN, STAFF = ("ann", False), ("/STAFF", True)


def test_each_role_goes_to_each_user_and_group() -> None:
    assert make_wishes(["R", "S"], [ANN, STAFF], [], []) == [
        Wish("R", "ann"),
        Wish("R", "/STAFF", is_to_group=True),
        Wish("S", "ann"),
        Wish("S", "/STAFF", is_to_group=True),
    ]


def test_a_role_is_taken_from_those_named_for_it() -> None:
    assert make_wishes(["R"], [ANN], ["S"], [STAFF]) == [
        Wish("R", "ann"),
        Wish("S", "/STAFF", is_to_group=True, is_taken=True),
    ]


def test_a_role_is_taken_from_whom_another_goes_to_where_nobody_else_is_named() -> None:
    assert make_wishes(["R"], [ANN], ["S"], []) == [Wish("R", "ann"), Wish("S", "ann", is_taken=True)]
    assert make_wishes([], [ANN], ["S"], []) == [Wish("S", "ann", is_taken=True)]
