from keycloak_license.model.realm import Group, RealmSnapshot, Role, containing_roles


def test_roles_and_groups_are_labelled_as_people_read_them() -> None:
    assert Role("1", "WFM_AGENT").label == "role WFM_AGENT"
    assert Role("1", "agent", "wfm-app").label == "role wfm-app/agent"
    assert Group("1", "/STAFF/AGENTS", "2").label == "group /STAFF/AGENTS"


def test_a_read_with_a_gap_is_not_complete() -> None:
    assert RealmSnapshot("acme", "1").is_complete
    assert not RealmSnapshot("acme", "1", gaps=("the users of role A were not read",)).is_complete


def test_containing_roles_go_up_only_however_deep_and_round_in_circles() -> None:
    composites = {
        "top": frozenset({"middle"}),
        "middle": frozenset({"agent", "other"}),
        "agent": frozenset({"inside", "top"}),
        "self": frozenset({"self"}),
    }

    assert containing_roles(composites, ["agent"]) == {"agent", "middle", "top"}
    assert containing_roles(composites, ["inside"]) == {"inside", "agent", "middle", "top"}
    assert containing_roles(composites, ["self", "unknown"]) == {"self", "unknown"}
    assert containing_roles(composites, []) == frozenset()


def test_a_chain_of_any_depth_is_followed() -> None:
    composites = {f"role {number}": frozenset({f"role {number + 1}"}) for number in range(5000)}

    assert len(containing_roles(composites, ["role 5000"])) == 5001
