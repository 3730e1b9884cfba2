"""What `what-if` prints for people."""

from tests.unit.cli.stage import call
from tests.unit.services.world import World


def test_seats_are_told_before_and_after_and_what_a_sync_would_hold() -> None:
    world = World()
    world.agents(*(f"user{number:02}" for number in range(12)))
    world.import_file(world.sign(scope={"WFM": 10, "QM": None}))

    takes = [word for number in range(9) for word in ("--from-user", f"user{number:02}")]
    result = call(world, "what-if", "--remove", "WFM_AGENT", *takes)

    assert result.exception is None
    [wfm] = [line for line in result.stdout.splitlines() if line.startswith(" WFM")]
    assert [cell.strip() for cell in wfm.split("│")[2:]] == ["10", "10 → 3", "2 → 0", "100 % → 30 %"]
    assert "user00 would lose the seat of WFM (no_role)" in result.stdout
    assert "Releases that a sync would hold back for 24 h, or until sync --force" in result.stdout
    assert "may be a fault: 9" in result.stdout
    assert "As many seats as before: QM" in result.stdout


def test_who_has_no_seat_yet_would_not_get_one() -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 1}))
    world.agents("ann", "bob")
    result = call(world, "what-if", "--remove", "WFM_AGENT", "--from-user", "ann", "--from-user", "bob")
    assert "ann would not get the seat of WFM that a sync now would give" in result.stdout
    assert "bob would not come to wait for WFM, as by a sync now" in result.stdout
