"""The review of a change before it is merged: what it does to people's sign-in, in one comment for all stacks.

`repository` reads the change with git and runs nothing of it, `scope` says which stacks it touches, `look` assesses a
stack, `rehearsal` deploys it on a sandbox, `comment` and `forms` write it down, `run` is the command.
"""
