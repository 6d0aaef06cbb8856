"""Pulumi resources that azuread lacks: one file each, between the engine and a handler, without logic of their own."""
