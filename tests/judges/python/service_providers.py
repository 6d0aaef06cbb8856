"""Service providers in Python as judges of SAML responses, each used as in its documentation.

    python service_providers.py python3-saml|pysaml2 < question.json

The question and the verdicts are those of ``tests/judges/service_providers.py``. Runs in the judges' own environment.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Question = Mapping[str, Any]
Case = Mapping[str, str]


class RefusedError(Exception):
    """The toolkit does not accept the response."""


def python3_saml(asked: Question, one: Case) -> str:
    """The name that python3-saml reads from a response. Raises RefusedError."""
    from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
    from onelogin.saml2.response import OneLogin_Saml2_Response
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    settings = {
        "strict": True,
        "sp": {"entityId": asked["entity_id"], "assertionConsumerService": {"url": asked["acs"]}},
        "security": {"wantAssertionsSigned": True, "rejectDeprecatedAlgorithm": True},
        **OneLogin_Saml2_IdPMetadataParser.parse(asked["metadata"]),
    }
    place = urlsplit(asked["acs"])
    response = OneLogin_Saml2_Response(OneLogin_Saml2_Settings(settings), one["response"])
    request = {"https": "on", "http_host": place.netloc, "script_name": place.path}
    if not response.is_valid(request, request_id=one["request_id"]):
        raise RefusedError(response.get_error())
    return str(response.get_nameid())


def pysaml2(asked: Question, one: Case) -> str:
    """The name that pysaml2 reads from a response. Raises RefusedError, and its own errors."""
    from saml2 import BINDING_HTTP_POST
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder, "metadata.xml")
        metadata.write_text(asked["metadata"], encoding="utf-8")
        config = SPConfig()
        config.load(
            {
                "entityid": asked["entity_id"],
                "service": {
                    "sp": {
                        "endpoints": {"assertion_consumer_service": [(asked["acs"], BINDING_HTTP_POST)]},
                        "want_assertions_signed": True,
                        "want_response_signed": False,
                        "allow_unsolicited": False,
                    }
                },
                "metadata": {"local": [str(metadata)]},
                "allow_unknown_attributes": True,
            }
        )
        client = Saml2Client(config=config)
        found = client.parse_authn_request_response(
            one["response"], BINDING_HTTP_POST, outstanding={one["request_id"]: "/"}
        )
    if found is None or found.name_id is None:
        raise RefusedError("no assertion that could be verified")
    return str(found.name_id.text)


JUDGES: Mapping[str, Callable[[Question, Case], str]] = {"python3-saml": python3_saml, "pysaml2": pysaml2}


def main() -> None:
    """Judge each case of the question on standard input."""
    logging.disable(logging.CRITICAL)
    asked, judge = json.load(sys.stdin), JUDGES[sys.argv[1]]
    verdicts: dict[str, dict[str, str]] = {}
    for name, one in asked["cases"].items():
        try:
            verdicts[name] = {"name_id": judge(asked, one)}
        except Exception as error:
            verdicts[name] = {"refused": f"{type(error).__name__}: {error}"}
    json.dump(verdicts, sys.stdout)


if __name__ == "__main__":
    main()
