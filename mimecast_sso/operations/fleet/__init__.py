"""Check or deploy many stacks at once, with one report.

A check: the stacks (`selection`), the checks (`checks`, `previews`) and their execution (`run`). A deployment: the
order (`rings`, `up`), one stack (`deploying`) and the process that deploys it (`deploy_one`). `set_ups` writes the
files for services that deploy.

Each stack has its own clients, credentials and deadline. Whatever happens to it is a row of the report, and affects no
other stack. Finished rows are kept in a folder (`work`), from which an interrupted run continues.
"""
