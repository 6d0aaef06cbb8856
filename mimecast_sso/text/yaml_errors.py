"""Errors of YAML parsers in words, without the file's content: it may be a secret.

They are those of PyYAML and ruamel.yaml, whose errors have the same attributes.
"""

from __future__ import annotations

import re

_QUOTING = re.compile(
    r"could not determine a constructor for the tag|found undefined (alias|tag handle)|found duplicate anchor"
)
"""Problems of which the parsers quote the text."""


def yaml_problem(error: Exception) -> str:
    """Position and cause of an error, such as ``, line 2, column 3: a tab; indent with spaces``."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if problem == "but found another document":
        problem = "a second document begins (---); write one"
    if problem:
        problem = problem.partition(" with value ")[0]  # Of a duplicate key: the value may be a secret.
        quoting = _QUOTING.match(problem)  # A password that begins with ! or * is a tag or an alias to YAML.
        problem = f"{quoting[0]}; quote the value if it is text" if quoting else problem
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    if problem and "'\\t'" in problem:
        return f"{where}: a tab; indent with spaces"
    character = getattr(error, "character", None)
    if character is not None:  # As such, or as its number.
        number = character if isinstance(character, int) else ord(character)
        return f": YAML does not allow U+{number:04X}; delete it"
    if mark is None:  # A value that looks like a date but is not valid.
        problem = str(error)
    return f"{where}: {problem}" if problem else where
