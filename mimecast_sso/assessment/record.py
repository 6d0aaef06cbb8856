"""The record of this stack's last deployment: a typed contract over the outputs in its state.

Before the first deployment the record is empty. Outputs that earlier releases did not have are read as absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol, TypedDict

from mimecast_sso.console.attestation import OPENS, Fingerprints
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.attestation_documents import Attestation, EvidenceDocument
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.profile_form import FormValues
from mimecast_sso.settings import ProfileSlot, Removal
from mimecast_sso.text.times import graph_time
from providers.entra.applications import Policy


class Resource(Protocol):
    """A resource of a state: its URN, type, and outputs with secrets left out."""

    @property
    def urn(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def outputs(self) -> Mapping[str, JSON]: ...


@dataclass(frozen=True, slots=True)
class RecordedApplication:
    """The application object, and how the engine manages it."""

    client_id: str
    object_id: str
    display_name: str


@dataclass(frozen=True, slots=True)
class RecordedPrincipal:
    """The service principal's outputs that decide about sign-ins, or about whether it is written."""

    object_id: str
    enabled: bool
    assignment_required: bool
    sign_on_url: str
    hidden: bool
    notification_emails: frozenset[str]
    owners: frozenset[str]
    """Object ids."""


@dataclass(frozen=True, slots=True)
class RecordedAssignment:
    """One assignment that this stack created or adopted."""

    principal_id: str
    """Object id of the user or group."""
    role_id: str
    assignment_id: str = ""
    """Its own id in Graph; "" if it was not recorded."""
    left: bool = False
    """Whether a person manages it (``assign.mode: verify``), so that no run deletes it."""


@dataclass(frozen=True, slots=True)
class RecordedPolicy:
    """The claims mapping policy that this stack created or adopted; ``definition`` is JSON text."""

    name: str
    definition: str
    assigned: bool = True
    """Whether its assignment to the service principal is recorded as well."""
    policy_id: str = ""
    """Its id in Graph; "" if it was not recorded."""

    def is_live(self, policy: Policy) -> bool:
        """Whether a live policy is this one: by id, because another may have the same name."""
        if self.policy_id and policy.policy_id:
            return self.policy_id.casefold() == policy.policy_id.casefold()
        return self.name == policy.name


@dataclass(frozen=True, slots=True)
class RecordedGroup:
    """A roll-out group with its recorded name; ``created`` by this stack, or found.

    ``created_at`` is the time as in confirmations, by Mimecast's clock; "" if this stack or release did not create it.
    """

    name: str
    created: bool
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class RecordedMembership:
    """Who belongs in a group.

    Attributes:
        members: Whom this stack manages there: a run removes those who leave the list, and nobody else.
        hold: Whether nobody of them is added. Who of them is in the group then was added before that, by this stack or
            by others; the record does not tell.
    """

    group: str = ""
    members: frozenset[str] = frozenset()
    hold: bool = False
    changed_at: datetime | None = None

    @property
    def added(self) -> frozenset[str]:
        """Whom this stack is known to have added, so that whoever is missing was removed by others."""
        return frozenset() if self.hold else self.members

    def unmanaged(self, live: frozenset[str]) -> frozenset[str]:
        """Who of a group's members is not managed by this stack, so that no run removes them."""
        return live - self.members


@dataclass(frozen=True, slots=True)
class RecordedProfile:
    """The attested authentication profile of one slot."""

    slot: ProfileSlot
    form: FormValues
    thumbprint: str
    """Thumbprint of the certificate in the form; "" if it has none."""
    fingerprints: Fingerprints
    state: str
    previous: FormValues | None
    """The last confirmed form, while the desired one is due."""
    confirmed: Attestation | None
    evidence: EvidenceDocument | None

    @property
    def idle(self) -> bool:
        """Whether it waits for a certificate, so that nothing is due in the console."""
        return not self.form["certificate"] and not self.form["monitorMetadataUrl"]

    @property
    def opens(self) -> bool:
        """Whether people are added while it is in this state."""
        return self.state in OPENS


class BookEntry(TypedDict, total=False):
    """An address in the recorded book; an empty name is any."""

    name: str
    passwordVersion: str


@dataclass(frozen=True, slots=True)
class RecordedBook:
    """The address book.

    Attributes:
        entries: The addresses that this stack manages, or only checks.
        created: Those that it created.
        adopted: Existing ones that it may change.
        missing: Of those that are only checked, those that did not exist at the last deployment.
        on_removal: What the last deployment configured; deleting the book does that to all of its addresses.
    """

    entries: Mapping[str, BookEntry]
    created: frozenset[str] = frozenset()
    adopted: frozenset[str] = frozenset()
    check_only: bool = False
    on_removal: str = Removal.FORGET
    missing: frozenset[str] = frozenset()

    @property
    def addresses(self) -> Set[str]:
        """The addresses alone."""
        return self.entries.keys()


