"""How likely is it that chance alone made this difference?"""

from math import exp, lgamma


def by_chance(bad: int, total: int, other_bad: int, other_total: int) -> float:
    """Fisher's exact test, one-sided: the chance of at least ``bad`` bad ones among ``total``, were the two samples alike.

    Exact at any size, also where one sample is a handful of requests and the other thousands. 1.0 when either is empty.
    """
    if not total or not other_total or not bad:
        return 1.0
    all_, all_bad = total + other_total, bad + other_bad
    chance = exp(_choices(all_bad, bad) + _choices(all_ - all_bad, total - bad) - _choices(all_, total))
    sum_, k = chance, bad
    while k < min(total, all_bad) and chance > sum_ * 1e-12:
        # From one term of the hypergeometric distribution to the next.
        chance *= (all_bad - k) * (total - k) / ((k + 1) * (all_ - all_bad - total + k + 1))
        k += 1
        sum_ += chance
    return min(1.0, sum_)


def _choices(of: int, taken: int) -> float:
    """Logarithm of the binomial coefficient."""
    return lgamma(of + 1) - lgamma(taken + 1) - lgamma(of - taken + 1)
