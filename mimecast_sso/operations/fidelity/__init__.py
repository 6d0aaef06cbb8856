"""``mimecast-sso fidelity record``: whether the vendors respond as the sandbox does.

The product's own read calls are made on a stack's tenants (`tour`), recorded where they leave the process
(`exchanges`), reduced to names and types (`shapes`), and compared with what the sandbox returns for the same calls
(`expectations.json`, written by ``tools/fidelity.py``). The report holds no text but that of the expectations, so that
it can be passed on.
"""
