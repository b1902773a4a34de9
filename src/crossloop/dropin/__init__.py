"""What an asyncio loop does with CPython's own tests of loops: which of them it passes in asyncio's place.

The tests are those of the running interpreter (`test.test_asyncio`); nothing of them is in this repository. `binding`
says which there are and binds them to a loop, and `process` runs one in a process of its own: both hold nothing of the
engine but the worker half. `running` is the supervisor's part: asyncio's own loop first, as the control, then the
others. `private_parts` lists the tests that look at CPython's private parts, `features` what a user would miss, and
`results` counts. docs/dropin.md tells it to users.
"""
