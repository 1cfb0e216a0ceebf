"""What programs of the stack say about CPUs when something fails: the messages, and what each may mean.

The messages stand in `tables/`, a file for each program that says them; their causes in `tables/causes.toml`.
"""
