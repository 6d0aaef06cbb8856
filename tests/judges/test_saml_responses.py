"""Every service provider accepts what the sandbox's Entra signs, and none accepts an altered response.

The sandbox's Mimecast is another service provider that gets the same responses.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from lxml import etree

from mimecast_sso.saml import authn_request, signatures
from mimecast_sso.saml.names import PREFIXES
from sandbox import credentials
from tests.judges.service_providers import TOOLKITS, Toolkit
from tests.sandbox_mimecast.helpers import (
    REGION_HOST,
    TIMEOUT,
    Browser,
    IdentityProvider,
    Page,
    default_api,
)
from tests.sandbox_mimecast.test_mimecast_with_entra import configure_entra, configure_mimecast
from tests.support.sandboxes import ADA, GRACE, RunningSandbox, started

ENTITY_ID = f"{REGION_HOST}/sso/CUK25A118"
ACS = f"{REGION_HOST}/login/saml"
ELSEWHERE = "https://us-api.mimecast.com"
ACCEPTED = "as Entra signed it"


@dataclass(frozen=True, slots=True)
class Case:
    """A response in a browser that expects it, and the resulting Mimecast page."""

    response: str
    request_id: str
    page: Page

    @property
    def let_in(self) -> bool:
        return "Signed in to the Mimecast Personal Portal" in self.page.text


@dataclass(frozen=True, slots=True)
class Judged:
    """All cases, and what every judge is told besides."""

    cases: dict[str, Case]
    metadata: str

    def by(self, toolkit: Toolkit) -> dict[str, dict[str, str]]:
        question = {
            "entity_id": ENTITY_ID,
            "acs": ACS,
            "metadata": self.metadata,
            "cases": {
                name: {"response": case.response, "request_id": case.request_id}
                for name, case in self.cases.items()
            },
        }
        return toolkit.judge(question)


# What is done to a response on its way


Change = Callable[[etree._Element], etree._Element]


def _find(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path, PREFIXES)
    assert found is not None, path
    return found


def _unsigned(element: etree._Element) -> etree._Element:
    for signature in element.findall(".//ds:Signature", PREFIXES):
        parent = signature.getparent()
        assert parent is not None
        parent.remove(signature)
    return element


def _unchanged(root: etree._Element) -> etree._Element:
    return root


def _another_person(root: etree._Element) -> etree._Element:
    _find(root, ".//saml:NameID").text = GRACE
    return root


def _comment_in_the_name(root: etree._Element) -> etree._Element:
    """The signature holds, for it leaves comments out; a reader that stops at the comment reads another name."""
    name = _find(root, ".//saml:NameID")
    whole = name.text or ""
    name.text = whole[:3]
    comment = etree.Comment(" ")
    comment.tail = whole[3:]
    name.append(comment)
    return root


def _longer(root: etree._Element) -> etree._Element:
    for node in root.iterfind(".//*[@NotOnOrAfter]"):
        node.set("NotOnOrAfter", "2099-01-01T00:00:00.000Z")
    return root


def _forged(root: etree._Element) -> etree._Element:
    provider = IdentityProvider()
    plain = _unsigned(root)
    signatures.add_placeholder(_find(plain, "saml:Assertion"))
    return signatures.sign(plain, provider.key, provider.certificate)


def _evil_first(root: etree._Element) -> etree._Element:
    """Signature wrapping: a forged assertion before the signed one (XSW3)."""
    genuine = _find(root, "saml:Assertion")
    genuine.addprevious(_evil(genuine))
    return root


def _evil_around(root: etree._Element) -> etree._Element:
    """Signature wrapping: the signed assertion inside a forged one (XSW4)."""
    genuine = _find(root, "saml:Assertion")
    evil = _evil(genuine)
    root.replace(genuine, evil)
    evil.append(genuine)
    return root


def _evil_carries_the_signature(root: etree._Element) -> etree._Element:
    """Signature wrapping: the forged assertion carries the signature and the signed one (XSW8)."""
    genuine = _find(root, "saml:Assertion")
    evil = _evil(genuine)
    signature = copy.deepcopy(_find(genuine, "ds:Signature"))
    etree.SubElement(signature, f"{{{PREFIXES['ds']}}}Object").append(_unsigned(copy.deepcopy(genuine)))
    evil.insert(1, signature)
    root.replace(genuine, evil)
    return root


def _evil(genuine: etree._Element) -> etree._Element:
    evil = _unsigned(copy.deepcopy(genuine))
    evil.set("ID", "_evil")
    _find(evil, ".//saml:NameID").text = GRACE
    return evil


CHANGES: dict[str, Change] = {
    ACCEPTED: _unchanged,
    "another person": _another_person,
    "a comment in the name": _comment_in_the_name,
    "a longer life": _longer,
    "another key": _forged,
    "no signature": _unsigned,
    "a forged assertion first": _evil_first,
    "a forged assertion around": _evil_around,
    "a forged assertion with the signature": _evil_carries_the_signature,
}
ISSUED: dict[str, dict[str, str]] = {
    "wrong audience": {"issuer": f"{ELSEWHERE}/sso/CUSA1A1"},
    "wrong recipient": {"assertion_consumer_service_url": f"{ELSEWHERE}/login/saml"},
    "another request": {"id": "_another"},
}
SHIFTED = {"expired": timedelta(hours=-3), "not yet valid": timedelta(hours=3)}
OPEN = frozenset({"a comment in the name"})
"""Whether it is refused is up to a toolkit; nobody may read half of the name."""
REFUSED = sorted({*CHANGES, *ISSUED, *SHIFTED} - {ACCEPTED} - OPEN)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    with started(tmp_path_factory.mktemp("sandbox")) as sandbox:
        application = configure_entra(sandbox, assigned=(ADA, GRACE))
        application.call(
            "PATCH",
            f"applications/{application.application}",
            {
                "identifierUris": [ENTITY_ID, ISSUED["wrong audience"]["issuer"]],
                "web": {"redirectUris": [ACS, ISSUED["wrong recipient"]["assertion_consumer_service_url"]]},
            },
        )
        configure_mimecast(sandbox, default_api(sandbox), application.certificate)
        app_id = application.call("GET", f"applications/{application.application}", {})["appId"]
        metadata = sandbox.session().get(
            f"https://login.microsoftonline.com/{credentials.TENANT_ID}/federationmetadata/2007-06/"
            f"federationmetadata.xml?appid={app_id}",
            timeout=TIMEOUT,
        )
        cases = {name: _case(sandbox, change=change) for name, change in CHANGES.items()}
        cases |= {name: _case(sandbox, asked=asked) for name, asked in ISSUED.items()}
        cases |= {name: _case(sandbox, shift=shift) for name, shift in SHIFTED.items()}
        yield Judged(cases, metadata.text)


def _case(
    sandbox: RunningSandbox,
    change: Change = _unchanged,
    asked: dict[str, str] | None = None,
    shift: timedelta = timedelta(),
) -> Case:
    """Start a sign-in at Mimecast, have Entra respond, and hand Mimecast what became of the response."""
    browser = Browser(sandbox)
    form = browser.start(ADA).forms["saml-request"]
    request = authn_request.parse(form.values["SAMLRequest"])
    if asked:
        form.values["SAMLRequest"] = authn_request.build(
            authn_request.AuthnRequest(
                **{
                    "id": request.id,
                    "issue_instant": request.issue_instant,
                    "destination": request.destination,
                    "issuer": request.issuer,
                    "assertion_consumer_service_url": ACS,
                    **asked,
                }
            )
        )
    sandbox.control.set("clock.offset_seconds", int(shift.total_seconds()))
    try:
        page = browser.send(form)
        page = browser.send(page.forms["sign-in"], login=ADA, passwd=credentials.USER_PASSWORD)
    finally:
        sandbox.control.set("clock.offset_seconds", None)
    responding = page.forms["saml-response"]
    root = change(etree.fromstring(base64.b64decode(responding.values["SAMLResponse"])))
    changed = base64.b64encode(etree.tostring(root)).decode()
    responding.action = ACS
    responding.values["SAMLResponse"] = changed
    return Case(changed, request.id, browser.send(responding))


# The verdicts


@pytest.mark.judges
@pytest.mark.parametrize("toolkit", TOOLKITS, ids=lambda toolkit: toolkit.name)
def test_each_service_provider_accepts_what_entra_signed_and_nothing_else(
    judged: Judged, toolkit: Toolkit
) -> None:
    verdicts = judged.by(toolkit)
    assert verdicts[ACCEPTED] == {"name_id": ADA}, verdicts[ACCEPTED]
    taken = {name for name in REFUSED if "name_id" in verdicts[name]}
    assert taken == toolkit.leaves | toolkit.sees_through, verdicts
    assert {verdict["name_id"] for verdict in verdicts.values() if "name_id" in verdict} == {ADA}


@pytest.mark.parametrize("name", REFUSED)
def test_mimecast_refuses_what_they_refuse(judged: Judged, name: str) -> None:
    assert not judged.cases[name].let_in, judged.cases[name].page.text


def test_mimecast_accepts_what_they_accept(judged: Judged) -> None:
    assert f"as {ADA}" in judged.cases[ACCEPTED].page.text
    for name in OPEN:
        page = judged.cases[name].page.text
        assert f"as {ADA}" in page or not judged.cases[name].let_in, page
