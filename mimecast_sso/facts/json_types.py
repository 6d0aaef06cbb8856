"""Documents from outside, parsed and not checked yet: responses, states, stack files, captures."""

from __future__ import annotations

from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""A value of JSON or YAML. Whoever reads it checks its type, with a model, a test or a default.

A recursive type would demand such a test for each step into a document, also where its form is documented.
"""
