"""The examples in deploy/ are held to the tools that will read them; one that is not on this machine is skipped."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from bridge.settings import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
UNITS = sorted(file.name for file in (DEPLOY / "systemd").iterdir())
MOST_EXPOSED = 2.0
"""Of 10, as `systemd-analyze security` counts; a service that says nothing has 9.2."""
SECRET_NAMES = re.compile(r"(?i)(code|password|token|secrets?)\s*[:=]\s*[\"']?[^\s\"'{}$]{6,}")


def tool(name: str, package: str) -> str:
    """Where the tool is: beside this Python or on the system."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"no {name} on this machine; on Debian, as root: apt-get install -y {package}")
    return found


def run(*command: object, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, env={**os.environ, **environ}
    )


def said(done: "subprocess.CompletedProcess[str]") -> str:
    return done.stdout + done.stderr


def documents(file: Path) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all(file))


def test_the_image_is_built_as_hadolint_likes_it() -> None:
    done = run(tool("hadolint", "hadolint"), DEPLOY / "Dockerfile")
    assert (said(done), done.returncode) == ("", 0)


def test_the_image_runs_as_nobody_and_shows_its_health() -> None:
    last = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"(?m)^USER 10001", last)
    assert re.search(r'(?m)^HEALTHCHECK .*CMD \["popbridge", "health"\]', last)
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text())
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text()
    for name in " ".join(copied).split():
        assert (DEPLOY.parent / name).exists(), name
        assert f"!{name}\n" in ignored, name


