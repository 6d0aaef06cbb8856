"""Single sign-on between Microsoft Entra ID and the Mimecast Personal Portal."""
