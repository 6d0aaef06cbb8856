"""The Entra emulator: tokens, the part of Microsoft Graph that this product uses, and SAML sign-in.

Facts come from Microsoft's documentation and from the azuread provider's own requests; what is only assumed is
listed in ``docs/fidelity.md``.
"""
