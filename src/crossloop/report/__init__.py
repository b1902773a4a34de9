"""Reports: a pure function from a journal's records to markdown and SVG, and the folder that they go to."""

from crossloop.report.matrix import render_matrix
from crossloop.report.page import METHOD_LINK, Rendered, render
from crossloop.report.texts import BehaviourTexts, ScenarioTexts
from crossloop.report.writing import write

__all__ = ["METHOD_LINK", "BehaviourTexts", "Rendered", "ScenarioTexts", "render", "render_matrix", "write"]
