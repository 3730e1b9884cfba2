"""Rules: licences are imported, refused and previewed, and the keys that signed them come and go."""

import contextlib

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from keycloak_license.errors import LicenseRefusedError, UnavailableError
from keycloak_license.model.license import Activation, License, LicenseType
from keycloak_license.services.licenses import LicenseImport, import_license, preview_import
from tests.machine.base import numbers, step
from tests.machine.law import files
from tests.machine.site import Attempt
from tests.machine.stage import Stage
from tests.machine.troubles import Troubles
from tests.machine.vendor import LicenseDraft, drafts
from tests.machine.verdict import read


class Imports(Troubles):
    """What a vendor's files do, and what they must not."""

    @step(draft=drafts, is_confirmed=st.sampled_from([True, True, True, False]))
    def a_licence_is_imported(self, draft: LicenseDraft, is_confirmed: bool) -> None:
        self.import_(self.make_license(draft), is_confirmed=is_confirmed)

    @precondition(lambda self: self.vendor.made)
    @step(number=numbers, is_confirmed=st.booleans())
    def an_old_file_is_imported_again(self, number: int, is_confirmed: bool) -> None:
        self.import_(self.old_license(number), is_confirmed=is_confirmed)

    @precondition(lambda self: self.vendor.made)
    @step(number=numbers)
    def an_import_is_previewed(self, number: int) -> None:
        site, before = self.site, self.site.everything()
        with contextlib.suppress(LicenseRefusedError, UnavailableError):
            preview_import(site.managed(), self.old_license(number).file.encode(), lambda: site.time.here)
        assert site.everything() == before, "a preview changed something"

    @precondition(lambda self: self.vendor.made)
    @step(number=numbers, is_trusted=st.booleans())
    def a_key_is_taken_away_or_put_back(self, number: int, is_trusted: bool) -> None:
        license_ = self.old_license(number)
        self.vendor.trust(license_)
        if not is_trusted:
            self.site.verifier.distrust(license_)

    def make_license(self, draft: LicenseDraft) -> License:
        return self.vendor.make(draft, self.today, self.here)

    def old_license(self, number: int) -> License:
        return self.vendor.made[number % len(self.vendor.made)]

    def import_(self, license_: License, *, is_confirmed: bool, stage: Stage | None = None) -> Attempt:
        """Import a file; hold the licences to what the question said."""
        asked: set[str] = set()

        def confirm(result: LicenseImport) -> bool:
            asked.clear()
            asked.update(each.file for each in result.replaced)
            return is_confirmed

        before, site = self.in_force(), self.site
        reason, lost = self.why_refused(license_), self.known_to_realm_only()
        attempt = self.carry_out(
            lambda managed: import_license(managed, license_.file.encode(), confirm, lambda: site.time.here),
            lambda result: result.plan.report,
            stage,
        )
        if attempt.stage.has_acted:
            return attempt
        if isinstance(attempt.error, LicenseRefusedError):
            is_asked_in_vain = bool(asked) and not is_confirmed
            assert reason or is_asked_in_vain, f"a good licence was refused: {attempt.error}"
        if attempt.error is not None:
            return attempt
        assert reason in {None, "perhaps"}, f"{license_.file} was not refused: {reason}"
        assert license_.file in self.in_force(), "an imported licence is not in force"
        # What the realm gives back takes out again what it took out before.
        gone = set() if lost else before - self.in_force()
        assert gone <= asked, "a licence was replaced without asking"
        assert is_confirmed or not gone, "a licence was replaced against the answer"
        if license_.type is LicenseType.TEMPORARY:
            kinds = {found.type for file in gone if (found := read(site.verifier, file))}
            assert LicenseType.COMMERCIAL not in kinds, "nothing is left to fall back to"
        return attempt

    def why_refused(self, license_: License) -> str | None:
        """Return why a file must be refused, "perhaps" where it may be, None where it must not."""
        site, record = self.site, self.site.record()
        shown = site.side.attributes.get("license.installation_id")
        if read(site.verifier, license_.file) is None:
            return "not genuine"
        if record.installation_id and shown and shown != record.installation_id:
            return "disputed"
        if license_.file in self.in_force():
            return None
        known = [each for each in record.licenses if each.number == license_.number]
        if any(each.issue > license_.issue for each in known):
            return "older"
        is_foreign = license_.activation not in {None, self.here}
        return "perhaps" if known or self.known_to_realm_only() or is_foreign else None

    def known_to_realm_only(self) -> set[str]:
        """Return the licence files that the ledger may get back."""
        return files(self.site.side.attributes) - {each.file for each in self.site.record().licenses}

    @property
    def here(self) -> Activation | None:
        own_id = self.site.record().installation_id
        return Activation(own_id, self.site.side.realm_id) if own_id else None

    def in_force(self) -> set[str]:
        return {each.file for each in self.site.record().licenses if each.replaced_at is None}
