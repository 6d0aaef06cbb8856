"""One check of many stacks at once: which ones (`selection`), what is asked (`checks`), how (`run`), and the report.

Each stack is asked through clients of its own, with its own credentials and a deadline. Whatever happens to one is a
row of the report; none hides another. What is finished is kept in a folder (`work`), from which an interrupted run goes
on.
"""
