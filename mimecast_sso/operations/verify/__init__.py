"""``mimecast-sso verify``: check that people can sign in through Entra."""
