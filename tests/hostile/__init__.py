"""The hostile campaign: what must not break crossloop, tried at random, many times. `python -m tests.hostile`."""
