import pytest

from keycloak_license.model.application import Application
from keycloak_license.model.realm import Role

WFM = Application(
    "WFM",
    "Workforce Management",
    roles=("WFM_*", "planner-[0-9]"),
    client_roles=(("wfm-app", ("agent", "lead?")), ("reports", ("*",))),
)


@pytest.mark.parametrize(
    ("name", "client_id"),
    [
        ("WFM_AGENT", None),
        ("WFM_", None),
        ("planner-7", None),
        ("agent", "wfm-app"),
        ("leads", "wfm-app"),
        ("anything at all", "reports"),
        ("WFM_AGENT", "reports"),
    ],
)
def test_a_role_that_matches_a_pattern_of_its_own_client_counts(name: str, client_id: str | None) -> None:
    assert WFM.counts(Role("1", name, client_id))


@pytest.mark.parametrize(
    ("name", "client_id"),
    [
        ("wfm_agent", None),
        ("MY_WFM_AGENT", None),
        ("planner-x", None),
        ("planner-10", None),
        ("agent", None),
        ("WFM_AGENT", "wfm-app"),
        ("Agent", "wfm-app"),
        ("lead", "wfm-app"),
        ("agent", "WFM-APP"),
        ("agent", "other-app"),
    ],
)
def test_case_client_and_the_whole_name_matter(name: str, client_id: str | None) -> None:
    assert not WFM.counts(Role("1", name, client_id))


def test_an_application_without_patterns_has_no_consumers() -> None:
    assert not Application("X", "X").counts(Role("1", "X"))


def test_every_pattern_is_known_with_its_client() -> None:
    assert WFM.patterns() == (
        (None, "WFM_*"),
        (None, "planner-[0-9]"),
        ("wfm-app", "agent"),
        ("wfm-app", "lead?"),
        ("reports", "*"),
    )
