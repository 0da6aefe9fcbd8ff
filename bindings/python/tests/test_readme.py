"""The README is correct."""

from __future__ import annotations

import readme
from sandbox import Sandbox

import countersign


def test_the_examples_run(sandbox: Sandbox) -> None:
    readme.run_all(sandbox)


def test_every_public_name_has_a_docstring() -> None:
    for name in countersign.__all__:
        thing = getattr(countersign, name)
        if isinstance(thing, type):
            assert thing.__doc__, name
            public = [member for member in vars(thing) if not member.startswith("_")]
            undocumented = [member for member in public if callable(getattr(thing, member)) and not thing.__doc__]
            assert not undocumented, name


def test_every_error_class_is_in_the_readme() -> None:
    text = readme.README.read_text("utf-8")
    for subclass in countersign.Error.__subclasses__():
        assert f"| `{subclass.__name__}` |" in text
    for name in countersign.__all__:
        assert name in text or not name.endswith("Error"), name
