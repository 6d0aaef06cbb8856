"""Emulator of Mimecast: API gateway, administration console, service provider and portal of one grid or several.

Facts come from Mimecast's published reference, from recorded responses and from public clients; where none of
these tells, the module says ``EMU`` for a choice of this emulator. ``docs/fidelity.md`` has one row for each.
"""
