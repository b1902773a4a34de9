"""Published claims about event libraries, tested: `crossloop claims`."""

from crossloop.claims.catalogue import CLAIMS, Claim, Need
from crossloop.claims.evidence import Evidence
from crossloop.claims.findings import Finding, NotMeasuredError, Verdict
from crossloop.claims.page import claims_page, evaluate, summary

__all__ = [
    "CLAIMS",
    "Claim",
    "Evidence",
    "Finding",
    "Need",
    "NotMeasuredError",
    "Verdict",
    "claims_page",
    "evaluate",
    "summary",
]
