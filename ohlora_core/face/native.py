"""The compiled passes of `kernels/`: built once per machine by its C++ compiler, then kept.

Knows compilers and the library; nothing of networks. Without a compiler everything works, slower.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from enum import IntEnum
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).with_name("kernels")
COMPILERS = ("c++", "g++", "clang++")
FLAGS = ("-O3", "-march=native", "-std=c++17", "-fopenmp", "-shared", "-fPIC")
BUILD_TIMEOUT_S = 120


class Activation(IntEnum):
    """What the kernels do to a value before they store it; numbers as in `kernels/matrix.h`."""

    NONE = 0
    RELU = 1
    LEAKY_RELU = 2
    SILU = 3


class Kernels:
    """The functions of the library, called with tensors. All run on torch's OpenMP threads."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def __call__(self, name: str, *arguments: Tensor | int | None) -> None:
        """Call ohlora_{name} with tensors of the format it expects.

        Raises ValueError when one is not contiguous.
        """
        torch.get_num_threads()  # a new thread takes torch's setting over on the first such call
        values: list[ctypes.c_void_p | ctypes.c_int] = []
        for argument in arguments:
            if isinstance(argument, int):
                values.append(ctypes.c_int(argument))
            else:
                if argument is not None and not argument.is_contiguous():
                    raise ValueError(f"{name}: a tensor is not contiguous")
                address = None if argument is None else argument.data_ptr()
                values.append(ctypes.c_void_p(address))
        self._library[f"ohlora_{name}"](*values)


@cache
def load_kernels() -> Kernels | None:
    """The library, compiled first if this machine has no copy of it yet; None if it cannot be."""
    compiler = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if compiler is None:
        logger.info("no C++ compiler: the face runs on plain PyTorch operations")
        return None
    try:
        return Kernels(ctypes.CDLL(str(_built(compiler))))
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("%s did not compile, the face runs slower: %s", FOLDER.name, error)
        return None


def _built(compiler: str) -> Path:
    """Path of the library for these sources, compiler and processor."""
    files = sorted(file for file in FOLDER.iterdir() if file.suffix in {".cpp", ".h"})
    told = [file.read_text(encoding="utf-8") for file in files]
    told += [compiler, str(FLAGS), _processor()]
    digest = hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
    path = _folder() / f"face-kernels-{digest}.so"
    if not path.is_file():
        # Built beside and moved, so that two processes never load half a file.
        handle, partial = tempfile.mkstemp(suffix=".so", dir=path.parent)
        os.close(handle)
        sources = [str(file) for file in files if file.suffix == ".cpp"]
        command = [compiler, *FLAGS, *sources, "-o", partial]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=BUILD_TIMEOUT_S)
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)
        logger.info("compiled %s", path)
    return path


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser() / "ohlora" / "kernels"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _processor() -> str:
    """What -march=native depends on: a cache folder may be shared between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    kinds = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(kinds)}))
