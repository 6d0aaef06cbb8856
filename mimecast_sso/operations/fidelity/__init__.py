"""``mimecast-sso fidelity record``: compare the vendors' responses with the sandbox's.

The product's read calls are made on a stack's tenants (`tour`), recorded where they leave the process
(`exchanges`), reduced to names and types (`shapes`), and compared with the sandbox's responses to the same calls
(`expectations.json`, written by ``tools/fidelity.py``). The report has no text but the expectations', so that
it can be shared.
"""
