"""A stand-in for the published `azuread` resource plugin, for the sandbox alone.

It speaks Pulumi's provider protocol as a process of its own and answers for the resource types and data sources
that this project's program uses, as the published plugin does. It starts only inside a running sandbox.
`docs/azuread-stand-in.md` says what is the same and what is left out.
"""
