"""What the libraries do: questions of a user, asked of each library through its own API, without our precautions.

The contract (`crossloop.contract`) asks whether an adapter keeps its level's promise. A behaviour asks the library
itself, each time in a process of its own, and what comes back is a fact: nobody passes or fails.

One file is one behaviour: `behaviours/timers/never_early.py` is `never-early` in the group `timers`. It holds the
question, the rule with its source, and a small program for each family of libraries that the question makes sense for.
To add one, write one file; docs/adding.md says how.

`behaviour`, `frames` and the programs run in the asked process and import the standard library, `crossloop.api` and the
library that is asked. `process` is that process. `catalogue` knows all behaviours, and `asking` is the supervisor's.
This module imports none of them.
"""
