"""The console form of the authentication profile: desired values, run sheet, attestation."""
