"""setup_scripts/kubernetes/: Kubernetes's schemas, what kubectl makes of them, and each command as a process."""

from __future__ import annotations

import base64
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.containers import DOCKERFILE, Host, image_says
from tests.support.engine import Engine
from tests.support.pods import PAUSE, Manifest, Pods
from tests.support.processes import ROOT, Process, Processes

FOLDER = ROOT / "setup_scripts" / "kubernetes"
DOCS = ROOT / "docs" / "containers.md"
SIDECAR = FOLDER / "sidecar" / "inspector.yaml"
ORION = """
apiVersion: apps/v1
kind: Deployment
metadata: { name: orion }
spec:
  selector: { matchLabels: { app: orion } }
  template:
    metadata: { labels: { app: orion } }
    spec:
      securityContext: { runAsUser: 65534, runAsGroup: 65534 }
      containers:
        - { name: orion, image: "fiware/orion:4.4.0", ports: [{ containerPort: 1026 }], args: [-multiservice] }
      volumes: [{ name: theirs, emptyDir: {} }]
"""
SHORT = ("--subscriptions", "60", "--baseline", "1", "--duration", "8s")


def kubectl(*words: str | Path) -> str:
    """Return what kubectl prints; it needs no cluster for this."""
    if not shutil.which("kubectl"):
        pytest.skip("needs kubectl")
    done = subprocess.run(["kubectl", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(name: str) -> list[Manifest]:
    return list(yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def everything() -> list[Manifest]:
    return [*written("listener"), *written("inspector"), *written("run")]


def only(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [found for found in manifests if (found["kind"], found["metadata"]["name"]) == (kind, name)]
    return found


def merged(tmp_path: Path) -> Manifest:
    """Return Orion's Deployment with the inspector beside it, as somebody's own kustomization has it."""
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    (tmp_path / "orion.yaml").write_text(ORION, encoding="utf-8")
    own = {"resources": ["orion.yaml", "kubernetes"], "components": ["kubernetes/sidecar"]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    return only(list(yaml.safe_load_all(kubectl("kustomize", tmp_path))), "Deployment", "orion")


def validate(folder: Path, text: str) -> None:
    """Check against the schemas of the oldest Kubernetes that has endPort, 1.25, and of the newest at hand."""
    file = folder / "manifests.yaml"
    file.write_text(text, encoding="utf-8")
    for version in ((), ("-k", "1.25")):
        command = [sys.executable, "-m", "kubernetes_validate", "--strict", *version, file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_schemas(tmp_path: Path) -> None:
    validate(tmp_path, yaml.safe_dump_all(everything()))


def test_kustomize_takes_the_image_from_one_place(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    file = tmp_path / "kubernetes" / "kustomization.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("newName: connections-stress-test", "newName: registry.example/cst"), encoding="utf-8")
    built = kubectl("kustomize", file.parent)
    validate(tmp_path, built)
    assert built.count("image: registry.example/cst:latest") == built.count("image: ") == 3


def test_orion_gets_the_inspector_beside_it_and_stays_what_it_was(tmp_path: Path) -> None:
    deployment = merged(tmp_path)
    validate(tmp_path, yaml.safe_dump(deployment))
    own, pod = yaml.safe_load(ORION)["spec"]["template"]["spec"], deployment["spec"]["template"]["spec"]
    assert pod["shareProcessNamespace"] is True
    containers = {container["name"]: container for container in pod["containers"]}
    assert containers.keys() == {"inspector", "orion"}
    assert containers["orion"] == own["containers"][0]
    assert pod["securityContext"] == own["securityContext"]
    assert own["volumes"][0] in pod["volumes"]
    user = {key: containers["inspector"]["securityContext"][key] for key in own["securityContext"]}
    assert user == own["securityContext"]


def test_kubectl_patches_a_running_orion_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "orion.yaml").write_text(ORION, encoding="utf-8")
    words = ("patch", "--local", "-o", "yaml", "--patch-file", SIDECAR, "-f")
    patched = yaml.safe_load(kubectl(*words, tmp_path / "orion.yaml"))
    assert patched["spec"]["template"] == merged(tmp_path)["spec"]["template"]


def test_the_token_is_a_secret(tmp_path: Path) -> None:
    (create,) = re.findall(r"^ +kubectl (create secret .*)", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    words = subprocess.run(
        ["sh", "-c", f'printf "%s\\n" {create}'], capture_output=True, text=True, check=True, timeout=10
    )
    secret = yaml.safe_load(kubectl(*words.stdout.splitlines(), "--dry-run=client", "-o", "yaml"))
    run = only(everything(), "Job", "connections-stress-test")["spec"]["template"]["spec"]["containers"][0]
    (from_secret,) = run["env"]
    assert from_secret["name"] == "LOCUST_INSPECTOR_TOKEN"
    assert from_secret["valueFrom"]["secretKeyRef"] == {"name": "inspector-token", "key": "token"}
    sidecar = yaml.safe_load(SIDECAR.read_text(encoding="utf-8"))["spec"]["template"]["spec"]
    assert sidecar["volumes"] == [{"name": "inspector-token", "secret": {"secretName": secret["metadata"]["name"]}}]
    assert sidecar["containers"][0]["volumeMounts"][0]["mountPath"] == "/token"
    assert list(secret["data"]) == ["token"]
    assert len(base64.b64decode(secret["data"]["token"])) == 32
    assert sidecar["containers"][0]["args"][-1] == "/token/token"


def test_commands_of_the_page_name_what_there_is() -> None:
    page = re.sub(r"\\\n +", "", DOCS.read_text(encoding="utf-8"))
    commands = [line.strip() for line in re.findall(r"(?:^ +|`)((?:until )?kubectl [^`\n]+)", page, re.MULTILINE)]
    assert len(commands) == 10
    paths = [word for command in commands for word in command.split() if word.startswith("setup_scripts/")]
    assert {str(FOLDER.relative_to(ROOT)), str(SIDECAR.relative_to(ROOT))} == set(paths)
    job = only(everything(), "Job", "connections-stress-test")["metadata"]["name"]
    named = [re.search(r"(?:job/|job-name=|delete job )(\S+)", command) for command in commands]
    assert [found[1] for found in named if found] == [job] * 3
    orion = yaml.safe_load(SIDECAR.read_text(encoding="utf-8"))["metadata"]["name"]
    assert {found[1] for command in commands if (found := re.search(r"deployment (\S+)", command))} == {orion}


def test_services_and_the_policy_mean_the_pods_that_they_should() -> None:
    manifests = everything()
    listener, run = only(manifests, "Deployment", "slow-listener"), only(manifests, "Job", "connections-stress-test")
    broker = yaml.safe_load(SIDECAR.read_text(encoding="utf-8"))
    pods = {"listener": listener, "run": run, "broker": broker}
    policy = only(manifests, "NetworkPolicy", "connection-inspector")["spec"]

    def selected(selector: dict[str, str]) -> list[str]:
        labels = {name: pod["spec"]["template"]["metadata"]["labels"] for name, pod in pods.items()}
        return [name for name, own in labels.items() if selector.items() <= own.items()]

    assert selected(only(manifests, "Service", "slow-listener")["spec"]["selector"]) == ["listener"]
    assert selected(only(manifests, "Service", "connection-inspector")["spec"]["selector"]) == ["broker"]
    assert selected(policy["podSelector"]["matchLabels"]) == ["broker"]
    everyone, inspected = policy["ingress"]
    assert selected(inspected["from"][0]["podSelector"]["matchLabels"]) == ["run"]
    assert [port["port"] for port in inspected["ports"]] == [18812]
    tcp = [port for port in everyone["ports"] if port["protocol"] == "TCP"]
    ranges = [range(port["port"], port.get("endPort", port["port"]) + 1) for port in tcp]
    assert {*range(1, 65536)} - {number for ports in ranges for number in ports} == {18812}


def test_no_pod_may_do_more_than_it_needs() -> None:
    pods = [found["spec"]["template"]["spec"] for found in everything() if found["kind"] in ("Deployment", "Job")]
    sidecar = yaml.safe_load(SIDECAR.read_text(encoding="utf-8"))["spec"]["template"]["spec"]
    for pod in (*pods, sidecar):
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            context = {**pod.get("securityContext", {}), **container["securityContext"]}
            assert context == {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "runAsGroup": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
    assert all(pod["automountServiceAccountToken"] is False for pod in pods)


@pytest.mark.parametrize(
    ("limit", "exit_code"), [pytest.param("version_max < 1s", 0, marks=pytest.mark.slow), ("version_max < 0.01", 1)]
)
def test_the_jobs_exit_code_is_the_verdict(
    processes: Processes, mongo: str, tmp_path: Path, limit: str, exit_code: int
) -> None:
    host = Host(processes, tmp_path)
    host.ports["mongo"] = mongo.rpartition(":")[2]
    (tmp_path / "token" / "token").write_text("open sesame, please", encoding="ascii")

    def start(name: str, container: Manifest, *more: str, **env: str) -> Process:
        command = container.get("command", image_says("ENTRYPOINT"))
        return host.start(name, [*command, *container["args"]], env, *more)

    broker = ("/usr/bin/contextBroker", "-port", "0", "-localIp", "0.0.0.0", "-multiservice", "-statNotifQueue")
    host.start("orion", broker, {}, "-dbhost", mongo, "-notificationMode", "threadpool:60000:60", "-subCacheIval", "1")
    listener, job = (found["spec"]["template"]["spec"] for found in everything() if "template" in found["spec"])
    inspector = yaml.safe_load(SIDECAR.read_text(encoding="utf-8"))["spec"]["template"]["spec"]["containers"][0]
    start("inspector", inspector, "--port", "0")
    start("listener", listener["containers"][0], "-port", "0", "-delay", "3s", "-timeout", "1s")
    waiting = start("wait", job["initContainers"][0])
    assert waiting.wait(10) == 0
    (locust,) = job["containers"]
    token = {env["name"]: "open sesame, please" for env in locust["env"]}
    run = start("locust", locust, *SHORT, "--limit", limit, **token)  # which no busy host excuses
    assert run.wait() == exit_code, run.output
    assert re.search(r"connection counts.*: for \d+ of", run.output)


def test_the_run_waits_for_the_others(processes: Processes, tmp_path: Path) -> None:
    host = Host(processes, tmp_path)
    (wait,) = only(everything(), "Job", "connections-stress-test")["spec"]["template"]["spec"]["initContainers"]
    waiting = host.start("wait", [*wait["command"], *wait["args"]], {})
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1.5)
    there = []
    for name in ("orion", "inspector", "listener"):
        assert waiting.popen.poll() is None
        there.append(socket.create_server(("127.0.0.2", int(host.ports[name]))))
    assert waiting.wait(10) == 0
    for server in there:
        server.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_pods_on_an_engine(engine: Engine, tmp_path: Path) -> None:
    engine.build("connections-stress-test", DOCKERFILE, ROOT)
    orion = merged(tmp_path)["spec"]["template"]["spec"]
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o755)
    (secrets / "token").write_text("open sesame, please", encoding="ascii")
    pods = Pods(engine, secrets)
    try:
        listener, job = (found["spec"]["template"]["spec"] for found in everything() if "template" in found["spec"])
        (wait,) = job["initContainers"]
        assert engine.docker("wait", pods.start(job, {**wait, "args": ["mongo:27017"]}), timeout=150) == "0"
        pause = pods.start({}, PAUSE)
        broker = {**orion["containers"][1], "image": "orion", "command": ["contextBroker"]}
        few = (
            "-statNotifQueue",
            "-httpTimeout",
            "600000",
            "-subCacheIval",
            "1",
            "-notificationMode",
            "threadpool:60000:200",
        )
        assert [container["name"] for container in orion["containers"]] == ["inspector", "orion"]
        pods.start(orion, broker, *few, "-dbhost", "mongo", pause=pause)
        pods.start(orion, orion["containers"][0], pause=pause)
        pods.start(listener, listener["containers"][0])
        assert engine.docker("wait", pods.start(job, wait), timeout=150) == "0"
        run = pods.start(job, job["containers"][0], "--subscriptions=200", "--baseline=2", "--duration=12s")
        exit_code = engine.docker("wait", run, timeout=120)
        log = engine.docker("logs", run)
        assert exit_code == "0", "\n".join([log, *(engine.docker("logs", container) for container in pods.started)])
        assert "held: 200 of 200 at one time" in log
    finally:
        pods.close()
