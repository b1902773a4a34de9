"""Published claims about event libraries, tested: `crossloop claims`."""

from crossloop.claims.catalogue import Answer, Claim, Need, Ratios, catalogue, evaluate
from crossloop.claims.claims_page import claims_page, summary
from crossloop.claims.judging import Judgement, NotMeasuredError, Verdict
from crossloop.claims.sources import Sources
