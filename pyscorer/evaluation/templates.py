"""HTML pages from templates."""

import functools
from collections.abc import Callable
from pathlib import Path

import jinja2


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
