"""The bench: what is to be measured (plan), measuring it (run), and what the slices say (cells)."""
