"""The statistics against published numbers, and against each other."""

import math
from collections import Counter

import pytest

from analyzer.analysis.statistics import (
    conditional_poisson,
    count_difference,
    fisher,
    holm,
    quantile,
    quantile_ratio,
    rate_difference,
    superiority,
)
from analyzer.summary.histogram import Bin


def ones(values: list[int]) -> list[Bin]:
    """A histogram with a bin for each whole number."""
    return [Bin(value, value + 1, number) for value, number in Counter(values).items()]


def test_fisher_tea_and_twins():
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)  # Fisher 1935, the lady tasting tea
    assert fisher(2, 17, 10, 13) == pytest.approx(0.0005367, abs=5e-8)  # Fisher 1962, convicted twins
    assert fisher(0, 10, 0, 20) == 1.0
    assert fisher(5, 50, 9, 70) == pytest.approx(fisher(9, 70, 5, 50))


# Newcombe 1998, Statistics in Medicine 17:873, table II, method 10.
NEWCOMBE = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
]


@pytest.mark.parametrize("a, n, b, m, low, high", NEWCOMBE)
def test_difference_of_rates(a, n, b, m, low, high):
    assert rate_difference(a, n, b, m) == pytest.approx((low, high), abs=5e-5)


def test_counts_over_exposures():
    # Six events against none: all 2**6 ways are equally likely, two of them so uneven.
    assert conditional_poisson(6, 100, 0, 100) == pytest.approx(2 / 64)
    assert conditional_poisson(10, 100, 10, 100) == 1.0
    low, high = count_difference(108, 108, 0, 84)
    assert low > 0.8 and high < 1.25


def test_mann_whitney():
    # Mann and Whitney 1947 with ties as in Lehmann: the rank sum of five against four, U = 17 of 20.
    first, second = [20, 11, 17, 12], [19, 22, 16, 29, 24]
    assert superiority(ones(first), ones(second)) is None  # too few for the normal approximation
    found = superiority(ones(first * 2), ones(second * 2))
    assert found.larger == pytest.approx(17 / 20)
    assert found.size == "large" and found.low < 17 / 20 < found.high
    # Nine pairs of ties: the variance of U is nm/12 ((N + 1) - sum(t^3 - t) / (N (N - 1))).
    variance = 8 * 10 / 12 * (19 - 9 * 6 / (18 * 17))
    assert found.p == pytest.approx(math.erfc((68 - 40) / math.sqrt(2 * variance)))
    same = superiority(ones(first * 3), ones(first * 3))
    assert same.larger == pytest.approx(0.5) and same.p == pytest.approx(1) and same.size == "negligible"
    swapped = superiority(ones(second * 2), ones(first * 2))
    assert swapped.larger == pytest.approx(1 - found.larger) and swapped.p == pytest.approx(found.p)
    assert swapped.low == pytest.approx(1 - found.high)


def test_nothing_overlaps():
    found = superiority(ones(list(range(10))), ones(list(range(100, 120))))
    assert found.larger == 1 and 0.6 < found.low < 1 and found.p < 0.001


def test_bins_of_two_scripts_are_brought_to_the_coarser():
    fine = [Bin(1024, 1040, 10), Bin(1040, 1056, 10)]
    coarse = [Bin(1024, 2048, 20)]
    assert superiority(fine, coarse).larger == 0.5


def test_no_time_and_some_are_two_bins_where_they_double():
    coarse = [Bin(0, 1, 20), Bin(64, 128, 1)], [Bin(1, 2, 20), Bin(64, 128, 1)]
    assert superiority(*coarse).larger == pytest.approx(1 - (1 / 21) * (20 / 21) - 0.5 * (1 / 21) ** 2)


def test_a_ratio_whose_ends_begin_at_nothing_has_none():
    some = [Bin(0, 1, 40), Bin(5, 6, 60)]
    ratio, low, high = quantile_ratio(some, some, 0.5)
    assert ratio == 1 and math.isnan(low) and math.isnan(high)


def test_holm():
    # Holm's step-down on four p values.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    corrected = holm([0.01, math.nan, 0.2])
    assert corrected[0] == pytest.approx(0.02) and math.isnan(corrected[1]) and corrected[2] == pytest.approx(0.2)


def test_quantiles_know_when_too_few_were_counted():
    hundred = ones(list(range(1, 101)))
    # The 95 % order statistics of a median of 100: the 40th and the 61st (Conover, table A3).
    assert quantile(hundred, 0.5) == (50.0, 40.0, 62.0)
    assert math.isnan(quantile(hundred, 0.99)[2])
    ratio, low, high = quantile_ratio(hundred, ones([2 * n for n in range(1, 101)]), 0.5)
    assert low < ratio < high and ratio == pytest.approx(2)
