"""crossloop: the same workloads through every event library a Python programmer can choose.

This module stays empty of imports: worker processes import it before the binding that they measure.
"""

__version__ = "0.1.0"
