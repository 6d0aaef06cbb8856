"""``mimecast-sso ci``: workflow files for a CI service (GitHub, GitLab, Azure DevOps), and commands that they use.

The product holds no token of the CI service. Workflows post with the service's own programs; these modules plan and
write files.
"""
