"""How addresses are removed at Mimecast."""

from enum import StrEnum


class Removal(StrEnum):
    """What happens to an address that is removed from the configuration; Mimecast has no call that deletes one."""

    DISABLE = "disable"
    FORGET = "forget"
    REFUSE = "refuse"
