"""Loops with a fault, one for each behaviour: what shows that the behaviour sees it.

`tests/faults/GROUP.py` has a function for each behaviour of the group, named as its file, which makes a loop with
asyncio's API and just this fault. Where the fault has to be in a library of another family, the name is bound to a
`tests.asking.Fault` instead.
"""