@dataclass(frozen=True, slots=True)
class RecordedIntegration:
    """The directory integration: its configuration, and all properties at the last read."""

    description: str
    mode: str
    properties: Mapping[str, JSON]
    live: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class RecordedAccount:
    """The test account that this stack created."""

    address: str
    """In lower case."""
    object_id: str


@dataclass(frozen=True, slots=True)
class RecordedIntent:
    """A test account that this stack was about to create, and did not record."""

    address: str
    """In lower case."""
    marker: str
    """The employee id that it would have."""


@dataclass(frozen=True)
class Record:
    """Everything that the last deployment recorded, by kind; pending deletions are left out."""

    resources: tuple[Resource, ...] = field(default=(), repr=False)
    component: str = ""
    """Name of the component; "" for the whole stack."""
    written_at: datetime | None = None
    """When the state was last written; ``None`` if that is not known, as in a program."""

    def of(self, component: str) -> Record:
        """The part of one component in a program with several; empty if it is not deployed yet."""
        names = self.components
        if component not in names:
            return replace(self, resources=tuple(self._of(types.STACK)), component=component)
        # Release 0.1.0 had one component, and gave its parts names without the component's.
        mine = [each for each in self.resources if len(names) == 1 or _owner(each.urn, names) == component]
        return replace(self, resources=(*self._of(types.STACK), *mine), component=component)

    @cached_property
    def components(self) -> frozenset[str]:
        """The names of the deployed components."""
        return frozenset(name_of(each.urn) for each in self._of(types.PERSONAL_PORTAL_SSO))

    @property
    def origins(self) -> frozenset[tuple[str, str]]:
        """Stack and project in the URNs of the components: others than the running ones in a copied state."""
        parts = (each.urn.split("::") for each in self._of(types.PERSONAL_PORTAL_SSO))
        return frozenset((stack.removeprefix("urn:pulumi:"), project) for stack, project, *_ in parts)

    @cached_property
    def stack_outputs(self) -> Mapping[str, JSON]:
        """The stack's outputs."""
        return next((each.outputs for each in self._of(types.STACK)), {})

    @cached_property
    def outputs(self) -> Mapping[str, JSON]:
        """The component's outputs; the stack's for the whole stack."""
        if not self.component:
            return self.stack_outputs
        found = next((each.outputs for each in self._of(types.PERSONAL_PORTAL_SSO)), None)
        if found is None:
            return {}
        return found or self.stack_outputs  # Release 0.1.0 recorded none of the component's own.

    @cached_property
    def application(self) -> RecordedApplication | None:
        """The application that this stack created or adopted."""
        created = next(self._of(types.APPLICATION_FROM_TEMPLATE), None)
        if created is None:
            return None
        principal = next(self._of(types.SERVICE_PRINCIPAL), None)
        # A principal that was deleted from the state is still in the component's last outputs.
        client_id = principal.outputs.get("clientId") if principal else self.outputs.get("applicationId")
        return RecordedApplication(
            client_id=str(client_id or ""),
            object_id=str(created.outputs.get("applicationObjectId") or ""),
            display_name=str(created.outputs.get("displayName") or ""),
        )

    @cached_property
    def principal(self) -> RecordedPrincipal | None:
        """The service principal."""
        found = next(self._of(types.SERVICE_PRINCIPAL), None)
        if found is None:
            return None
        outputs = found.outputs
        tags: Mapping[str, JSON] = next(iter(outputs.get("featureTags") or ()), {})
        return RecordedPrincipal(
            object_id=str(outputs.get("objectId") or ""),
            enabled=outputs.get("accountEnabled") is not False,
            assignment_required=outputs.get("appRoleAssignmentRequired") is True,
            sign_on_url=str(outputs.get("loginUrl") or ""),
            hidden=tags.get("hide") is True,
            notification_emails=frozenset(map(str, outputs.get("notificationEmailAddresses") or ())),
            owners=frozenset(map(str, outputs.get("owners") or ())),
        )

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """The identifiers that this stack put on its application."""
        found = self._of(types.APPLICATION_IDENTIFIER)
        return frozenset(str(each.outputs["identifierUri"]) for each in found)

    @cached_property
    def reply_urls(self) -> tuple[str, ...] | None:
        """The reply URLs; ``None`` if they were not deployed."""
        found = next(self._of(types.APPLICATION_REDIRECT_URIS), None)
        return tuple(map(str, found.outputs.get("redirectUris") or ())) if found else None

    @cached_property
    def default_reply_url(self) -> str:
        """The default reply URL that this stack states; "" for none."""
        found = next(self._of(types.DEFAULT_REPLY_URL), None)
        return str(found.outputs.get("url") or "") if found else ""

    @cached_property
    def assignments(self) -> Mapping[str, RecordedAssignment]:
        """This stack's assignments, by the object id of the user or group."""
        found = (
            RecordedAssignment(
                str(each.outputs["principalObjectId"]),
                str(each.outputs.get("appRoleId") or ""),
                _last_segment(each.outputs.get("id")),
                types.is_retained(each.type, each.urn),
            )
            for each in self._of(types.APP_ROLE_ASSIGNMENT)
        )
        return {each.principal_id: each for each in found}

    @property
    def deletable_assignments(self) -> frozenset[str]:
        """Object ids of the users and groups whose assignments a run deletes once they are not configured."""
        return frozenset(key for key, each in self.assignments.items() if not each.left)

    @cached_property
    def policy(self) -> RecordedPolicy | None:
        """The claims mapping policy of this stack."""
        found = next(self._of(types.CLAIMS_MAPPING_POLICY), None)
        if found is None:
            return None
        definitions = found.outputs.get("definitions") or ("",)
        return RecordedPolicy(
            str(found.outputs.get("displayName") or ""),
            str(definitions[0]),
            assigned=any(self._of(types.CLAIMS_MAPPING_POLICY_ASSIGNMENT)),
            policy_id=_last_segment(found.outputs.get("id")),
        )

    @cached_property
    def owners(self) -> frozenset[str]:
        """Object ids of the owners of the application object that this stack recorded."""
        return frozenset(str(each.outputs["ownerObjectId"]) for each in self._of(types.APPLICATION_OWNER))

    @property
    def deployers(self) -> frozenset[str]:
        """Object ids of who deployed: owners of the service principal who are no declared owners of the application.

        Empty before a deployment, and where the deploying principal was declared as an owner as well.
        """
        return (self.principal.owners if self.principal else frozenset[str]()) - self.owners

    @cached_property
    def thumbprints(self) -> Mapping[str, str]:
        """Label → thumbprint of the signing certificates."""
        return {
            _label(each.urn): str(each.outputs["thumbprint"]) for each in self._of(types.SIGNING_CERTIFICATE)
        }

    def keeps_certificate(self, label: str, end: datetime) -> bool:
        """Whether a generation's recorded certificate expires then; one that does not is replaced by a new one."""
        ends = self.expiries.get(label)
        return ends is None or ends == end

    @cached_property
    def expiries(self) -> Mapping[str, datetime]:
        """Label → expiry of the signing certificates, where it was recorded."""
        return {
            _label(each.urn): graph_time(each.outputs["endDate"])
            for each in self._of(types.SIGNING_CERTIFICATE)
            if each.outputs.get("endDate")
        }

    @cached_property
    def active(self) -> Mapping[str, JSON]:
        """The outputs of the active signing certificate; empty before the first deployment."""
        return next((each.outputs for each in self._of(types.ACTIVE_SIGNING_CERTIFICATE)), {})

    @property
    def activated_at(self) -> datetime | None:
        """Since when the active signing certificate has been so."""
        return _moment(self.active.get("activatedAt"))

    @cached_property
    def profiles(self) -> Mapping[ProfileSlot, RecordedProfile]:
        """The attested profiles, by slot."""
        found = (profile_of(each.urn, each.outputs) for each in self._of(types.AUTHENTICATION_PROFILE))
        return {each.slot: each for each in found}

    @cached_property
    def groups(self) -> Mapping[ProfileSlot, RecordedGroup]:
        """The roll-out groups, by slot."""
        return {
            slot_of(each.urn): RecordedGroup(
                str(each.outputs["description"]),
                each.outputs.get("created") is True,
                str(each.outputs.get("createdAt") or ""),
            )
            for each in self._of(types.GROUP)
        }

    @cached_property
    def memberships(self) -> Mapping[ProfileSlot, RecordedMembership]:
        """The recorded members of the roll-out groups, by slot."""
        return {
            slot_of(each.urn): RecordedMembership(
                str(each.outputs["group"]),
                frozenset(map(str, each.outputs["members"])),
                each.outputs.get("hold") is True,
                _moment(each.outputs.get("changedAt")),
            )
            for each in self._of(types.GROUP_MEMBERSHIP)
        }

    def membership(self, slot: ProfileSlot) -> RecordedMembership:
        """Who is recorded in a slot's group; nobody where it was not deployed."""
        return self.memberships.get(slot) or RecordedMembership()

    @property
    def addresses(self) -> Set[str]:
        """The addresses of the book; none before it is deployed."""
        return self.book.addresses if self.book else frozenset()

    @cached_property
    def book(self) -> RecordedBook | None:
        """The address book."""
        found = next(self._of(types.ADDRESS_BOOK), None)
        if found is None:
            return None
        outputs = found.outputs
        return RecordedBook(
            entries=outputs.get("addresses") or {},
            created=frozenset(outputs.get("created") or ()),
            adopted=frozenset(outputs.get("adopt") or ()),
            check_only=outputs.get("checkOnly") is True,
            on_removal=str(outputs.get("onRemoval") or Removal.FORGET),
            missing=frozenset(outputs.get("missing") or ()),
        )

    @cached_property
    def integration(self) -> RecordedIntegration | None:
        """The managed directory integration."""
        outputs = self.outputs_of(types.DIRECTORY_INTEGRATION)
        if outputs is None:
            return None
        return RecordedIntegration(
            str(outputs.get("description") or ""),
            str(outputs.get("mode") or ""),
            outputs.get("properties") or {},
            outputs.get("live") or {},
        )

    @cached_property
    def account_for_tests(self) -> RecordedAccount | None:
        """The test account; None if this stack has none."""
        found = next(self._of(types.USER), None)
        if found is None:
            return None
        return RecordedAccount(
            str(found.outputs.get("userPrincipalName") or "").lower(),
            str(found.outputs.get("objectId") or ""),
        )

    @cached_property
    def intended_account(self) -> RecordedIntent | None:
        """The test account whose password is recorded, and which itself is not; None if there is none."""
        outputs = self.outputs_of(types.ACCOUNT_PASSWORD) or {}
        if self.account_for_tests is not None or not outputs.get("marker"):
            return None
        return RecordedIntent(str(outputs.get("account") or "").lower(), str(outputs["marker"]))

    @property
    def account_code(self) -> str:
        """The Mimecast account deployed to; "" before the first deployment."""
        return str(self.outputs.get("accountCode") or "")

    @property
    def region(self) -> str:
        """Its region."""
        return str(self.outputs.get("region") or "")

    @property
    def issuer(self) -> str:
        """The issuer of the Entra tenant deployed to."""
        return str(self.outputs.get("issuer") or "")

    def outputs_of(self, type_: str) -> Mapping[str, JSON] | None:
        """The outputs of the only resource of a type; ``None`` if there is none."""
        return next(self.all_outputs_of(type_), None)

    def all_outputs_of(self, type_: str) -> Iterator[Mapping[str, JSON]]:
        """The outputs of every resource of a type."""
        return (each.outputs for each in self._of(type_))

    def _of(self, type_: str) -> Iterator[Resource]:
        return (each for each in self.resources if each.type == type_)


