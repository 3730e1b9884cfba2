"""The manifests under config/kubernetes build, are valid by Kubernetes' schemas, and fit the program."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from keycloak_license import __version__
from keycloak_license.bootstrap import load_trusted_keys
from keycloak_license.cli.main import main
from keycloak_license.settings import Settings
from tests.deployment.image import environment, stages, values
from tests.deployment.tools import CONFIG, check, load_yaml, settings_of

MANIFESTS = CONFIG / "kubernetes"
RULES = CONFIG / "prometheus" / "keycloak-license.rules.yml"
OPERATOR = "monitoring.coreos.com/v1"
"""Not Kubernetes' own, so without a schema there."""
VERSIONS = ["1.31", "1.37"]

Find = Callable[[str], Any]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What `kubectl kustomize` makes of the example, once the vendor's key lies there."""
    copy = tmp_path_factory.mktemp("kubernetes") / "kubernetes"
    shutil.copytree(MANIFESTS, copy)
    with pytest.raises(SystemExit):
        main(["vendor", "keygen", "--out", str(copy / "example" / "trusted-keys"), "--kid", "vendor-2026"])
    example = copy / "example" / "kustomization.yaml"
    text = example.read_text(encoding="utf-8")
    assert "#components: [../monitoring]" in text
    example.write_text(text.replace("#components:", "components:"), encoding="utf-8")
    return list(yaml.safe_load_all(check("kubectl", "kustomize", copy / "example")))


@pytest.fixture
def find(rendered: list[dict[str, Any]]) -> Find:
    """Finds the one manifest of a kind, or the one whose name begins so."""

    def one(name: str) -> Any:
        (found,) = [each for each in rendered if name in {each["kind"], _name(each)}]
        return found

    return one


@pytest.fixture
def pod(find: Find) -> Any:
    return find("Deployment")["spec"]["template"]["spec"]


@pytest.fixture
def container(pod: Any) -> Any:
    (only,) = pod["containers"]
    return only


def _name(manifest: Any) -> str:
    """The name without what kustomize hangs on a ConfigMap, so that a change restarts the pods."""
    name = str(manifest["metadata"]["name"])
    return name.rpartition("-")[0] if manifest["kind"] == "ConfigMap" else name


def _mount(folder: Path, contents: dict[str, str]) -> Path:
    """Lay files as the kubelet does: links into a folder that is exchanged as a whole."""
    (folder / "..2026_11_29").mkdir(parents=True)
    (folder / "..data").symlink_to("..2026_11_29")
    for name, text in contents.items():
        (folder / "..2026_11_29" / name).write_text(text, encoding="utf-8")
        (folder / name).symlink_to(f"..data/{name}")
    return folder


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(rendered: list[dict[str, Any]], version: str) -> None:
    for manifest in rendered:
        if manifest["apiVersion"] != OPERATOR:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_would_notice(find: Find) -> None:
    broken = find("Service") | {"specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError, match="specs"):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_every_file_is_part_of_it() -> None:
    for folder in ("base", "monitoring", "example"):
        kustomization = load_yaml(MANIFESTS / folder / "kustomization.yaml")
        generated = [name for each in kustomization.get("configMapGenerator", ()) for name in each["files"]]
        named = {*kustomization["resources"], *generated, "kustomization.yaml"}
        assert {file.name for file in (MANIFESTS / folder).iterdir()} <= named


def test_no_secret_is_committed(rendered: list[dict[str, Any]], pod: Any) -> None:
    assert "Secret" not in {each["kind"] for each in rendered}
    assert [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each] == [
        "keycloak-license"
    ]


def test_the_pod_keeps_the_restricted_standard(find: Find, pod: Any, container: Any) -> None:
    assert find("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {key for volume in pod["volumes"] for key in volume} & {"hostPath", "persistentVolumeClaim"}


def test_the_pod_has_no_token(find: Find, pod: Any) -> None:
    assert find("ServiceAccount")["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is False


def test_the_pod_is_the_image(pod: Any, container: Any) -> None:
    last = stages()[-1]
    context = pod["securityContext"]
    assert [f"{context['runAsUser']}:{context['runAsGroup']}"] == values(last, "USER")
    assert values(last, "EXPOSE") == [" ".join(str(port["containerPort"]) for port in container["ports"])]
    assert container["image"].endswith(f"/keycloak-license:{__version__}")


def test_the_settings_of_the_pod_load(find: Find, container: Any, tmp_path: Path) -> None:
    secrets = {
        "client_secret": "s3cret\n",
        "database": "postgresql+psycopg://someone:s3cret@postgres/seats\n",
    }
    folders = {
        "/etc/keycloak-license": _mount(tmp_path / "config", find("keycloak-license-config")["data"]),
        "/run/trusted-keys": _mount(tmp_path / "keys", find("keycloak-license-trusted-keys")["data"]),
        "/run/secrets/keycloak-license": _mount(tmp_path / "secret", secrets),
    }
    assert set(folders) < {each["mountPath"] for each in container["volumeMounts"]}
    given = {each["name"]: each["value"] for each in container["env"]}
    settings = settings_of(environment(stages()[-1]) | given, folders)
    _fits(settings, container)
    assert list(load_trusted_keys(settings).keys) == ["vendor-2026"]


def _fits(settings: Settings, container: Any) -> None:
    assert settings.keycloak.client_secret.get_secret_value() == "s3cret"
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"screen": settings.web.port, "management": settings.web.management_port}
    assert settings.web.host == "0.0.0.0"  # noqa: S104 - in a pod


def test_everything_that_selects_finds_the_pod(find: Find) -> None:
    labels = find("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        find("Deployment")["spec"]["selector"]["matchLabels"],
        find("Service")["spec"]["selector"],
        find("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        find("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector == labels for selector in selectors)
    assert find("ServiceMonitor")["spec"]["selector"]["matchLabels"].items() <= (
        find("Service")["metadata"]["labels"].items()
    )


def test_ports_are_named_as_they_are_asked_for(find: Find, container: Any) -> None:
    names = {port["name"] for port in container["ports"]}
    probes = [container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")]
    service = [port["targetPort"] for port in find("Service")["spec"]["ports"]]
    allowed = [each["port"] for rule in find("NetworkPolicy")["spec"]["ingress"] for each in rule["ports"]]
    scraped = [each["port"] for each in find("ServiceMonitor")["spec"]["endpoints"]]
    assert {*probes, *service, *allowed, *scraped} == names
    (path,) = find("Ingress")["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["port"]["name"] == "screen"


def test_the_alerts_of_the_operator_are_those_of_prometheus(find: Find) -> None:
    assert find("PrometheusRule")["spec"] == load_yaml(RULES)
