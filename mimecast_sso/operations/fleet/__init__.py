"""One check or deployment of many stacks at once, and the report.

A check: which stacks (`selection`), what is asked (`checks`, `previews`), how (`run`). A deployment: in which order
(`rings`, `up`), one stack (`deploying`) and the process that deploys it (`deploy_one`). `set_ups` are those of services
that deploy.

Each stack is asked through clients of its own, with its own credentials and a deadline. Whatever happens to one is a
row of the report; none hides another. What is finished is kept in a folder (`work`), from which an interrupted run goes
on.
"""
