"""Refusals after other objects were created: once the cause is fixed, a rerun creates the rest and nothing twice."""

from __future__ import annotations

from pathlib import Path

from tests.support.projects import project

GROUP = "Personal Portal single sign-on"
TOO_LONG = {
    "key": {"description": GROUP},
    "errors": [
        {
            "code": "err_validation_length",
            "field": "description",
            "message": "description: length must be between 0 and 20",
            "retryable": False,
        }
    ],
}


def test_a_refused_name_is_corrected_and_nothing_is_created_twice(tmp_path: Path) -> None:
    with project(tmp_path, "embedded") as made:
        body = {"meta": {"status": 200}, "data": [], "fail": [TOO_LONG]}
        made.control.faults(
            {"path": "/api/directory/create-group", "method": "POST", "status": 200, "body": body, "times": 9}
        )
        refused = made.up()
        made.control.faults()
        assert refused.code == 3, refused.text
        assert f'error: Mimecast refused to create the group "{GROUP}" (mimecast-sso:rollOut.group): ' in (
            refused.text
        )
        assert "length must be between 0 and 20" in refused.text
        assert "ApplicationFromTemplate mimecast-personal-portal created" in refused.text
        assert (
            "Fix the cause above and rerun, which continues with the rest: mimecast-sso up --stack sandbox"
            in (refused.text)
        )
        before = {
            each: made.control.documents(each)
            for each in ("entra.applications", "entra.servicePrincipals", "mimecast.domains")
        }

        made.configure(rollOut={"group": "SSO", "who": "all"})
        again = made.up()
        assert again.code == 0, again.text
        for name, documents in before.items():
            assert [each.get("id") for each in made.control.documents(name)] == [
                each.get("id") for each in documents
            ]
        groups = [each.get("description") for each in made.control.documents("mimecast.groups")]
        assert (groups.count("SSO"), groups.count(GROUP)) == (1, 0)
        assert made.sso("preview").code in (0, 2)


def test_a_service_principal_that_is_refused_right_after_its_application(tmp_path: Path) -> None:
    denied = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
    with project(tmp_path, "embedded") as made:
        made.control.faults(
            {"path": "/v1.0/servicePrincipals", "method": "GET", "status": 403, "body": denied, "times": 99}
        )
        refused = made.up()
        made.control.faults()
        assert refused.code == 3, refused.text
        assert "The service principal of the application was not created: the deploying principal lacks" in (
            refused.text
        )
        again = made.up()
        assert again.code == 0, again.text
        names = [each["displayName"] for each in made.control.documents("entra.applications")]
        assert names.count("Mimecast Personal Portal") == 1
