"""A Docker engine for the tests. Its images are made from files of this machine; nothing is pulled or pushed.

Its containers have a loopback interface only. It uses its own socket and folders.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.processes import ROOT, Processes

COMPOSE = "2.26.1"
HERE, THERE = str(Path(sys.prefix).resolve()), "/usr/venv"  # of this Python; a container's /tmp is its own
# For the images' commands and Dockerfiles
PROGRAMS = ["sh", "bash", "env", "cat", "tr", "sed", "dirname", "sleep", "tar", "curl", "chmod", "install"]
ACCOUNTS = {
    "etc/passwd": "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}


class Engine:
    """A running engine."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env = folder, env

    def run(
        self,
        *command: str | Path,
        timeout: float = 60,
        stdin: bytes | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a client of the engine. Return its output and exit code."""
        done = subprocess.run(
            list(map(str, command)),
            env={**self.env, **(env or {})},
            cwd=cwd,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(errors="replace"))

    def docker(self, *words: str | Path, timeout: float = 60, stdin: bytes | None = None) -> str:
        """Run `docker`, and return its output without the last line feed. Raises AssertionError if it fails."""
        done = self.run("docker", *words, timeout=timeout, stdin=stdin)
        assert done.returncode == 0, f"docker {' '.join(map(str, words))}:\n{done.stdout}"
        return done.stdout.strip()

    def build(self, tag: str, dockerfile: str | Path, context: Path) -> None:
        """Build an image; its steps have no network."""
        written = self.folder / "Dockerfile"
        written.write_text(dockerfile.read_text("utf-8") if isinstance(dockerfile, Path) else dockerfile, "utf-8")
        self.docker("build", "--network", "none", "--tag", tag, "--file", written, context, timeout=300)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A Docker engine with the stand-ins for the images that are pulled; skips, with the reason, where none starts."""
    if os.geteuid() != 0:
        pytest.skip("a Docker engine of its own needs root")
    for program in ("dockerd", "docker"):
        if not shutil.which(program):
            pytest.skip(f"needs {program}: apt-get install docker.io")
    processes = Processes(tmp_path_factory.mktemp("engine"))
    with tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as name:  # short: it has sockets
        folder = Path(name)
        socket = f"unix://{folder}/socket"
        # No bridge and no firewall rules: it leaves the machine's network as it is
        daemon = processes.start(
            *("dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false", "--host", socket),
            *("--data-root", folder / "data", "--exec-root", folder / "run", "--pidfile", folder / "pid"),
            name="dockerd",
        )
        try:
            daemon.wait_for("API listen on", 60)
        except AssertionError as error:
            processes.close()
            pytest.skip(f"dockerd does not start: {str(error).splitlines()[-1]}")
        # The builder that every engine has; it needs no plugin of the client
        env = {**os.environ, "DOCKER_HOST": socket, "DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": str(folder)}
        running = Engine(folder, env)
        try:
            stand_in(running)
            yield running
        finally:
            for container in running.docker("ps", "--all", "--quiet").split():
                running.docker("rm", "--force", "--volumes", container)
            processes.close()


@pytest.fixture(scope="session")
def compose(pytestconfig: pytest.Config) -> Path:
    """Docker Compose, built from its Go module (minutes, the first time); skips where there is no Go for it."""
    if not (go := shutil.which("go")):
        pytest.skip(f"Docker Compose {COMPOSE} needs Go to be built")
    folder = pytestconfig.cache.mkdir(f"compose-{COMPOSE}")
    if not (folder / "cmd").exists():
        env = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
        module = f"github.com/docker/compose/v2/cmd@v{COMPOSE}"
        built = subprocess.run(
            [go, "install", module], env=env, capture_output=True, text=True, timeout=900, check=False
        )
        if built.returncode:
            pytest.skip(f"Docker Compose {COMPOSE} cannot be built: {built.stderr.splitlines()[-1]}")
    return folder / "cmd"


def stand_in(engine: Engine) -> None:
    """Make the images that would be pulled: this machine's Python and shell, SecantusDB, the rehearsal's broker."""
    base = re.findall(r"^FROM (\S+)", (ROOT / "setup_scripts" / "Dockerfile").read_text("utf-8"), re.MULTILINE)[0]
    path = f"ENV PATH={THERE}/bin:/usr/bin:/bin"
    engine.docker("import", "--change", path, "-", base, timeout=300, stdin=machine())
    context = engine.folder / "context"
    shutil.copytree(ROOT / "rehearsal", context / "rehearsal", ignore=shutil.ignore_patterns("__pycache__"))
    broker = context / "contextBroker"
    broker.write_text('#!/bin/sh\nexec env PYTHONPATH=/test python -m rehearsal -localIp 0.0.0.0 "$@"\n')
    broker.chmod(0o755)
    copies = "COPY . /test\nRUN chmod -R a+rX /test\nCOPY contextBroker /usr/bin/"
    engine.build("orion", f"FROM {base}\n{copies}", context)
    server = '"secantusd-py", "--standalone", "--storage-path", ":memory:", "--host", "0.0.0.0", "--port", "27017"'
    engine.build("mongo", f"FROM {base}\nENTRYPOINT [{server}]", context)


def machine() -> bytes:
    """Return a tar of what a container needs: a shell, Python, and what is installed for the rehearsal."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in ACCOUNTS.items():
            add(tar, name, text.encode())
        for folder in ("tmp", "usr/bin", "usr/lib", "usr/lib64"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for link in ("bin", "lib", "lib64"):  # as Debian has them
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{link}"
            tar.addfile(entry)
        for path in sorted(set(with_libraries(files()))):
            name = re.sub("^/(?=lib|bin)", "/usr/", str(path).replace(HERE, THERE))
            content = path.read_bytes()
            if content.startswith(b"#!"):  # an installed program names its Python
                content = content.replace(HERE.encode(), THERE.encode())
            add(tar, name, content)
    return packed.getvalue()


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file that everybody may read and run."""
    entry = tarfile.TarInfo(name.lstrip("/"))
    entry.size, entry.mode = len(content), 0o755
    tar.addfile(entry, io.BytesIO(content))


def files() -> Iterator[Path]:
    """Yield the files of the programs, of this Python with its library, and of the installed packages."""
    for program in PROGRAMS:
        if not (path := shutil.which(program)):
            pytest.skip(f"an image of this machine needs {program}")
        yield Path(path)
    yield from Path(HERE, "bin").glob("python*")
    yield Path(HERE, "pyvenv.cfg")
    library = Path(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix}))
    left_out = {"site-packages", "dist-packages", "test", "tests", "idlelib", "__pycache__"}
    yield from (path for path in library.rglob("*") if path.is_file() and not left_out & {*path.parts})
    for found in installed("pip", *requirements(ROOT / "rehearsal" / "requirements.txt")):
        paths = (Path(str(file.locate())).resolve() for file in found.files or ())
        yield from (path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def requirements(file: Path) -> Iterator[str]:
    """Yield the requirements of a file and of those that it names."""
    for line in re.findall(r"^[^#\n]+", file.read_text("utf-8"), re.MULTILINE):
        if line.startswith("-r "):
            yield from requirements(file.parent / line[3:].strip())
        else:
            yield line


def installed(*wanted: str) -> Iterable[Distribution]:
    """Return the installed distributions of some requirements, and of what these require."""
    found: dict[tuple[str, str], Distribution] = {}
    pending = [(Requirement(text), "") for text in wanted]
    while pending:
        requirement, extra = pending.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for more in ("", *requirement.extras):
            if (key := (requirement.name.lower(), more)) not in found:
                found[key] = distribution(requirement.name)
                pending += [(Requirement(text), more) for text in found[key].requires or ()]
    return found.values()


def with_libraries(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths, and the shared libraries that those of them which are programs or libraries need."""
    known = list(paths)
    yield from known
    compiled = [path for path in known if ".so" in path.name or os.access(path, os.X_OK)]
    libraries = subprocess.run(["ldd", *compiled], capture_output=True, text=True, timeout=60, check=False).stdout
    for name in set(re.findall(r"(/\S+) \(0x", libraries)):
        yield Path(os.path.normpath(name))
