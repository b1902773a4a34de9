"""The supervisor's side of processes: starting, asking, stopping, and what became of them."""
