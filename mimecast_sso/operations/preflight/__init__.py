"""``mimecast-sso preflight``: check that a deployment has what it needs, without writing anything.

Every statement says how it is known: read live, documented, configured, or unknown. What cannot be read is never shown
as fine; only what is known to be missing fails the preflight (exit code 5).
"""
