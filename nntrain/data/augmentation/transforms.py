"""Augmentations of a batch of images `[B, C, H, W]` in [0, 1], all rows at once, on their device.

Those that move pixels have `back`: by the same draws they move maps `[B, K, H, W]` of changed images back to the pixels of these, with 0
where nothing came from.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from nntrain.data.augmentation.augmentation import Sampling
from nntrain.data.augmentation.draws import Draws
from nntrain.data.images import GRAY


def flip(images: Tensor, draws: Draws, *, p: float, axis: int) -> Tensor:
    """Mirror a share `p` of the images along an axis."""
    return torch.where(_by_row(draws.chance("flip", p)), images.flip(axis), images)


def crop(images: Tensor, draws: Draws, *, padding: int, mode: str, back: bool = False) -> Tensor:
    """Cut the images' own size out of padded ones, at a random place."""
    rows, channels, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4, mode=mode)
    top, left = ((draws.uniform(side) * (2 * padding + 1)).long() for side in ("top", "left"))
    if back:
        top, left = 2 * padding - top, 2 * padding - left
    vertical = top[:, None] + torch.arange(height, device=images.device)
    horizontal = left[:, None] + torch.arange(width, device=images.device)
    places = (vertical[:, :, None] * padded.shape[3] + horizontal[:, None, :]).reshape(rows, 1, height * width)
    return padded.flatten(2).gather(2, places.expand(rows, channels, height * width)).reshape(images.shape)


def rotate(images: Tensor, draws: Draws, *, degrees: float, sampling: Sampling = "bilinear", back: bool = False) -> Tensor:
    """Turn images around their middle."""
    angle = draws.uniform("angle", -degrees, degrees) * (math.pi / 180)
    height, width = images.shape[2:]
    # affine_grid counts in halves of each axis, so that an angle in pixels needs the ratio of the sides
    sine, cosine, zero = angle.sin(), angle.cos(), torch.zeros_like(angle)
    rows = ((cosine, -sine * height / width, zero), (sine * width / height, cosine, zero))
    return _sample(images, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1), sampling, back=back)


def shift(images: Tensor, draws: Draws, *, fraction: float, sampling: Sampling = "bilinear", back: bool = False) -> Tensor:
    """Shift images by a fraction of their sides."""
    down, right = (2 * draws.uniform(side, -fraction, fraction) for side in ("down", "right"))
    one, zero = torch.ones_like(down), torch.zeros_like(down)
    rows = ((one, zero, -right), (zero, one, -down))
    return _sample(images, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1), sampling, back=back)


def zoom(images: Tensor, draws: Draws, *, low: float, high: float, sampling: Sampling = "bilinear", back: bool = False) -> Tensor:
    """Make what images show larger or smaller by a factor from `low` to `high`, each direction of it as likely."""
    factor = draws.uniform("factor", math.log(low), math.log(high)).exp()
    inverse, zero = 1 / factor, torch.zeros_like(factor)
    rows = ((inverse, zero, zero), (zero, inverse, zero))
    return _sample(images, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1), sampling, back=back)


def random_resized_crop(
    images: Tensor,
    draws: Draws,
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    sampling: Sampling = "bilinear",
    back: bool = False,
) -> Tensor:
    """Cut rectangles out and stretch them to the whole image."""
    height, width = images.shape[2:]
    area = draws.uniform("area", *scale) * (height * width)
    shape = draws.uniform("ratio", math.log(ratio[0]), math.log(ratio[1])).exp()
    tall, wide = ((area / shape).sqrt() / height).clamp(max=1), ((area * shape).sqrt() / width).clamp(max=1)
    # affine_grid has the middle of the image at 0 and its edges at -1 and 1
    down, right = ((1 - part) * draws.uniform(side, -1, 1) for side, part in (("down", tall), ("right", wide)))
    zero = torch.zeros_like(area)
    rows = ((wide, zero, right), (zero, tall, down))
    return _sample(images, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1), sampling, outside="border", back=back)


def jitter(images: Tensor, draws: Draws, *, brightness: float | None, contrast: float | None, saturation: float | None) -> Tensor:
    """Brightness, contrast and saturation as torchvision.transforms.functional has them, one after another."""
    if brightness is not None:
        images = (images * _factor(draws, "brightness", brightness)).clamp(0, 1)
    if contrast is not None:
        mean = _gray(images).mean(dim=(1, 2, 3), keepdim=True)
        images = (mean + (images - mean) * _factor(draws, "contrast", contrast)).clamp(0, 1)
    if saturation is not None:
        gray = _gray(images)
        images = (gray + (images - gray) * _factor(draws, "saturation", saturation)).clamp(0, 1)
    return images


def erase(images: Tensor, draws: Draws, *, p: float, scale: tuple[float, float], ratio: tuple[float, float]) -> Tensor:
    """Blacken a rectangle of a share `p` of the images."""
    height, width = images.shape[2:]
    area = draws.uniform("area", *scale) * (height * width)
    shape = draws.uniform("ratio", math.log(ratio[0]), math.log(ratio[1])).exp()
    tall = (area * shape).sqrt().round().clamp(1, height)
    wide = (area / shape).sqrt().round().clamp(1, width)
    top = (draws.uniform("top") * (height - tall + 1)).floor()
    left = (draws.uniform("left") * (width - wide + 1)).floor()
    vertical, horizontal = (torch.arange(size, device=images.device)[None] for size in (height, width))
    is_row = (vertical >= top[:, None]) & (vertical < (top + tall)[:, None])
    is_column = (horizontal >= left[:, None]) & (horizontal < (left + wide)[:, None])
    is_erased = (is_row[:, :, None] & is_column[:, None, :] & draws.chance("erasing", p)[:, None, None])[:, None]
    return images.masked_fill(is_erased, 0.0)


def add_noise(images: Tensor, draws: Draws, *, std: float, clip: bool) -> Tensor:
    """Add normal numbers; with `clip` the sums are cut at 0 and 1."""
    noisy = images + std * draws.normal("noise", images[0].numel()).reshape(images.shape)
    return noisy.clamp(0, 1) if clip else noisy


def _by_row(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _factor(draws: Draws, purpose: str, strength: float) -> Tensor:
    return _by_row(draws.uniform(purpose, 1 - strength, 1 + strength))


def _gray(images: Tensor) -> Tensor:
    """Luma `[B, 1, H, W]`."""
    if images.shape[1] == 1:
        return images
    red, green, blue = (weight * images[:, place : place + 1] for place, weight in enumerate(GRAY))
    return red + green + blue


def _sample(images: Tensor, theta: Tensor, sampling: Sampling, outside: str = "zeros", *, back: bool = False) -> Tensor:
    """Images at the points of affine maps `[B, 2, 3]` from places of the result to places of the image, in halves of its sides."""
    if back:
        theta, outside = _inverse(theta), "zeros"
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode=sampling, padding_mode=outside, align_corners=False)


def _inverse(theta: Tensor) -> Tensor:
    """The affine maps `[B, 2, 3]` the other way round."""
    (a, b, right), (c, d, down) = (row.unbind(1) for row in theta.unbind(1))
    area = a * d - b * c
    rows = ((d, -b, b * down - d * right), (-c, a, c * right - a * down))
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1) / area[:, None, None]
