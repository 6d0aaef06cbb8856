"""The stack configuration as one validated model.

`Settings` is read in two ways: by the Pulumi program from the engine (`from_engine`), and by the commands around
it from the stack file (`from_file`). Both give the same model, and both raise `ConfigurationError`, whose text
names each key, its value, what is allowed, and the YAML line to write.

The namespace of all keys is ``mimecast-sso``.
"""

from mimecast_sso.facts.address_removal import Removal
from mimecast_sso.settings.addresses import Address, Addresses, AddressSource
from mimecast_sso.settings.application import Application, Assign, Ownership, SignOn
from mimecast_sso.settings.authentication_profile import (
    AuthenticationProfile,
    CapturedRequest,
    Confirmed,
    ConsoleChange,
    Contexts,
    Enforce,
    Evidence,
    ReadConsole,
    SecondProfile,
)
from mimecast_sso.settings.base import NAMESPACE, REFUSED, SECRET, SECRET_KEYS
from mimecast_sso.settings.certificates import (
    Certificates,
    CutOver,
    Generation,
    MetadataObserved,
    ProfileSlot,
    Retired,
    RotationMode,
    Window,
)
from mimecast_sso.settings.directory_synchronisation import DirectorySynchronisation, IntegrationMode
from mimecast_sso.settings.domains import Dns, Domain, DomainMode, InboundType, Tsig
from mimecast_sso.settings.errors import ConfigurationError
from mimecast_sso.settings.guards import Attestation, FactName, GuardName, GuardOverride
from mimecast_sso.settings.model import Settings
from mimecast_sso.settings.reading import (
    SCALARS,
    engine_keys,
    from_engine,
    from_file,
    from_values,
    is_encrypted,
    read_values,
    values_of,
    written_elsewhere,
)
from mimecast_sso.settings.roll_out import RollOut
from mimecast_sso.settings.written import Written

__all__ = [
    "NAMESPACE",
    "REFUSED",
    "SCALARS",
    "SECRET",
    "SECRET_KEYS",
    "Address",
    "AddressSource",
    "Addresses",
    "Application",
    "Assign",
    "Attestation",
    "AuthenticationProfile",
    "CapturedRequest",
    "Certificates",
    "ConfigurationError",
    "Confirmed",
    "ConsoleChange",
    "Contexts",
    "CutOver",
    "DirectorySynchronisation",
    "Dns",
    "Domain",
    "DomainMode",
    "Enforce",
    "Evidence",
    "FactName",
    "Generation",
    "GuardName",
    "GuardOverride",
    "InboundType",
    "IntegrationMode",
    "MetadataObserved",
    "Ownership",
    "ProfileSlot",
    "ReadConsole",
    "Removal",
    "Retired",
    "RollOut",
    "RotationMode",
    "SecondProfile",
    "Settings",
    "SignOn",
    "Tsig",
    "Window",
    "Written",
    "engine_keys",
    "from_engine",
    "from_file",
    "from_values",
    "is_encrypted",
    "read_values",
    "values_of",
    "written_elsewhere",
]