def _last_segment(path: object) -> str:
    """The id at the end of a path such as ``/policies/claimsMappingPolicies/{id}``; "" for none."""
    return str(path or "").rpartition("/")[2]


def name_of(urn: str) -> str:
    """A resource's name, from its URN."""
    return urn.rpartition("::")[2]


def _owner(urn: str, components: Iterable[str]) -> str:
    """The component whose name is a prefix of a resource's name; the longest one."""
    name = name_of(urn)
    return max(
        (each for each in components if name == each or name.startswith(f"{each}-")), key=len, default=""
    )


def slot_of(urn: str) -> ProfileSlot:
    """The profile slot of a resource, from the suffix of its name; the first slot has none."""
    return ProfileSlot.SECOND if urn.endswith(f"-{ProfileSlot.SECOND}") else ProfileSlot.FIRST


def profile_of(urn: str, outputs: Mapping[str, JSON]) -> RecordedProfile:
    """A profile from its URN and outputs, in a state or in an event of the engine."""
    return RecordedProfile(
        slot=slot_of(urn),
        form=outputs["form"],
        thumbprint=outputs["thumbprint"],
        fingerprints=Fingerprints(outputs["criticalFingerprint"], outputs["cosmeticFingerprint"]),
        state=outputs["state"],
        previous=outputs.get("previousForm"),
        confirmed=outputs.get("confirmed"),
        evidence=outputs.get("evidence"),
    )


def _label(urn: str) -> str:
    """The label of the generation that a signing certificate is of."""
    return name_of(urn).rpartition("signing-certificate-")[2]


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None
