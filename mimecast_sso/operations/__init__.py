"""The ``mimecast-sso`` command: what people run around the engine."""
