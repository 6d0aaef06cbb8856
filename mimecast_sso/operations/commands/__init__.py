"""One module a verb of ``mimecast-sso``: its options, and a call of what does the work.

A module here is read to show a command's help and to complete its options, so it imports at its head only what is
light; what does the work is imported when the command runs.
"""
