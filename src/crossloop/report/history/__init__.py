"""How ratios and behaviours moved over the versions of a binding, and of Python."""

from crossloop.report.history.history_page import render_history

__all__ = ["render_history"]
