"""Microsoft Entra ID: a Graph client, readers, and resources that the azuread provider lacks."""
