"""The current state of both tenants, and its effect, and a run's, on people's sign-in."""
