"""Whether people can sign in through Entra: ``mimecast-sso verify``, and what it is made of."""
