import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from repaint.models.blocks import (
    AttentionBlock,
    AttentionPool2d,
    Downsample,
    ResBlock,
    TimestepSequential,
    Upsample,
    attention,
    head_count,
    timestep_embedding,
)
from tests.helpers.golden_inputs import fill_by_rule

WIDTH = 64
EMB = 16


def randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def res_block(out_channels: int = WIDTH, scale_shift: bool = True, dropout: float = 0.0, **options: str) -> ResBlock:
    return ResBlock(WIDTH, EMB, dropout, out_channels, scale_shift, **options)


# Embedding, normalisation, resampling


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=3), st.integers(1, 16))
def test_timestep_embedding_is_cosines_then_sines(timesteps: list[float], half: int) -> None:
    angles = np.outer(timesteps, 10_000 ** (-np.arange(half) / half))
    found = timestep_embedding(torch.tensor(timesteps), 2 * half)
    assert found.dtype == torch.float32
    assert found.numpy() == pytest.approx(np.concatenate([np.cos(angles), np.sin(angles)], axis=1), abs=1e-3)


def test_odd_embedding_ends_in_zero() -> None:
    embedding = timestep_embedding(torch.tensor([3, 500]), 9)
    assert torch.equal(embedding[:, :8], timestep_embedding(torch.tensor([3, 500]), 8))
    assert not embedding[:, 8].any()


