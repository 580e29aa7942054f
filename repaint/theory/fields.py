"""Multi-scale Gaussian model of pictures and masks: covariances of small fields at scales 1, 2, 4 ..., pieces of masks.

The noise of a diffusion process has the same variance in each pixel. A structure s pixels wide therefore has s^2 times
the signal-to-noise ratio of one pixel, and is determined at higher noise the larger the pictures are: a small picture
is no model of a large one. So a picture is split into fields of SIDE x SIDE block means at scales 1, 2, 4 ... as long
as they fit into it. Means of s x s pixels, times s, have the noise of a single pixel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from repaint.data.masks import Mask
from repaint.theory.gaussian_law import Array, Flags, frequencies, power_law, stationary_covariance

SIDE = 8
KNOWN_SHARE = (1 / 16, 15 / 16)  # least and most of a piece of a mask
RIDGE = 1e-4  # variance of the rounding to 8 bits and of other unpredictable detail
STEEPEST = 5.0  # largest exponent of a spectrum, with covariances still far from singular
VARIANCE = 0.25  # of a pixel, where only the spectrum is specified
Covariances = dict[int, Array]


@dataclass(frozen=True)
class Field:
    """Gaussian random field at one scale, with the masks to design a schedule for.

    Attributes:
        covariance: [D, D].
        masks: bool [D] each, True = known.
    """

    covariance: Array
    masks: tuple[Flags, ...]


def scales_of(size: int) -> list[int]:
    """Scales of the fields of a picture of `size` x `size` pixels: 1, 2, 4 ... as long as a field fits in."""
    return [2**power for power in range((size // SIDE).bit_length())]


def spectral_covariances(size: int, exponent: float, variance: float = VARIANCE) -> Covariances:
    """Exact covariances [D, D] by scale of periodic pictures whose power falls with frequency f as 1 / f^exponent.

    Args:
        size: height and width of the pictures.
        exponent: from 0 to STEEPEST; natural images have about 2, smooth ones 3 and more.
        variance: of a pixel.
    """
    power = power_law(size, exponent, variance)
    return {scale: stationary_covariance(power * _pass_band(size, scale), SIDE, scale) for scale in scales_of(size)}


def _pass_band(size: int, scale: int) -> Array:
    """Transfer function [size, size] of block means times the scale, for power spectra."""
    block = np.zeros(size)
    block[:scale] = scale**-0.5
    across = np.abs(np.fft.fft(block)) ** 2
    return np.asarray(across[:, None] * across)


def picture_covariances(pictures: Array) -> Covariances:
    """Covariances [D, D] by scale, estimated from pictures [N, size, size] with values in [-1, 1].

    Few pictures determine little at the largest scale. So the estimate is shrunk to the covariance of pictures with the
    same variance and spectral slope, with the weight of D windows (the mean of an inverse Wishart posterior).
    """
    prior = spectral_covariances(pictures.shape[1], spectral_exponent(pictures), float(pictures.var()))
    found = {}
    for scale, expected in prior.items():
        windows = _windows(_block_means(pictures, scale) * scale, SIDE)
        centred = windows - windows.mean(axis=0)
        weight = len(expected)
        found[scale] = (centred.T @ centred + weight * expected) / (len(windows) + weight) + RIDGE * np.eye(weight)
    return found


def spectral_exponent(pictures: Array) -> float:
    """Spectral slope: exponent p of the law 1 / f^p fitted to the power of pictures [N, size, size], 0 to STEEPEST."""
    size = pictures.shape[1]
    fade = np.hanning(size + 2)[1:-1]  # pictures are not periodic
    power = np.zeros((size, size))
    for picture in pictures:  # one at a time: the transforms of all would fill the memory
        power += np.abs(np.fft.fft2((picture - picture.mean()) * fade[:, None] * fade)) ** 2
    frequency = frequencies(size)
    used = (frequency >= 2) & (frequency < size / 2) & (power > 0)
    if not used.any():
        return 0.0
    slope = -np.polyfit(np.log(frequency[used]), np.log(power[used]), 1)[0]
    return float(np.clip(slope, 0, STEEPEST))


def _block_means(pictures: Array, scale: int) -> Array:
    """[N, size // scale, size // scale]; incomplete blocks at the lower and right edge are left out."""
    count, size = len(pictures), pictures.shape[1] // scale
    blocks = pictures[:, : size * scale, : size * scale].reshape(count, size, scale, size, scale)
    return np.asarray(blocks.mean(axis=(2, 4)))


def _windows(pictures: Array, stride: int) -> Array:
    """Windows of SIDE x SIDE pixels, each `stride` pixels from the next, as vectors [N * windows, D]."""
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (SIDE, SIDE), (1, 2))
    return np.asarray(windows[:, ::stride, ::stride].reshape(-1, SIDE**2))


def make_fields(covariances: Mapping[int, Array], masks: Sequence[Mask]) -> list[Field]:
    """Fields in which masks [size, size], True = known, have both known and unknown pixels.

    Each mask contributes at each scale the piece whose known share is nearest to a half.
    """
    fields = []
    for scale, covariance in covariances.items():
        pieces = [piece for mask in masks if (piece := _piece(mask, scale)) is not None]
        different = {piece.tobytes(): piece for piece in pieces}
        if different:
            fields.append(Field(covariance, tuple(different.values())))
    return fields


def _piece(mask: Mask, scale: int) -> Flags | None:
    """A window of the mask at a scale; a block of which half is known is known. None if all or none of it is known."""
    windows = _windows(_block_means(mask[None].astype(np.float64), scale), SIDE // 2) >= 0.5
    shares = windows.mean(axis=1)
    best = int(np.abs(shares - 0.5).argmin())
    least, most = KNOWN_SHARE
    return windows[best] if least <= shares[best] <= most else None
