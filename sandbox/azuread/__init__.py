"""A stand-in for the published `azuread` resource plugin, for the sandbox only.

A separate process that speaks Pulumi's provider protocol and serves the resource types and data sources that this
project's program uses, as the published plugin does. It starts only inside a running sandbox.
`docs/azuread-stand-in.md` lists what is the same and what is left out.
"""
