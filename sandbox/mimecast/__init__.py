"""Emulator of Mimecast: API gateway, administration console, service provider and portal of one grid or several.

Facts come from Mimecast's published reference, recorded responses and public clients. Where none of these has the
response, ``EMU`` marks a choice of this emulator. ``docs/fidelity.md`` has a row for each.
"""
