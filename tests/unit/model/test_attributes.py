import pytest

from keycloak_license.model.attributes import EXPIRY_NOTICE_DAYS, is_owned

OURS = [
    "license.installation_id", "license.file", "license.number", "license.type", "license.customer",
    "license.state", "license.access", "license.reason", "license.issued_on", "license.expires_on",
    "license.stops_at", "license.scope", "license.WFM.seats", "license.WFM.used", "license.WFM.waiting",
    "license.WFM.usage", "license.a-b_9.seats",
]  # fmt: skip
FOREIGN = [
    EXPIRY_NOTICE_DAYS, "license", "license.", "license.note", "license.WFM", "license.WFM.seat",
    "license.WFM.seats.", "license.WFM.seats\n", "license..seats", "license.A.B.seats", "license.a b.seats",
    "license.state.old", "xlicense.state", "licenseXstate", "LICENSE.state", "cibaInterval", "",
]  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_the_attributes_of_the_contract_are_ours(name: str) -> None:
    assert is_owned(name)


@pytest.mark.parametrize("name", FOREIGN)
def test_everything_else_belongs_to_somebody_else(name: str) -> None:
    assert not is_owned(name)
