"""The offline world: emulators of Microsoft Entra ID and Mimecast behind the vendors' own host names.

One process on loopback serves everything; ``python -m sandbox start`` starts it and ``python -m sandbox env``
prints what an unmodified client needs to reach it. Nothing of the product imports this package.
"""