def test_compose_follows_its_schema_and_resolves() -> None:
    checker, compose = tool("check-jsonschema", "-"), tool("docker-compose", "docker-compose")
    assert run(checker, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml").returncode == 0
    done = run(compose, "-f", DEPLOY / "compose.yaml", "config", POPBRIDGE_DOMAIN="popbridge.example.com")
    assert done.returncode == 0, said(done)
    services = YAML(typ="safe").load(done.stdout)["services"]
    assert {name: services[name]["deploy"]["replicas"] for name in ("web", "worker")} == {"web": 2, "worker": 2}
    assert all(services[name]["read_only"] for name in ("web", "worker", "valkey"))
    assert services["valkey"]["command"][1:3] == ["--appendonly", "yes"]


def test_compose_asks_for_what_it_must_be_given() -> None:
    done = run(tool("docker-compose", "docker-compose"), "-f", DEPLOY / "compose.yaml", "config", POPBRIDGE_DOMAIN="")
    assert done.returncode != 0
    assert "the name under which" in done.stderr


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a command that exists on this machine in the place of ours."""
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/popbridge/bin/popbridge", "/bin/true"))
    return tmp_path


def test_systemd_has_nothing_to_say_of_the_units(units: Path) -> None:
    analyze = tool("systemd-analyze", "systemd")
    names = [units / name.replace("@.", "@1.") for name in UNITS]
    done = run(analyze, "verify", "--man=no", *names, SYSTEMD_UNIT_PATH=f"{units}:")
    assert said(done) == "", "it exits 0 on unknown keys: whatever it says is a problem"


@pytest.mark.parametrize("unit", [name for name in UNITS if name.endswith(".service")])
def test_services_are_locked_in(units: Path, unit: str) -> None:
    analyze = tool("systemd-analyze", "systemd")
    name = units / unit.replace("@.", "@1.")
    done = run(analyze, "security", "--offline=true", "--no-pager", name, SYSTEMD_UNIT_PATH=f"{units}:")
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert score, said(done)
    assert float(score[1]) <= MOST_EXPOSED


def test_the_service_is_started_with_the_socket_that_systemd_holds() -> None:
    text = (DEPLOY / "systemd" / "popbridge-web.service").read_text()
    assert "ExecStart=/opt/popbridge/bin/popbridge serve --fd 3\n" in text
    assert "Requires=popbridge-web.socket\n" in text


def kubernetes() -> list[dict[str, Any]]:
    return [one for file in sorted(KUBERNETES.glob("*.yaml")) for one in documents(file)]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in kubernetes() if one["kind"] == kind}


def test_kubernetes_files_hold_no_secret_and_are_all_named() -> None:
    assert of_kind("Secret") == {}
    assert [file.name for file in KUBERNETES.iterdir() if SECRET_NAMES.search(file.read_text())] == []
    listed = documents(KUBERNETES / "kustomization.yaml")[0]
    named = {*listed["resources"], *listed["configMapGenerator"][0]["files"], "kustomization.yaml"}
    assert {file.name for file in KUBERNETES.iterdir()} == named


@pytest.mark.parametrize("name", ["popbridge-web", "popbridge-worker"])
def test_deployments_are_two_locked_in_and_kept_up(name: str) -> None:
    spec = of_kind("Deployment")[name]["spec"]
    labels, pod = spec["template"]["metadata"]["labels"], spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["replicas"] == 2
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert of_kind("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_kubernetes_puts_no_variables_of_its_own_beside_the_settings() -> None:
    pods = [one["spec"]["template"]["spec"] for one in kubernetes() if one["kind"] == "Deployment"]
    assert [pod["enableServiceLinks"] for pod in pods] == [False] * 2


def test_kubernetes_takes_every_resource() -> None:
    """Strictly: a key that Kubernetes does not know is a problem. The kustomization is kustomize's own."""
    newest = kubernetes_validate.latest_version()
    own = [one for one in kubernetes() if one["kind"] != "Kustomization"]
    assert {kubernetes_validate.validate(one, newest, strict=True) for one in own} == {newest.rpartition(".")[0]}
    broken = {**own[0], "spec": {**own[0]["spec"], "minAvailible": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, newest, strict=True)


def test_the_workers_are_probed_by_their_sign_of_life() -> None:
    (container,) = of_kind("Deployment")["popbridge-worker"]["spec"]["template"]["spec"]["containers"]
    compose = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]["worker"]
    asked = [container[f"{name}Probe"]["exec"]["command"] for name in ("startup", "liveness")]
    assert [*asked, compose["healthcheck"]["test"][1:]] == [["popbridge", "health", "--worker"]] * 3


def test_the_web_pods_are_probed_and_drained() -> None:
    (container,) = of_kind("Deployment")["popbridge-web"]["spec"]["template"]["spec"]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert "preStop" in container["lifecycle"]
    selected = of_kind("Service")["popbridge"]["spec"]["selector"]
    labels = of_kind("Deployment")["popbridge-web"]["spec"]["template"]["metadata"]["labels"]
    assert selected.items() <= labels.items()


def test_the_secrets_that_kubernetes_mounts_are_those_of_its_settings(tmp_path: Path) -> None:
    """The settings load with the files that the Secret gives, and with no other."""
    sources = of_kind("Deployment")["popbridge-web"]["spec"]["template"]["spec"]["volumes"][0]["projected"]["sources"]
    paths = [item["path"] for source in sources if "secret" in source for item in source["secret"]["items"]]
    for name in ("popbridge.toml", "agents.csv"):
        shutil.copy(KUBERNETES / name, tmp_path)
    values = {"redis_url": "redis://valkey:6379/0", "audit_url": "sqlite:///audit.db"}
    values["acme_click_secrets"] = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    for path in paths:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(values.get(Path(path).name, "an-invented-value"))
    assert set(load_settings(str(tmp_path / "popbridge.toml"), {}).crm) == {"acme"}


def test_kustomize_puts_it_together() -> None:
    done = run(tool("kubectl", "kubernetes-client"), "kustomize", KUBERNETES)
    assert done.returncode == 0, said(done)
    assert done.stdout.count("kind: Deployment") == 2


def test_nginx_takes_its_example(tmp_path: Path) -> None:
    nginx, openssl = tool("nginx", "nginx-light"), tool("openssl", "openssl")
    certificate = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = [
        "-subj",
        "/CN=popbridge.example.com",
        "-keyout",
        tmp_path / "privkey.pem",
        "-out",
        tmp_path / "fullchain.pem",
    ]
    assert run(*certificate, *names).returncode == 0
    text = (DEPLOY / "nginx" / "popbridge.conf").read_text()
    (tmp_path / "popbridge.conf").write_text(
        text.replace("/etc/ssl/popbridge", str(tmp_path)).replace("/var/log/nginx", str(tmp_path))
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ include {tmp_path}/popbridge.conf; }}\n"
    )
    done = run(nginx, "-t", "-q", "-c", tmp_path / "nginx.conf")
    complaints = [line for line in said(done).splitlines() if 'http2" directive is deprecated' not in line]
    assert (complaints, done.returncode) == ([], 0), "Debian 12's nginx knows no other way to switch HTTP/2 on"


def test_caddy_takes_its_example() -> None:
    done = run(tool("caddy", "caddy"), "validate", "--adapter", "caddyfile", "--config", DEPLOY / "caddy" / "Caddyfile")
    assert done.returncode == 0, said(done)
    assert '"level":"warn"' not in said(done)


@pytest.mark.parametrize("proxy", ["nginx/popbridge.conf", "caddy/Caddyfile"])
def test_streams_pass_proxies_unbuffered_and_metrics_stay_inside(proxy: str) -> None:
    text = (DEPLOY / proxy).read_text()
    assert re.search(r"proxy_buffering off|flush_interval -1", text)
    assert "/metrics" in text
