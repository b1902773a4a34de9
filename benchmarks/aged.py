"""Run a script in a process whose allocator is aged as a worker's is: `python benchmarks/aged.py SCRIPT [WORD ...]`."""

import runpy
import sys

from crossloop.worker.process import age_allocator

age_allocator()
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
