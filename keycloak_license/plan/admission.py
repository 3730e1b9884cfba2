"""Which clients are gated, and what people read who are refused there.

In: `EnforcementInputs`; out: a `GateDesign` and sentences. Called by `plan.enforcement`. The refused person
is told which application it is about, why, and whom to ask.
"""

from collections.abc import Iterator, Sequence

from keycloak_license.model.application import Application
from keycloak_license.model.license import Reason
from keycloak_license.plan.gate import Admission, GateDesign
from keycloak_license.plan.own_roles import EnforcementInputs
from keycloak_license.plan.seat_roles import find_leaks, stood_open

SHARED_DOORS_OPEN = (
    "People without a seat are not refused after a login through an identity provider, a forgotten password "
    "or a new account, because this Keycloak has no condition on client scopes: take a newer version of "
    "Keycloak, and let the application look at the roles in its token until then"
)
"""What is told where Keycloak lacks `SCOPE_CONDITION`."""


def design_gate(inputs: EnforcementInputs) -> GateDesign:
    """Return how the clients of the applications are to be gated; a client of several needs one of them."""
    by_client: dict[str, list[Application]] = {}
    for application in inputs.applications:
        for client_id in application.clients:
            by_client.setdefault(client_id, []).append(application)
    admissions = {
        client_id: Admission(
            tuple(each.id for each in found), _text_no_seat(found, inputs), _text_no_access(found, inputs)
        )
        for client_id, found in by_client.items()
    }
    return GateDesign(inputs.terms.client_id, admissions)


def gate_warnings(inputs: EnforcementInputs) -> Iterator[str]:
    """Yield what keeps the gate from closing, and what let people in until it is repaired now."""
    yield from _warn_of_clients(inputs)
    if inputs.snapshot.gate is None:
        yield (
            f"The gate of realm {inputs.snapshot.realm} was not looked at, because the right manage-realm is "
            "missing: run keycloak-license init"
        )
        return
    if not inputs.snapshot.gate.can_tell_clients:
        yield SHARED_DOORS_OPEN
    for application, missing in stood_open(inputs).items():
        yield (
            f"The gate of {application} let everybody in for want of {' and '.join(missing)}, which is made "
            "again"
        )
    for leak in find_leaks(inputs):
        yield f"The gate let people in without a seat: {leak.holder.label} had {leak.role}, and loses it"


def _warn_of_clients(inputs: EnforcementInputs) -> Iterator[str]:
    without = [each.id for each in inputs.applications if not each.clients]
    if without:
        yield (
            f"Nobody is refused at the login of {', '.join(without)}, because applications.<id>.clients "
            "names none there: name the clients, or let the application look at the roles in its token"
        )
    for application in inputs.applications:
        for client_id in application.clients:
            if client_id not in inputs.snapshot.client_ids:
                yield (
                    f"applications.{application.id}.clients names {client_id}, and realm "
                    f"{inputs.snapshot.realm} has no such client: correct the name, or create the client"
                )


def _text_no_seat(applications: Sequence[Application], inputs: EnforcementInputs) -> str:
    license_, names, contact = inputs.standing.license, _names(applications), inputs.terms.contact
    if license_ is None:
        return _text_no_license(applications, inputs)
    if not any(each.id in license_.scope for each in applications):
        return f"{names} is not part of the licence. Please ask {contact} to have it added."
    return f"There is no free seat for you in {names}. Please ask {contact} for one."


def _text_no_license(applications: Sequence[Application], inputs: EnforcementInputs) -> str:
    names = _names(applications)
    return f"There is no licence for {names} at present. Please ask {inputs.terms.contact} to import one."


def _text_no_access(applications: Sequence[Application], inputs: EnforcementInputs) -> str:
    """Return what holders of a seat read when access has ended.

    While it is granted, the text says already how it will end, so that nothing has to be written then.
    """
    names, ask = _names(applications), f"Please ask {inputs.terms.contact} to"
    match inputs.standing.reason:
        case Reason.GRACE | Reason.GRACE_OVER:
            return f"The licence for {names} was not activated in time. {ask} activate it."
        case Reason.OTHER_INSTALLATION:
            return f"The licence for {names} is not valid for this installation. {ask} have it activated."
        case Reason.NO_LICENSE | Reason.NOT_STARTED:
            return _text_no_license(applications, inputs)
        case Reason.ACTIVE | Reason.TEMPORARY | Reason.EXPIRED:
            return f"The licence for {names} has expired. {ask} renew it."


def _names(applications: Sequence[Application]) -> str:
    return " or ".join(each.name for each in applications)
