"""What people ask about one user or a long queue, counted in calls, not in seconds."""

from keycloak_license.services.overview import explanation_in
from keycloak_license.services.viewing import look_at
from keycloak_license.services.what_if import Wish, look_ahead
from tests.calls import count_calls
from tests.unit.services.world import NOON, World

SIZE = 400


def crowd(size: int) -> World:
    """As many people with a role, of whom half can be seated."""
    world = World()
    world.agents(*(f"user-{number}" for number in range(size)))
    world.import_file(world.sign(scope={"WFM": size // 2}))
    return world


def test_explaining_one_user_hardly_touches_the_others() -> None:
    world = crowd(SIZE)
    view, user = look_at(world.managed, NOON), world.realm.find_user("user-1")
    assert user is not None
    assert count_calls(lambda: explanation_in(view, world.applications, user)) < SIZE


def test_places_in_a_queue_twice_as_long_are_twice_the_work() -> None:
    def work(size: int) -> int:
        prospect = look_ahead(crowd(size).managed, [Wish("QM_AGENT", "user-0")], None, lambda: NOON)
        return count_calls(prospect.positions)

    assert work(2 * SIZE) < 2.2 * work(SIZE)
