"""Charts: round ticks within the range, proportional positions, the Pareto front."""

import math

import hypothesis
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.reports.page import texts
from gpt_nas_jax.reports.page.candidates import front
from gpt_nas_jax.reports.page.chart import Chart, axis

POSITIVE = st.floats(1e-6, 1e12)


@hypothesis.given(values=st.lists(POSITIVE, min_size=1, max_size=5), log=st.booleans())
def test_ticks_lie_within_any_range_and_ascend(values: list[float], log: bool):
    found = axis("x", values, log)
    ticks = [value for value, _ in found.ticks(5)]
    assert 1 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))
    assert all(-1e-6 <= found.share(value) <= 1 + 1e-6 for value in [*ticks, *values])


SIZES = [0.0, 5e-324, 1e-310, 1e-30, 0.3, 1.0, 5e6, 1e30, 1e300, 1.7e308]


@pytest.mark.parametrize("size", [*SIZES, *(-size for size in SIZES)])
def test_values_that_rounding_tells_apart_have_an_axis(size: float):
    for other in (math.nextafter(size, math.inf), math.nextafter(size, 0), -size):
        found = axis("x", [size, other])
        ticks = [value for value, _ in found.ticks(5)]
        assert ticks
        assert all(0 <= found.share(value) <= 1 for value in ticks)
        assert math.isfinite(found.share(size))


@pytest.mark.parametrize("size", [size for size in SIZES if size > 0])
def test_costs_of_any_size_have_an_axis(size: float):
    for other in (size, 1.0, math.nextafter(size, math.inf)):
        found = axis("x", [size, other], log=True)
        assert found.ticks(6)
        assert math.isfinite(found.share(size))


@pytest.mark.parametrize("low", [1e-6, 1.1, 5e6, 3e12])
@pytest.mark.parametrize("ratio", [1.0, 1 + 5e-6, 1.001, 1.01, 1.04, 1.06, 1.5])
def test_near_costs_have_labels_that_differ_within_the_axis(low: float, ratio: float):
    found = axis("x", [low, low * ratio], log=True)
    ticks = found.ticks(6)
    assert len({text for _, text in ticks}) == len(ticks) > 1
    shares = [found.share(value) for value, _ in ticks]
    assert shares == sorted(shares)
    assert shares[0] >= 0 and shares[-1] <= 1


@pytest.mark.parametrize("low", [0.0, 1e-13, 1234567.1, -5e-12])
@pytest.mark.parametrize("span", [1e-12, 0.8, 3e7])
def test_ticks_have_labels_that_differ(low: float, span: float):
    if low + span == low:
        pytest.skip("the range has no two numbers")
    ticks = axis("x", [low, low + span]).ticks(5)
    assert len(ticks) > 1
    assert len({text for _, text in ticks}) == len(ticks)
    for value, text in ticks:
        assert abs(float(text) - value) < 0.05 * span


def test_ticks_are_round():
    assert [text for _, text in axis("x", [0, 40]).ticks(5)] == [
        *("0", "10", "20", "30", "40")
    ]
    texts_of = [text for _, text in axis("x", [2e3, 3e6], log=True).ticks(4)]
    assert texts_of == ["10k", "100k", "1M"]


def test_a_line_is_placed_in_proportion_and_has_gaps():
    chart = Chart("c", "t", "s", axis("x", [0, 10]), axis("y", [0, 1]))
    left, top, right, bottom = chart.frame
    (line,) = chart.line([(0, 0.0), (5, float("nan")), (10, 1.0)], "style").lines
    points = [part.removesuffix("h0").split(",") for part in line.path.split("M")[1:]]
    (x0, y0), (x1, y1) = [tuple(map(float, point)) for point in points]
    # The margin is the same on both sides.
    assert x0 - left == pytest.approx(right - x1, abs=0.1)
    assert bottom - y0 == pytest.approx(y1 - top, abs=0.1)


@pytest.mark.parametrize(
    ("heights", "moves", "dots"),
    [([0.5], 1, 1), ([0.5, 0.6], 1, 0), ([0.5, math.nan, 0.6, 0.7, math.nan, 1], 3, 2)],
)
def test_a_point_without_neighbours_is_drawn_as_a_dot(
    heights: list[float], moves: int, dots: int
):
    """SVG paints no path of a single point."""
    chart = Chart("c", "t", "s", axis("x", [0, 10]), axis("y", [0, 1]))
    (line,) = chart.line([*enumerate(heights)], "style").lines
    assert line.path.count("M") == moves
    assert line.path.count("h0") == dots
    drawn = line.path.count("L") + line.path.count("M")
    assert drawn == sum(map(math.isfinite, heights))


@hypothesis.given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12)
)
def test_the_front_is_what_nothing_beats(pairs: list[tuple[int, int]]):
    records = [{"params": cost, "fitness": fitness} for cost, fitness in pairs]
    expected = {
        (cost, fitness)
        for cost, fitness in pairs
        if not any(
            (c <= cost and f >= fitness) and (c, f) != (cost, fitness) for c, f in pairs
        )
    }
    found = [(r["params"], r["fitness"]) for r in front(records, "params")]
    assert set(found) == expected
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999.4, "999"), (999.9, "1k"), (30860, "30.9k"), (2.5e9, "2.5G")],
)
def test_amounts_have_three_digits(value: float, text: str):
    assert texts.amount(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.25, "1.2 s"), (150, "2.5 min"), (9000, "2.5 h"), (259200, "3.0 days")],
)
def test_durations_have_the_unit_that_fits(seconds: float, text: str):
    assert texts.duration(seconds) == text
