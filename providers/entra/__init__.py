"""What the azuread provider cannot do in Entra: say which signing certificate is the active one."""
