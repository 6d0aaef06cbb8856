"""The Entra emulator: tokens, the part of Microsoft Graph that this product uses, and SAML sign-in.

Facts come from Microsoft's documentation and the azuread provider's requests; ``docs/fidelity.md`` lists assumptions.
"""
