"""Reports: a pure function from a journal's records to markdown and SVG, and the folder that they go to."""

from crossloop.report.first_screen import FirstScreen, first_screen
from crossloop.report.headline import GROUPS, Headline, HeadlineCell, HeadlineColumn, headline_of
from crossloop.report.headline_table import headline_table, short_headline_table
from crossloop.report.history import render_history
from crossloop.report.matrix import render_matrix
from crossloop.report.page import METHOD_LINK, Rendered, render
from crossloop.report.ratios import Ratio, ratio_of
from crossloop.report.sections import Chapter, Chapters, Section, chapters_of
from crossloop.report.texts import BehaviourTexts, ScenarioTexts
from crossloop.report.writing import write

__all__ = [
    "GROUPS",
    "METHOD_LINK",
    "BehaviourTexts",
    "Chapter",
    "Chapters",
    "FirstScreen",
    "Headline",
    "HeadlineCell",
    "HeadlineColumn",
    "Ratio",
    "Rendered",
    "ScenarioTexts",
    "Section",
    "chapters_of",
    "first_screen",
    "headline_of",
    "headline_table",
    "ratio_of",
    "render",
    "render_history",
    "render_matrix",
    "short_headline_table",
    "write",
]
