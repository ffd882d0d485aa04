"""The pods of setup_scripts/kubernetes/ as containers of a Docker engine, for there is no Kubernetes here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.engine import Engine

Manifest = dict[str, Any]

PAUSE: Manifest = {  # what a pod's other containers share the process namespace of
    "image": "mongo",
    "command": ["python", "-c", "import signal; signal.pause()"],
    "args": [],
    "securityContext": {"runAsUser": 0, "runAsGroup": 0},
}


class Pods:
    """Runs pods' containers on a Docker engine, all on the loopback interface of one network namespace."""

    def __init__(self, engine: Engine, secrets: Path) -> None:
        self.engine, self.secrets = engine, secrets
        names = ("orion", "mongo", "slow-listener", "connection-inspector")
        hosts = [word for name in names for word in ("--add-host", f"{name}:127.0.0.1")]
        self.started = [engine.docker("run", "--detach", "--network", "none", *hosts, "mongo")]

    def start(self, pod: Manifest, container: Manifest, *more: str, pause: str = "") -> str:
        """Start a container with all that its manifest lets it do and no more; `pause`: in its process namespace."""
        allowed = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
        user = allowed["runAsUser"]
        options = [f"--network=container:{self.started[0]}", f"--user={user}:{allowed['runAsGroup']}"]
        options += [f"--pid=container:{pause}"] * bool(pause)
        options += ["--read-only"] * allowed.get("readOnlyRootFilesystem", False)
        options += ["--security-opt=no-new-privileges"] * (allowed.get("allowPrivilegeEscalation") is False)
        options += [f"--cap-drop={name}" for name in allowed.get("capabilities", {}).get("drop", ())]
        secret = {volume["name"] for volume in pod.get("volumes", ()) if "secret" in volume}
        for mount in container.get("volumeMounts", ()):
            at = mount["mountPath"]
            options.append(
                f"--volume={self.secrets}:{at}:ro" if mount["name"] in secret else f"--tmpfs={at}:uid={user}"
            )
        keys = {env["name"]: env["valueFrom"]["secretKeyRef"]["key"] for env in container.get("env", ())}
        options += [f"--env={name}={(self.secrets / key).read_text()}" for name, key in keys.items()]
        program, *words = container.get("command", [""])
        options += [f"--entrypoint={program}"] * bool(program)
        command = [*words, *container["args"], *more]
        self.started.append(self.engine.docker("run", "--detach", *options, container["image"], *command))
        return self.started[-1]

    def close(self) -> None:
        """Remove the containers."""
        for container in reversed(self.started):
            self.engine.docker("rm", "--force", "--volumes", container)
