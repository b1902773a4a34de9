"""Published claims about event libraries, tested: `crossloop claims`."""

from crossloop.claims.catalogue import CLAIMS, Claim, Need
from crossloop.claims.claims_page import claims_page, evaluate, summary
from crossloop.claims.judging import Judgement, NotMeasuredError, Verdict
from crossloop.claims.sources import Sources

__all__ = [
    "CLAIMS",
    "Claim",
    "Judgement",
    "Need",
    "NotMeasuredError",
    "Sources",
    "Verdict",
    "claims_page",
    "evaluate",
    "summary",
]
