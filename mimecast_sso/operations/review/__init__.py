"""The review of a proposed change: its effect on people's sign-in, in one comment for all stacks.

`repository` reads the change with git and runs none of it, `scope` finds the affected stacks, `look` assesses a stack,
`rehearsal` deploys it on a sandbox, `comment` and `forms` render the review, `run` is the command.
"""
