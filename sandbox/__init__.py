"""The sandbox: emulators of Microsoft Entra ID and Mimecast behind the vendors' own host names.

One process on loopback serves everything; ``python -m sandbox start`` starts it and ``python -m sandbox env``
prints the variables that an unmodified client needs. The product never imports this package.
"""
