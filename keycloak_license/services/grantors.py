"""The names of those who gave people what began their claims.

In: a realm and changes; out: the changes, with names where Keycloak tells them. Called by `reconcile` before
they are recorded: one request for each person who gave something, none where nobody came.
"""

from collections.abc import Sequence
from dataclasses import replace

from keycloak_license.errors import RequestTimeoutError
from keycloak_license.model.changes import SeatChange
from keycloak_license.services.ports import Realm


def name_grantors(realm: Realm, changes: Sequence[SeatChange]) -> list[SeatChange]:
    """Look the names up; who is a user of another realm stays an id, for we have no right to look there."""
    ids = {each.grant.by_id for each in changes if each.grant and each.grant.is_by_neighbour}
    if not ids:
        return list(changes)
    try:
        names = realm.read_usernames(sorted(ids))
    except RequestTimeoutError:
        # One account may always take too long, and a name is not worth the seats of all.
        return list(changes)
    return [
        replace(each, grant=replace(each.grant, by=names.get(each.grant.by_id)))
        if each.grant and each.grant.by_id in ids
        else each
        for each in changes
    ]
