"""Medians with their 95 % intervals, without a guess about the distribution."""

import math
import random
import statistics

RESAMPLES = 2000


def interval(values, seed=1):
    """(low, median, high): the percentile bootstrap of the median. With fewer than 3 values the extremes."""
    median = statistics.median(values)
    if len(values) < 3:
        return min(values), median, max(values)
    source = random.Random(seed)
    medians = sorted(statistics.median(source.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[int(RESAMPLES * 0.025)], median, medians[math.ceil(RESAMPLES * 0.975) - 1]


def ratios(ours, theirs):
    """Our time over theirs, round by round: what slows a round slows both."""
    return [mine / other for mine, other in zip(ours, theirs)]
