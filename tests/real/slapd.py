"""A real OpenLDAP for tests: `with Slapd(people, groups, roles) as slapd:` and it is gone with the block.

It listens on loopback only and keeps its port over `stop()` and `start()`, so that a federation can be
cut off and come back. It never touches a directory of the machine.
"""

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

_START_SECONDS = 30
_SYSTEM_FOLDERS = "/usr/sbin:/usr/bin:/usr/lib/openldap:/usr/libexec"
_SCHEMAS = (Path("/etc/ldap/schema"), Path("/etc/openldap/schema"))


class SlapdMissingError(RuntimeError):
    """There is no OpenLDAP to test with."""


class Slapd:
    """A directory of people (by uid), and of groups and roles that list them as members."""

    base_dn = "dc=example,dc=com"
    admin_dn = f"cn=admin,{base_dn}"
    people_dn = f"ou=people,{base_dn}"
    groups_dn = f"ou=groups,{base_dn}"
    roles_dn = f"ou=roles,{base_dn}"
    password = "only-for-this-test"
    """Of the administrator and of everybody in it."""

    def __init__(
        self,
        people: Sequence[str],
        groups: Mapping[str, Sequence[str]],
        roles: Mapping[str, Sequence[str]],
    ) -> None:
        self._content = "\n".join(_entries(people, groups, roles))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._home = Path(stack.enter_context(TemporaryDirectory(prefix="keycloak-license-slapd-")))
            stack.callback(self.stop)
            self._port = _free_port()
            self._configuration = self._configure()
            self._load()
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start it, and return once it accepts connections."""
        with (self._home / "slapd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("slapd"), "-h", f"{self.url}/", "-f", self._configuration, "-d", "0"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not _accepts(self._port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"slapd did not start:\n{(self._home / 'slapd.log').read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it; what it holds stays for the next `start()`."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def change(self, ldif: str) -> None:
        """Carry out LDIF change records, as ldapmodify reads them."""
        subprocess.run(
            [_program("ldapmodify"), "-x", "-H", self.url, "-D", self.admin_dn, "-w", self.password],
            input=ldif,
            text=True,
            check=True,
            capture_output=True,
        )

    def person_dn(self, uid: str) -> str:
        return f"uid={uid},{self.people_dn}"

    def _configure(self) -> Path:
        schemas = next((folder for folder in _SCHEMAS if folder.is_dir()), None)
        if schemas is None:
            raise _missing("OpenLDAP's schema files")
        (self._home / "data").mkdir()
        configuration = self._home / "slapd.conf"
        configuration.write_text(
            "".join(f"include {schemas}/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
            + "modulepath /usr/lib/ldap:/usr/lib64/openldap:/usr/lib/openldap\n"
            + "moduleload back_mdb\n"
            + f"pidfile {self._home}/slapd.pid\n"
            + "sizelimit unlimited\n"
            + "database mdb\n"
            + "maxsize 1073741824\n"
            + f"suffix {self.base_dn}\n"
            + f"rootdn {self.admin_dn}\n"
            + f"rootpw {self.password}\n"
            + f"directory {self._home}/data\n"
            + "index objectClass,uid,cn,member,entryUUID eq\n"
            + "dbnosync\n"
        )
        return configuration

    def _load(self) -> None:
        loaded = subprocess.run(
            [_program("slapadd"), "-q", "-f", self._configuration],
            input=self._content,
            text=True,
            check=False,
            capture_output=True,
        )
        if loaded.returncode:
            raise RuntimeError(f"slapadd refused the entries:\n{loaded.stderr[-2000:]}")


def _entries(
    people: Iterable[str], groups: Mapping[str, Sequence[str]], roles: Mapping[str, Sequence[str]]
) -> Iterable[str]:
    yield f"dn: {Slapd.base_dn}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n"
    for folder in ("people", "groups", "roles"):
        yield f"dn: ou={folder},{Slapd.base_dn}\nobjectClass: organizationalUnit\nou: {folder}\n"
    for uid in people:
        yield (
            f"dn: uid={uid},{Slapd.people_dn}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n"
            f"givenName: {uid}\nmail: {uid}@example.com\nuserPassword: {Slapd.password}\n"
        )
    for folder_dn, named in ((Slapd.groups_dn, groups), (Slapd.roles_dn, roles)):
        for name, members in named.items():
            # The schema wants at least one member; the administrator is nobody to Keycloak.
            dns = (Slapd.admin_dn, *(f"uid={uid},{Slapd.people_dn}" for uid in members))
            lines = "".join(f"member: {dn}\n" for dn in dns)
            yield f"dn: cn={name},{folder_dn}\nobjectClass: groupOfNames\ncn: {name}\n{lines}"


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=_SYSTEM_FOLDERS)
    if found is None:
        raise _missing(name)
    return found


def _missing(what: str) -> SlapdMissingError:
    return SlapdMissingError(
        f"These tests need {what}, which is not on this machine:"
        " install the Debian packages `slapd` and `ldap-utils`."
    )


def _free_port() -> int:
    """Find one below the range from which the system serves itself: it must still be free at a restart."""
    while True:
        port = random.randint(20_000, 32_000)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
