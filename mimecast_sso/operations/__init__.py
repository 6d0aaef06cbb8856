"""The ``mimecast-sso`` command, which wraps the engine and adds checks."""
