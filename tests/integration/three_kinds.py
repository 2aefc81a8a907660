"""A table of points of three kinds, each around a place of its own."""

from __future__ import annotations

from pathlib import Path

import torch


def write_three_kinds(path: Path) -> None:
    """48 rows with columns x, y and kind."""
    generator = torch.Generator().manual_seed(0)
    lines = ["x,y,kind"]
    for number in range(48):
        point = torch.randn(2, generator=generator) + number % 3
        lines.append(f"{float(point[0]):.4f},{float(point[1]):.4f},{'abc'[number % 3]}")
    path.write_text("\n".join(lines) + "\n")
