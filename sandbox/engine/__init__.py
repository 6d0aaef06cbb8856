"""A small deployment engine that speaks Pulumi's protocols, for stacks deployed on the sandbox.

It runs a Pulumi program in Python, talks to the same provider plugins and keeps the same state file as
the Pulumi CLI with a `file://` backend, so either can continue a stack of the other. It refuses unsupported
features before anything is changed; `docs/engine.md` lists them. Use it as a command:

    python -m sandbox.engine up --yes --stack sandbox
"""

from __future__ import annotations
