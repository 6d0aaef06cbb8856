"""SAML 2.0 messages of web browser sign-on: requests, responses and metadata, built and validated.

Sources: OASIS "Assertions and Protocols for SAML V2.0" (saml-core), "Bindings" and "Profiles", and Microsoft's
"Single Sign-On SAML protocol" for the form that Entra gives them. signxml makes and checks signatures.

>>> request = AuthnRequest(id="_1", issue_instant=now, destination=login_url, issuer=entity_id, ...)
>>> form["SAMLRequest"] = authn_request.build(request)
>>> person = response.validate(form["SAMLResponse"], certificate_body=..., audience=entity_id, ...).name_id
"""
