"""Measurement: what the platform is asked, and what follows from it."""
