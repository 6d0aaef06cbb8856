"""One module per verb of ``mimecast-sso``: its options, and a call of the function that does the work.

A module here is imported to show a command's help and to complete its options, so its top imports only light
modules; the others are imported when the command runs.
"""
