"""The settings of a rotation: what is refused, and what follows from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.settings import (
    Certificates,
    ConfigurationError,
    CutOver,
    ProfileSlot,
    RotationMode,
    from_values,
)

ENDS = "2029-11-01T00:00:00Z"
THUMBPRINT = "0123456789abcdef0123456789abcdef01234567"
OLD = {"label": "2026", "endDate": ENDS}
NEW = {"label": "2029", "endDate": "2032-11-01T00:00:00Z"}
IN_SECOND = {**NEW, "profile": "second"}
OBSERVED = {"by": "ada@example.com", "at": "2026-11-01T09:00:00Z", "evidence": "change CHG-1042"}


def read(certificates: dict[str, Any], **sections: Any) -> Certificates:
    values = {"region": "eu", "accountCode": "CUK25A118", "certificates": certificates, **sections}
    return from_values(values).certificates


def test_without_rotation_settings_nothing_changes() -> None:
    found = read({"generations": [OLD], "active": "2026"})
    assert (found.rotation, found.cut_over, found.slots) == (
        RotationMode.SINGLE,
        CutOver.ACTIVE,
        (ProfileSlot.FIRST,),
    )
    assert found.populated == {ProfileSlot.FIRST}
    assert (found.next_generation, found.former_generation) == (None, None)


@pytest.mark.parametrize(
    ("changes", "sections", "part"),
    [
        ({"rotation": "weekly"}, {}, "mimecast-sso:certificates.rotation"),
        ({"rotation": "metadata"}, {}, "no metadataObserved"),
        (
            {"rotation": "metadata", "metadataObserved": OBSERVED},
            {},
            "authenticationProfile.source: metadata",
        ),
        (
            {"rotation": "metadata", "metadataObserved": {**OBSERVED, "at": "last week"}},
            {},
            "certificates.metadataObserved.at",
        ),
        ({"rotation": "metadata", "metadataObserved": {"by": "ada@example.com"}}, {}, "evidence is missing"),
        (
            {"rotation": "blue-green"},
            {"authenticationProfile": {"source": "metadata"}},
            "set source: certificate",
        ),
        ({"generations": [OLD, IN_SECOND]}, {}, "needs rotation: blue-green"),
        ({"cutOver": "both"}, {}, "needs rotation: blue-green"),
        ({"cutOver": "none", "rotation": "blue-green"}, {}, "certificates.cutOver"),
        ({"rotation": "blue-green", "generations": [OLD, NEW]}, {}, "profile: second for one of them"),
        ({"active": "2027"}, {}, "the generations are 2026"),
        (
            {"active": "2025", "retired": [{"label": "2025", "thumbprint": THUMBPRINT}]},
            {},
            "which is retired",
        ),
        ({"retired": [{"label": "2025", "thumbprint": "12:34"}]}, {}, "40 hexadecimal digits"),
        ({"retired": [{"label": "2025", "thumbprint": THUMBPRINT}] * 2}, {}, "twice"),
        ({"generations": [OLD, OLD]}, {}, "two generations with the same label"),
        ({"window": {"approvedBy": "grace@example.com"}}, {}, "certificates.window.notBefore is missing"),
        ({"window": {"notBefore": "2026-11-07 20:00"}}, {}, "written as"),
        ({"soakDays": -1}, {}, "certificates.soakDays"),
        ({"waitMinutes": 2000}, {}, "certificates.waitMinutes"),
        ({"windows": {}}, {}, "did you mean window?"),
        ({"rotation": "blue-green"}, {"rollOut": {"group": "A", "secondGroup": "A"}}, "a separate group"),
    ],
)
def test_impossible_settings_are_refused_with_the_reason(
    changes: dict[str, Any], sections: dict[str, Any], part: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read({"generations": [OLD], "active": "2026", **changes}, **sections)
    assert part in str(refused.value)


def test_profile_slots_of_a_blue_green_rotation() -> None:
    found = read({"rotation": "blue-green", "generations": [OLD, IN_SECOND], "active": "2026"})
    assert found.slots == (ProfileSlot.FIRST, ProfileSlot.SECOND)
    assert (found.populated, found.next_generation) == ({ProfileSlot.FIRST}, found.generation("2029"))
    both = found.model_copy(update={"cut_over": CutOver.BOTH})
    assert both.populated == set(ProfileSlot)
    after = found.model_copy(update={"active": "2029"})
    assert (after.populated, after.former_generation) == ({ProfileSlot.SECOND}, found.generation("2026"))
    assert after.of_slot(ProfileSlot.FIRST) == found.generation("2026")


def test_thumbprints_have_one_form() -> None:
    written = ":".join(THUMBPRINT[index : index + 2] for index in range(0, 40, 2))
    found = read(
        {"generations": [OLD], "active": "2026", "retired": [{"label": "2025", "thumbprint": written}]}
    )
    assert found.retired[0].thumbprint == THUMBPRINT.upper()


@pytest.mark.parametrize(
    ("certificates", "parts"),
    [
        ({}, ("15 minutes", "Save in the console", "exact moment is unknown")),
        ({"rotation": "blue-green", "waitMinutes": 20}, ("unknown:", "35 minutes or more")),
        (
            {"rotation": "metadata", "metadataObserved": OBSERVED},
            ("unknown:", "observed once by ada@example.com"),
        ),
    ],
)
def test_the_expected_gap_says_what_is_unknown(certificates: dict[str, Any], parts: tuple[str, ...]) -> None:
    found = Certificates.model_validate({"generations": [OLD], "active": "2026", **certificates})
    assert all(part in found.expected_gap() for part in parts), found.expected_gap()


def test_the_second_profile_is_named_after_the_first() -> None:
    settings = from_values(
        {
            "region": "eu",
            "accountCode": "CUK25A118",
            "certificates": {"generations": [OLD], "active": "2026"},
            "rollOut": {"group": "Portal"},
        }
    )
    profile = settings.authentication_profile
    assert profile.description_of(ProfileSlot.FIRST) == profile.description
    assert profile.description_of(ProfileSlot.SECOND) == f"{profile.description} (second)"
    assert settings.roll_out.group_of(ProfileSlot.SECOND) == "Portal (second)"


def test_shipped_stacks_use_none_of_it() -> None:
    for file in (Path(__file__).resolve().parents[2] / "stacks").glob("Pulumi.*.yaml"):
        text = file.read_text(encoding="utf-8")
        assert not any(word in text for word in ("rotation:", "cutOver", "retired", "secondGroup")), file.name
