"""``mimecast-sso preflight``: whether a deployment has what it needs, asked without writing anything.

Every line says how it is known: read live, or unknown. What cannot be seen is never shown as fine; only what is
known to be missing fails the preflight (exit code 5).
"""
