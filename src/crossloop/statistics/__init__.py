"""Everything that turns slices into figures and judges them: pure functions, seeded where they draw.

`estimates` holds medians, paired ratios and tiers; `modes` whether slices fall into two clusters; `warmup` from when
on a fresh process is steady; `variances` what `crossloop compare` needs to judge a change.
"""

from crossloop.statistics import modes
from crossloop.statistics.estimates import (
    GENERATIONS_TO_STOP,
    RESAMPLES,
    ROUNDS_TO_SEPARATE,
    Floats,
    Slices,
    Standing,
    costlier,
    estimate,
    half_width,
    inverse,
    joint_medians,
    log_slope,
    noise_floor,
    paired_ratio,
    polished,
    precise,
    sampled_share,
    tiers,
    wilson,
)
from crossloop.statistics.variances import MOST_FREEDOM, Variance, adjusted, moderated, quantile, two_sided
from crossloop.statistics.warmup import LEAST_STRETCHES, LEVEL_STRETCHES, Steady, Stretch, steady
