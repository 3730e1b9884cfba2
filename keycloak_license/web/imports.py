"""An import by the screen or the API, and what the audit keeps of it.

In: a file, and who may replace what; out: what it did. Called by `actions` and `api`.
"""

import hashlib

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.model.progress import no_progress
from keycloak_license.model.session import AuditAction
from keycloak_license.services.licenses import Confirm, LicenseImport, import_license
from keycloak_license.web.site import Actor, Desk, Site


def carry_out(site: Site, desk: Desk, actor: Actor, file: bytes, confirm: Confirm) -> LicenseImport:
    """Import a file and keep who did it, or tried; the errors of `import_license`."""
    try:
        result = import_license(desk.open_realm(no_progress), file, confirm, site.clock)
    except KeycloakLicenseError as error:
        # It may be in the ledger already, where it was Keycloak that failed.
        site.note(desk.name, actor, AuditAction.IMPORT, _fingerprint(file), str(error))
        raise
    finally:
        desk.viewer.forget()
    if not result.is_known:
        site.note(desk.name, actor, AuditAction.IMPORT, _label(result))
    return result


def _fingerprint(file: bytes) -> str:
    """Return by what a file that was refused may be known again."""
    return f"sha256 {hashlib.sha256(file.strip()).hexdigest()}"


def _label(result: LicenseImport) -> str:
    label = f"{result.license.number} issue {result.license.issue}"
    replaced = ", ".join(each.label for each in result.replaced)
    return f"{label}, replacing {replaced}" if replaced else label
