"""Who did what by the screen or the API.

In: entries; out: the latest of them. Made by `store`, called by `web` through `ports.Audit`. There is no way
here to change or remove one.
"""

from dataclasses import fields

from sqlalchemy import Engine, insert, select

from keycloak_license.ledger import rows
from keycloak_license.ledger.connection import reading, writing
from keycloak_license.ledger.tables import audit_entries
from keycloak_license.model.session import AuditAction, AuditEntry


class SqlAudit:
    """The audit of a ledger; threads may share it. Every method may raise `LedgerError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, entry: AuditEntry) -> None:
        """Keep an entry for good."""
        with writing(self._engine) as connection:
            connection.execute(insert(audit_entries), [rows.row(entry.realm, entry)])

    def read(self, realm: str, limit: int) -> tuple[AuditEntry, ...]:
        """Return the latest entries of a realm, the newest first, as they were recorded: clocks may be wrong.

        What only a newer version of this program knows is left out.
        """
        columns = (audit_entries.c[field.name] for field in fields(AuditEntry))
        is_wanted = (audit_entries.c.realm == realm) & audit_entries.c.action.in_(list(AuditAction))
        query = select(*columns).where(is_wanted).order_by(audit_entries.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            found = connection.execute(query).mappings().all()
        return tuple(AuditEntry(**{**each, "action": AuditAction(each["action"])}) for each in found)
