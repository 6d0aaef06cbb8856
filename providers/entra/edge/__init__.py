"""What azuread lacks, as Pulumi resources: a file each, between the engine and a handler, with no logic of its own."""
