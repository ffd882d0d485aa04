"""A page of its own, one HTML file without links: the report, and runs compared. It needs no network."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_STATIC = Path(__file__).with_name("static")
_TEMPLATES = Environment(
    loader=FileSystemLoader(_STATIC), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def _plotly_js() -> Path:
    """Return plotly's script from its PyPI package. The package itself is not imported."""
    spec = find_spec("plotly")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0], "package_data", "plotly.min.js")


PLOTLY_JS = _plotly_js()


def static_file(name: str) -> Path:
    """Return the path of a style sheet or script of the pages; plotly's is "plotly.min.js"."""
    return PLOTLY_JS if name == PLOTLY_JS.name else _STATIC / name


def page(name: str, data: object, **values: Any) -> str:
    """Return a page from its template, which escapes `values`. Its scripts read `data` as JSON, and escape its texts.

    The template has `inline(file)`, too: the text of a static file.
    """
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return _TEMPLATES.get_template(name).render(values, data=Markup(text), inline=_inline)


def _inline(name: str) -> Markup:
    return Markup(static_file(name).read_text(encoding="utf-8"))