def test_upsample_repeats_pixels() -> None:
    x = randn(1, WIDTH, 3, 5)
    assert torch.equal(Upsample(WIDTH, use_conv=False)(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert Upsample(WIDTH, use_conv=True)(x).shape == (1, WIDTH, 6, 10)


def test_downsample_averages_pixels() -> None:
    x = randn(1, WIDTH, 4, 6)
    mean = (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4
    torch.testing.assert_close(Downsample(WIDTH, use_conv=False)(x), mean)
    assert Downsample(WIDTH, use_conv=True)(x).shape == (1, WIDTH, 2, 3)


# Residual block


@pytest.mark.parametrize("out_channels", [WIDTH, 96])
@pytest.mark.parametrize("scale_shift", [True, False])
@pytest.mark.parametrize(("resample", "size"), [(None, 8), ("up", 16), ("down", 4)])
def test_res_block_shape(out_channels: int, scale_shift: bool, resample: str | None, size: int) -> None:
    block = fill_by_rule(res_block(out_channels, scale_shift, resample=resample))
    assert block(randn(2, WIDTH, 8, 8), randn(2, EMB)).shape == (2, out_channels, size, size)


@pytest.mark.parametrize("out_channels", [WIDTH, 96])
def test_fresh_res_block_is_its_skip_connection(out_channels: int) -> None:
    block, x = res_block(out_channels), randn(2, WIDTH, 8, 8)
    assert torch.equal(block(x, randn(2, EMB)), block.skip_connection(x))


@pytest.mark.parametrize("scale_shift", [True, False])
def test_res_block_uses_the_embedding_as_asked(scale_shift: bool) -> None:
    block, x, emb = fill_by_rule(res_block(scale_shift=scale_shift)), randn(2, WIDTH, 8, 8), randn(2, EMB)
    h = block.in_layers(x)
    norm, *rest = block.out_layers
    e = block.emb_layers(emb)[:, :, None, None]
    h = norm(h) * (1 + e[:, :WIDTH]) + e[:, WIDTH:] if scale_shift else norm(h + e)
    for layer in rest:
        h = layer(h)
    torch.testing.assert_close(block(x, emb), x + h)


def test_res_block_resamples_after_the_normalisation() -> None:
    block, x, emb = fill_by_rule(res_block(scale_shift=False, resample="down")), randn(2, WIDTH, 8, 8), randn(2, EMB)
    norm, silu, conv = block.in_layers
    h = conv(F.avg_pool2d(silu(norm(x)), 2)) + block.emb_layers(emb)[:, :, None, None]
    torch.testing.assert_close(block(x, emb), F.avg_pool2d(x, 2) + block.out_layers(h))


def test_dropout_acts_in_training_alone() -> None:
    block, x, emb = fill_by_rule(res_block(dropout=0.5)), randn(2, WIDTH, 8, 8), randn(2, EMB)
    assert torch.equal(block(x, emb), block(x, emb))
    block.train()
    assert not torch.equal(block(x, emb), block(x, emb))


def test_sequential_hands_the_embedding_to_residual_blocks() -> None:
    block, up = fill_by_rule(res_block()), Upsample(WIDTH, use_conv=False)
    x, emb = randn(2, WIDTH, 8, 8), randn(2, EMB)
    assert torch.equal(TimestepSequential(block, up)(x, emb), up(block(x, emb)))


# Attention


def explicit_attention(qkv: Tensor, heads: int, new_order: bool) -> Tensor:
    """The definition, a head of a picture at a time."""
    width = qkv.shape[1] // 3
    d = width // heads
    out = torch.empty(len(qkv), width, qkv.shape[2])
    for b, picture in enumerate(qkv):
        for h in range(heads):
            starts = [part * width + h * d if new_order else (3 * h + part) * d for part in range(3)]
            q, k, v = (picture[start : start + d] for start in starts)
            weights = torch.softmax(q.T @ k / math.sqrt(d), dim=1)  # [queries, keys]
            out[b, h * d : (h + 1) * d] = v @ weights.T
    return out


@pytest.mark.parametrize("heads", [1, 2, 8])
@pytest.mark.parametrize("new_order", [True, False])
def test_attention_is_its_definition(heads: int, new_order: bool) -> None:
    qkv = 2 * randn(2, 3 * 16, 10)
    torch.testing.assert_close(attention(qkv, heads, new_order), explicit_attention(qkv, heads, new_order))


def test_orders_differ_when_there_are_heads_to_order() -> None:
    qkv = randn(2, 3 * 16, 10)
    assert torch.equal(attention(qkv, 1, True), attention(qkv, 1, False))
    assert not torch.allclose(attention(qkv, 2, True), attention(qkv, 2, False), atol=0.1)


@pytest.mark.parametrize("new_order", [True, False])
def test_attention_block(new_order: bool) -> None:
    block, x = AttentionBlock(WIDTH, 4, -1, new_order), randn(2, WIDTH, 3, 5)
    assert torch.equal(block(x), x)  # fresh
    fill_by_rule(block)
    flat = x.reshape(2, WIDTH, 15)
    wanted = flat + block.proj_out(explicit_attention(block.qkv(block.norm(flat)), 4, new_order))
    torch.testing.assert_close(block(x), wanted.reshape(x.shape))


def test_attention_pool_reads_the_output_at_the_mean() -> None:
    pool, x = fill_by_rule(AttentionPool2d(4, WIDTH, 16, 10)), randn(2, WIDTH, 4, 4)
    flat = x.reshape(2, WIDTH, 16)
    tokens = torch.cat([flat.mean(dim=2, keepdim=True), flat], dim=2) + pool.positional_embedding
    out = pool.c_proj(explicit_attention(pool.qkv_proj(tokens), WIDTH // 16, new_order=True))
    torch.testing.assert_close(pool(x), out[:, :, 0])


@pytest.mark.parametrize(
    ("channels", "num_heads", "num_head_channels", "heads"),
    [(64, 4, -1, 4), (64, 1, -1, 1), (64, 4, 64, 1), (64, 4, 8, 8)],
)
def test_head_count(channels: int, num_heads: int, num_head_channels: int, heads: int) -> None:
    assert head_count(channels, num_heads, num_head_channels) == heads


@pytest.mark.parametrize(("num_heads", "num_head_channels"), [(3, -1), (0, -1), (4, 48), (4, 128)])
def test_heads_must_divide_the_channels(num_heads: int, num_head_channels: int) -> None:
    with pytest.raises(ValueError, match=f"64 channels cannot be split: num_heads {num_heads}"):
        head_count(64, num_heads, num_head_channels)
