"""`python -m bench [--quick] [--only NAME,…]`: measures, writes the results, and judges them.

Status 0 where every ratio is within its bound, 1 where one is not or a measure broke, 2 for a bad word.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import traceback
from pathlib import Path

from bench import bounds, ours, results, stock
from bench.house import opened
from bench.measures import FULL_ONLY, MEASURES, first_result
from bench.run import Run
from hub_ext.cli.setup.layout import CHECKOUT, STATE_VARIABLE
from hub_ext.cli.setup.steps import Steps

RESULTS = CHECKOUT / "bench" / "results"


def main() -> int:
    """Measure, write, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="four minutes of measuring, for CI")
    parser.add_argument("--only", default="", help=f"of {', '.join(MEASURES)}; results are printed, not kept")
    parser.add_argument("--results", type=Path, default=None, help=f"the folder to write to ({RESULTS})")
    asked = parser.parse_args()
    usual = [name for name in MEASURES if not asked.quick or name not in FULL_ONLY]
    wanted = [name for name in asked.only.split(",") if name] or usual
    for name in wanted:
        if name not in MEASURES:
            parser.error(f"there is no measure {name!r}; there are {', '.join(MEASURES)}")
    # A shell's background processes ignore interrupts, and a run that is interrupted has things to remove.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kept = Path(os.environ.get(STATE_VARIABLE) or CHECKOUT / ".state" / "test").absolute()
    say = Steps()
    with (
        opened(kept, say) as house,
        ours.running(house, _names(), say) as our_hub,
        stock.running(house, say) as stock_hub,
    ):
        run = Run(asked.quick, house, our_hub, stock_hub, say)
        broke = asyncio.run(_measure(run, wanted))
    found = results.whole(run.figures, run.missing, quick=asked.quick)
    verdicts = bounds.judge(found, only=wanted)
    print(results.table(found, verdicts))
    if asked.results or not asked.only:
        results.write(asked.results or RESULTS, found, verdicts)
    return 0 if all(verdict.held for verdict in verdicts) and not broke else 1


async def _measure(run: Run, wanted: list[str]) -> list[str]:
    """Takes them, and names those that broke."""
    broke = []
    try:
        for name in wanted:
            try:
                await MEASURES[name](run)
            except Exception as error:  # the other figures are worth having all the same
                traceback.print_exc()
                run.missing[name] = f"{type(error).__name__}: {error}"
                broke.append(name)
    finally:
        for instance in run.both:
            await instance.close()
    return broke


def _names() -> list[str]:
    """Everybody whom the measures may send: see `at_once.crowd`, `footprint`."""
    crowds = [(kind, count) for kind in "pa" for count in (5, 10, 20, 50, 200)]
    return [
        "one",
        "two",
        "puller",
        "stubborn",
        *first_result.people(),
        *(f"{kind}{count}-{number}" for kind, count in crowds for number in range(count)),
    ]


if __name__ == "__main__":
    sys.exit(main())
