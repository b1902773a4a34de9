"""Bringing what adapters need, one by one, and examining the machine (supervisor side)."""
