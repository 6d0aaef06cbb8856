"""Mimecast objects as Pulumi resources: one file each, between the engine and a handler, without logic of their own."""
