"""What a measurement ran on."""

from __future__ import annotations

import platform
import sys
from pathlib import Path


def device_name(device: str) -> str:
    """The name that the maker gave the processor or the graphics card."""
    if device == "cuda":
        import torch  # here: whoever names a processor needs no torch

        return torch.cuda.get_device_name()
    if device == "cpu" and sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
