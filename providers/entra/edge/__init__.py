"""What azuread lacks, as Pulumi resources: one file each, between the engine and a handler, without own logic."""
