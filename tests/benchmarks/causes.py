"""python -m tests.benchmarks.causes [NAME...]: rehearses every cause, or these, and prints their table as Markdown.

The figures are those of the runs. Three at a time, 12 s each after the trigger: about five minutes on two cores.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scenario.verdict.causes import CAUSES
from scenario.verdict.causes.cause import Cause
from tests.support.processes import ROOT

SUBSCRIPTIONS = 350
SCRIPT = str(ROOT / "setup_scripts" / "rehearse.sh")
ENVIRONMENT = {**os.environ, "LOCUST_SKIP_MONKEY_PATCH": ""}  # which tests/__init__.py sets for this process


def line(cause: Cause) -> str:
    """Run the rehearsal of a cause; return its line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = ("--subscriptions", str(SUBSCRIPTIONS), "--duration", "12s", "--output", folder)
        command = ["sh", SCRIPT, "--cause", cause.name, *sizes]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT)
        log = Path(folder, "connections_stress_tests.log").read_text(encoding="utf-8")
    found = re.search(rf"  cause: {re.escape(cause.says)}\n.*?  evidence: (.*)", log)
    evidence = found[1].replace("|", "&#124;").replace("<", "&lt;") if found else "not named"
    verdict = {1: "FAIL", 4: "INCONCLUSIVE"}.get(run.returncode, str(run.returncode))
    return f"| `{cause.name}` | {cause.says} | {evidence} | {verdict} |"


def main() -> None:
    """Print the table."""
    wanted = [cause for cause in CAUSES if cause.name in sys.argv[1:] or not sys.argv[1:]]
    print(f"| `--cause` | what the run says | what showed it, with {SUBSCRIPTIONS} subscriptions | verdict |")
    print("| --- | --- | --- | --- |")
    with ThreadPoolExecutor(3) as crew:
        for text in crew.map(line, wanted):
            print(text, flush=True)


if __name__ == "__main__":
    main()
