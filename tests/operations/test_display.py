"""The display of a run, from its events."""

from __future__ import annotations

import itertools

import pytest

from mimecast_sso.facts import resource_types as types
from mimecast_sso.operations.display import Concise

STACK = "urn:pulumi:sandbox::mimecast-sso::pulumi:pulumi:Stack::mimecast-sso-sandbox"
OUTPUTS = {
    "identifier": "https://eu-api.mimecast.com/sso/CUK25A118",
    "replyUrl": "https://eu-api.mimecast.com/login/saml",
    "applicationId": "6c000000-0000-4000-8000-00000000000a",
}


@pytest.mark.parametrize("order", list(itertools.permutations(OUTPUTS)))
def test_outputs_are_in_the_order_of_their_reference(
    order: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine lists them as their values become known, which differs between runs."""
    show = Concise("Deploying sandbox")
    state = {"outputs": {key: OUTPUTS[key] for key in order}}
    step = {"op": "create", "urn": STACK, "type": "pulumi:pulumi:Stack", "old": None, "new": state}
    show.take({"resOutputsEvent": {"metadata": step}})  # type: ignore[typeddict-item]
    show.end(ok=True)
    printed = capsys.readouterr().out
    assert [line.split(":")[0].strip() for line in printed.splitlines() if line.startswith("    ")][:3] == [
        *OUTPUTS
    ]


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ("GalleryApplication${principal}${assignment}", "forget (it stays in Entra)"),
        ("GalleryApplication${assignment}", "delete"),
        ("SigningCertificates${certificate}", "forget (it stays in Entra)"),
        ("GalleryApplication${principal}", "delete"),
    ],
)
def test_what_only_leaves_the_state_is_not_said_to_be_deleted(
    chain: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {
        "principal": types.SERVICE_PRINCIPAL,
        "assignment": types.APP_ROLE_ASSIGNMENT,
        "certificate": types.SIGNING_CERTIFICATE,
    }
    for name, type_ in named.items():
        chain = chain.replace(f"{{{name}}}", type_)
    urn = f"urn:pulumi:sandbox::mimecast-sso::mimecast-sso:entra:{chain}::portal"
    step = {"op": "delete", "urn": urn, "type": chain.rpartition("$")[2], "old": {}, "new": None}
    show = Concise("Preview of sandbox", plans=True)
    show.take({"resourcePreEvent": {"metadata": step}})  # type: ignore[typeddict-item]
    show.end(ok=True)
    assert f"portal {said}\n" in capsys.readouterr().out
