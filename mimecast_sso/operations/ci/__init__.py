"""``mimecast-sso ci``: workflows of a forge (GitHub, GitLab, Azure DevOps), and what they need besides other commands.

The product holds no token of a forge. Workflows post with the forge's own programs; these modules plan and write files.
"""
