"""Two runs, or two builds within one run, and a verdict on every cell. Pure but for what calls it."""

from crossloop.compare.builds import BuildNames, compare_builds
from crossloop.compare.compare_page import compare_page, could_have_seen, headline
from crossloop.compare.records import CellVerdict, CompareDocument, decoded, encoded
from crossloop.compare.runs import NoRunError, RunData, run_data
from crossloop.compare.verdicts import DEFAULT_THRESHOLD, AnchorError, compare_runs, differences
