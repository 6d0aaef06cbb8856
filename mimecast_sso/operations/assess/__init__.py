"""``mimecast-sso assess``: the sign-in forecast without a stack."""
