"""HTML pages from templates."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2


def figure(value: Any, digits: int = 3) -> str:
    """A number as pages show it: a dash for what is not known, commas between thousands."""
    if value is None or isinstance(value, float):
        return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@functools.cache
def page_template(name: str, number: Callable[..., str], folder: Path) -> jinja2.Template:
    """The template of file `name` in `folder`; its filter `number` writes a figure."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = number
    return environment.get_template(name)
