import pytest

from keycloak_license.model.report import ApplicationUsage


@pytest.mark.parametrize(
    ("used", "seats", "percent"),
    [
        (32, 50, 64),
        (0, 50, 0),
        (50, 50, 100),
        (60, 50, 120),
        (1, 3, 33),
        (2, 3, 67),
        (1, 200, 1),
        (1, 201, 0),
        (5, 1000, 1),
        (4, 1000, 0),
        (0, 0, 0),
        (3, 0, 100),
        (2**31 - 2, 2**31 - 1, 100),
        (3, None, None),
    ],
)
def test_usage_in_whole_percent_rounds_halves_up(used: int, seats: int | None, percent: int | None) -> None:
    assert ApplicationUsage("WFM", "WFM", seats, used, waiting=0).usage_percent == percent


def test_who_waits_does_not_use() -> None:
    assert ApplicationUsage("WFM", "WFM", seats=4, used=1, waiting=9).usage_percent == 25
