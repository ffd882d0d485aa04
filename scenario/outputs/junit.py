"""`--junit`: the verdict as JUnit XML for Jenkins, GitLab and GitHub: a test case per criterion and limit.

A failed criterion has the cause as its message, a failed limit its own text. INCONCLUSIVE is an error, not a failure.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from scenario.outputs.json_result import Cause, Reason, Result
from scenario.verdict.outcomes import FAIL, PASS, PREFLIGHT_OK

_SUITE = "connections stress test"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(result: Result) -> str:
    """Return the text of the file."""
    cases = _by_name(result.reasons) or {"verdict": [Reason("verdict", result.verdict, result.verdict)]}
    suite = Element("testsuite", name=_SUITE, timestamp=result.began, tests=str(len(cases)))
    counts = {"failure": 0, "error": 0}
    for name, reasons in cases.items():
        case = SubElement(suite, "testcase", classname=_SUITE, name=_clean(name))
        bad = [reason for reason in reasons if reason.verdict not in (PASS, PREFLIGHT_OK)]
        if bad:
            kind = "failure" if any(reason.verdict == FAIL for reason in bad) else "error"
            counts[kind] += 1
            causes = [] if reasons[0].limit else result.causes
            message = causes[0].sentence if causes else bad[0].text
            element = SubElement(case, kind, type=bad[0].verdict, message=_clean(message))
            element.text = _clean("\n".join([*map(_text_of, causes), *(reason.text for reason in bad)]))
        else:
            SubElement(case, "system-out").text = _clean("\n".join(reason.text for reason in reasons))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    root = Element("testsuites", dict(suite.attrib))
    root.append(suite)
    indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _by_name(reasons: list[Reason]) -> dict[str, list[Reason]]:
    """Return the reasons by criterion. Some criteria have several."""
    return {name: [each for each in reasons if each.name == name] for name in dict.fromkeys(r.name for r in reasons)}


def _text_of(cause: Cause) -> str:
    return f"cause: {cause.sentence}\nevidence: {cause.evidence}\nremedy: {cause.remedy}"


def _clean(text: str) -> str:
    return _NOT_XML.sub(" ", text)
