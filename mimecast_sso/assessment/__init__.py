"""Both tenants as they are, and what that and a run mean for people's sign-in."""
