"""Rates of convolutions: which convolution is measured, how, and what follows; the real times are not judged."""

import itertools
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repaint.models.conv_rates import (
    CPU_FORMATS,
    MARGIN,
    ConvShape,
    choose_format,
    compare_rates,
    measure_rates,
    most_expensive,
    pick_clock,
)
from repaint.models.optimize import Precision
from repaint.models.unet import UNet
from tests.helpers.networks import pictures, unet_config
from tests.helpers.tiny import SIZE

RATES = st.floats(1e-3, 1e6)
SHAPE = ConvShape(256, 256, (3, 3), (1, 1), 1, 256)


class Machine:
    """A machine of given rates, in GFLOP/s by number format; remembers what was timed."""

    def __init__(self, shape: ConvShape, **rates: float) -> None:
        self.shape, self.rates = shape, rates
        self.calls: list[tuple[str, int]] = []
        self.seconds = 0.0

    def __call__(self, precision: Precision, side: int) -> float:
        self.calls.append((precision, side))
        took = self.shape.flops(side) / self.rates[precision] / 1e9
        self.seconds += took
        return took

    def sides(self, precision: str) -> list[int]:
        return [side for each, side in self.calls if each == precision]


# The choice


@given(RATES, RATES)
def test_another_format_has_to_be_clearly_ahead(fp32: float, bf16: float) -> None:
    assert choose_format({"fp32": fp32, "bf16": bf16}) == ("bf16" if bf16 >= MARGIN * fp32 else "fp32")


def test_the_machines_that_were_measured() -> None:
    assert choose_format({"fp32": 509, "bf16": 943}) == "bf16"
    assert choose_format({"fp32": 336, "bf16": 178}) == "fp32"
    assert choose_format({"fp32": 300, "bf16": 330}) == "fp32"


# The measurement


@given(RATES, RATES)
def test_rates_are_those_of_the_machine(fp32: float, bf16: float) -> None:
    rates = compare_rates(SHAPE, Machine(SHAPE, fp32=fp32, bf16=bf16))
    torch.testing.assert_close(rates, {"fp32": fp32, "bf16": bf16})


def test_formats_take_turns_on_a_probe_that_can_be_timed() -> None:
    machine = Machine(SHAPE, fp32=50.0, bf16=100.0)
    compare_rates(SHAPE, machine)
    turns, side = machine.calls[-6:], machine.calls[-1][1]
    assert [precision for precision, _ in turns] == ["fp32", "bf16"] * 3
    assert {each for _, each in turns} == {side}
    assert 0.005 <= SHAPE.flops(side) / 100e9 < 0.02
    assert machine.seconds < 0.6


def test_a_slow_format_is_cut_off_early() -> None:
    machine = Machine(SHAPE, fp32=50.0, bf16=0.5)
    rates = compare_rates(SHAPE, machine)
    assert len(set(machine.sides("bf16"))) == 1
    assert max(machine.sides("fp32")) > max(machine.sides("bf16"))
    assert machine.seconds < 0.6
    assert choose_format(rates) == "fp32"


def test_a_somewhat_slower_format_of_a_wide_network_is_cut_off_too() -> None:
    wide = ConvShape(2048, 2048, (3, 3), (1, 1), 1, 64)
    machine = Machine(wide, fp32=20.0, bf16=10.0)
    compare_rates(wide, machine)
    assert max(machine.sides("bf16")) < max(machine.sides("fp32"))


def test_float32_is_never_cut_off() -> None:
    """A rate of a smaller probe would not do for the comparison."""
    machine = Machine(SHAPE, fp32=10.0, bf16=400.0)
    compare_rates(SHAPE, machine)
    assert machine.sides("fp32")[-1] == machine.sides("bf16")[-1]


@given(st.integers(1, 7))
def test_a_probe_is_no_larger_than_the_map(side: int) -> None:
    small = ConvShape(32, 32, (3, 3), (1, 1), 1, side)
    machine = Machine(small, fp32=50.0, bf16=50.0)
    compare_rates(small, machine)
    assert max(each for _, each in machine.calls) == side


@given(st.integers(1, 20))
def test_a_hiccup_of_the_machine_does_not_decide(number: int) -> None:
    """One call that takes fifty times as long, whichever it is."""
    machine = Machine(SHAPE, fp32=50.0, bf16=100.0)

    def timer(precision: Precision, side: int) -> float:
        took = machine(precision, side)
        return 50 * took if len(machine.calls) == number else took

    assert choose_format(compare_rates(SHAPE, timer)) == "bf16"


def test_the_real_measurement_leaves_the_process_as_it_was() -> None:
    threads, seeds = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        rates = measure_rates(ConvShape(8, 16, (3, 3), (2, 2), 2, 4))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert rates.keys() == CPU_FORMATS.keys()
    assert all(rate > 0 for rate in rates.values())
    assert torch.equal(torch.get_rng_state(), seeds)


@pytest.mark.parametrize(("step", "own"), [(1e-6, True), (0.016, False)])
def test_a_coarse_clock_is_not_taken(monkeypatch: pytest.MonkeyPatch, step: float, own: bool) -> None:
    readings = itertools.count()
    monkeypatch.setattr(time, "thread_time", lambda: next(readings) // 3 * step)
    assert pick_clock() is (time.thread_time if own else time.perf_counter)


# The convolution


@pytest.mark.parametrize(("multipliers", "channels", "side"), [((1, 4), 128, 8), ((4, 1), 128, 16), ((1, 1), 32, 16)])
def test_the_probe_is_the_shape_that_costs_the_network_most(
    multipliers: tuple[int, ...], channels: int, side: int
) -> None:
    with torch.device("meta"):
        network = UNet(unet_config(channel_mult=multipliers, num_res_blocks=2))
        shape = most_expensive(network, lambda: network(torch.empty(1, 3, SIZE, SIZE), torch.empty(1)))
    assert shape == ConvShape(channels, channels, (3, 3), (1, 1), 1, side)
    assert shape.flops(side) == 2 * 9 * channels**2 * side**2


def test_equal_shapes_count_together() -> None:
    convs = torch.nn.Sequential(*[torch.nn.Conv2d(3, 3, 3, padding=1) for _ in range(3)], torch.nn.Conv2d(3, 6, 3))
    shape = most_expensive(convs, lambda: convs(pictures()))
    assert shape == ConvShape(3, 3, (3, 3), (1, 1), 1, 16)
    assert not any(each._forward_hooks for each in convs)
