"""How fast the stages are on this machine, beside rivals that are installed and what the hardware allows.

Every measurement is a process of its own (`child`), the contenders take turns (`run`), and what is told is the median
and the spread of the rounds. Not here: tables and options (`gristmill.cli.bench`), and benchmarks that a claim in the
documentation rests on (the folder `bench/` of the repository).
"""

from gristmill.bench.result import BenchResult, Measured
from gristmill.bench.run import run_bench

__all__ = ["BenchResult", "Measured", "run_bench"]
