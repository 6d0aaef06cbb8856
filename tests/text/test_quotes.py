"""Names in messages stand in one kind of quotes, written by `foreign.quoted`; nowhere in another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from mimecast_sso.text.foreign import quoted
from tests.support.projects import ROOT

PRODUCT = {
    str(file.relative_to(ROOT)): file.read_text()
    for folder in ("mimecast_sso", "components", "providers")
    for file in sorted((ROOT / folder).rglob("*.py"))
}
PAGES = sorted(
    file
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "mimecast_sso/**/*.j2",
        "stacks/*",
        "sandbox/**/*.py",
    )
    for file in ROOT.glob(pattern)
)
TYPOGRAPHIC = re.compile("[“”„«»]")
OPEN, CLOSE = re.compile(r"""(?<![\w=])["']$"""), re.compile(r"""["'](?!\w)""")
OWN = {
    "mimecast_sso/__init__.py",  # Python's own form of an AttributeError.
    "mimecast_sso/facts/entra.py",  # A shell's quotes around a command's body.
    "mimecast_sso/operations/cli.py",  # Continues a sentence of click's.
    "mimecast_sso/operations/drift.py",  # JSON.
    "mimecast_sso/text/characters.py",  # Below `foreign`, and visible characters only.
    "mimecast_sso/text/foreign.py",  # `quoted` itself.
    "mimecast_sso/saml/documents.py",  # Does not use `text`.
    "providers/entra/documents.py",  # Names of properties, from this project.
    "providers/mimecast/dns_update.py",  # DNS's notation of texts.
}
"""Files in which a quote next to a placeholder is not around a name."""


def odd_quotes(source: str) -> Iterator[tuple[int, str]]:
    """The placeholders of a module in quotes of their own, or written as Python does (``!r``)."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        texts = ["", *(part.value if isinstance(part, ast.Constant) else None for part in node.values), ""]
        for before, part, after in zip(texts, node.values, texts[2:], strict=False):
            if not isinstance(part, ast.FormattedValue):
                continue
            inside = OPEN.search(str(before or "")) and CLOSE.match(str(after or ""))
            if part.conversion == ord("r") or (inside and not str(before).endswith(': "')):
                yield node.lineno, ast.unparse(node)


def test_names_in_messages_are_quoted_by_the_one_function() -> None:
    assert [
        f"{name}:{line}: {message}"
        for name, source in PRODUCT.items()
        if name not in OWN
        for line, message in odd_quotes(source)
    ] == []


def test_pages_have_the_quotes_of_messages() -> None:
    assert [name for name, source in PRODUCT.items() if TYPOGRAPHIC.search(source)] == []
    assert [file.name for file in PAGES if TYPOGRAPHIC.search(file.read_text())] == []


@pytest.mark.parametrize(
    "message", ["f'group \"{name}\" is gone'", "f\"group '{name}'\"", 'f"group {name!r} is gone"']
)
def test_other_quotes_are_found(message: str) -> None:
    assert list(odd_quotes(message))


def test_a_quoted_name_is_harmless_and_short() -> None:
    assert quoted("Single\nsign-on\u202e") == '"Single sign-on"'
    assert quoted("x" * 200) == f'"{"x" * 79}…"'
