"""Frozen matrices in four bits: 4-bit NormalFloat with double quantisation, as in QLoRA (Dettmers et al. 2023, sec. 3).

A weight is cut into blocks of 64; each block is divided by its largest magnitude and rounded to the nearest of 16
levels, which are quantiles of a normal distribution. The magnitudes are quantised in turn: their mean is taken off,
and blocks of 256 of them become 8-bit floats with one float32 range. That is 4 + 8/64 + 32/(64 * 256) = 4.127 bits a
weight. Not here: which layers are quantised for what (`models`), adapters (`lora`).

Shapes: O output features, I input features, N weights, B blocks of 64.
"""

# ruff: noqa: N806 - the suffixes of tensors are their shapes

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)
"""The 16 levels of NF4: Dettmers et al. 2023, appendix E."""
BLOCK = 64
"""Weights with a scale of their own."""
SCALE_BLOCK = 256
"""Scales with a range of their own."""
SCALE_DTYPE = torch.float8_e4m3fn
SCALE_MAX = torch.finfo(SCALE_DTYPE).max
_CHUNK_BLOCKS = 1 << 16
"""Blocks dequantised at a time: 16 MiB in float32 beside the result."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Nf4Tensor:
    """A quantised matrix.

    Parameters
    ----------
    codes
        uint8, 32 a block: two levels in each, the first in the high half.
    scales
        float8, B: the magnitude of each block, less `scale_mean`, as a share of its range.
    scale_ranges
        float32, ceil(B / 256): the largest such magnitude of 256 blocks.
    scale_mean
        float32 scalar.
    """

    codes: Tensor
    scales: Tensor
    scale_ranges: Tensor
    scale_mean: Tensor


def quantise(weight: Tensor) -> Nf4Tensor:
    """Return a weight in four bits. Time: one search among 16 levels a weight; memory: some float32 copies of it.

    Examples
    --------
    >>> weight = torch.linspace(-1, 1, 128).reshape(2, 64)
    >>> kept = dequantise(quantise(weight), weight.shape, torch.float32)
    >>> bool((kept - weight).abs().max() < 0.16)  # half the widest gap between levels
    True
    """
    flat_N = weight.detach().to(torch.float32).flatten()
    blocks = functional.pad(flat_N, (0, -len(flat_N) % BLOCK)).reshape(-1, BLOCK)
    magnitudes_B = blocks.abs().amax(dim=1)
    levels = torch.tensor(LEVELS, device=weight.device)
    between = (levels[1:] + levels[:-1]) / 2
    scaled = blocks / torch.where(magnitudes_B > 0, magnitudes_B, 1.0)[:, None]
    codes = torch.bucketize(scaled, between).to(torch.uint8)
    mean = magnitudes_B.mean()
    centred = functional.pad(magnitudes_B - mean, (0, -len(magnitudes_B) % SCALE_BLOCK))
    centred = centred.reshape(-1, SCALE_BLOCK)
    ranges = centred.abs().amax(dim=1)
    shares = centred / torch.where(ranges > 0, ranges, 1.0)[:, None] * SCALE_MAX
    return Nf4Tensor(
        codes=codes[:, 0::2] << 4 | codes[:, 1::2],
        scales=shares.flatten()[: len(magnitudes_B)].to(SCALE_DTYPE),
        scale_ranges=ranges,
        scale_mean=mean,
    )


def dequantise(quantised: Nf4Tensor, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """Return the matrix that a quantised one stands for. Memory: the result and 16 MiB."""
    scales_B = block_scales(quantised)
    levels = torch.tensor(LEVELS, device=quantised.codes.device)
    pairs = torch.stack([levels.repeat_interleave(16), levels.repeat(16)], dim=1)  # both levels of a byte
    values = torch.empty(len(scales_B), BLOCK, dtype=dtype, device=quantised.codes.device)
    for start in range(0, len(scales_B), _CHUNK_BLOCKS):
        part = slice(start, start + _CHUNK_BLOCKS)
        found = pairs[quantised.codes[part].int()].reshape(-1, BLOCK)
        values[part] = found * scales_B[part, None]
    return values.flatten()[: shape.numel()].reshape(shape)


def block_scales(quantised: Nf4Tensor) -> Tensor:
    """Return the magnitude of each block, [B], float32."""
    shares_B = quantised.scales.float() / SCALE_MAX
    ranges_B = quantised.scale_ranges.repeat_interleave(SCALE_BLOCK)[: len(shares_B)]
    return shares_B * ranges_B + quantised.scale_mean


class Nf4Linear(nn.Linear):
    """A frozen linear layer in four bits. Its matrix exists in full only while a product is computed.

    It counts as `nn.Linear`, so that `peft` puts adapters on it; `weight` is dequantised at each access.

    Examples
    --------
    >>> layer = Nf4Linear(nn.Linear(64, 32), dtype=torch.float32)
    >>> layer(torch.ones(1, 64)).shape, layer.num_bytes  # 4,096 in float32 with its bias: 8,320
    (torch.Size([1, 32]), 1192)
    """

    codes: Tensor
    scales: Tensor
    scale_ranges: Tensor
    scale_mean: Tensor

    def __init__(self, linear: nn.Linear, *, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.dtype = dtype
        found = quantise(linear.weight)
        for name in Nf4Tensor.__slots__:
            self.register_buffer(name, getattr(found, name))
        own = cast("nn.Parameter | None", linear.bias)  # torch's types forget that it may be absent
        bias = None if own is None else nn.Parameter(own.detach().to(dtype), requires_grad=False)
        self.register_parameter("bias", bias)

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """The matrix in full, [O, I], made anew."""
        quantised = Nf4Tensor(
            codes=self.codes, scales=self.scales, scale_ranges=self.scale_ranges, scale_mean=self.scale_mean
        )
        return dequantise(quantised, torch.Size((self.out_features, self.in_features)), self.dtype)

    @property
    def num_bytes(self) -> int:
        """Bytes that the layer keeps."""
        return sum(tensor.nbytes for tensor in (*self.buffers(), *self.parameters()))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in `nn.Linear`
        """Return input W' + bias, in the dtype of autocast where there is one, else the input's."""
        kind = input.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else input.dtype
        output: Tensor = _Nf4Product.apply(input.to(dtype), self)  # type: ignore[no-untyped-call]
        bias = cast("nn.Parameter | None", self.bias)
        return output if bias is None else output + bias.to(dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Nf4Linear:
        """Follow to another device, never to another dtype: a cast would spoil the scales."""
        kept = {name: tensor.dtype for name, tensor in self._buffers.items() if tensor is not None}
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, dtype in kept.items():
            moved, old = self._buffers[name], before[name]
            if moved is not None and old is not None and moved.dtype != dtype:
                self._buffers[name] = old.to(moved.device)
        return self

    def extra_repr(self) -> str:
        """Say what `nn.Linear` says, and that it has four bits."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bits=4"


class _Nf4Product(torch.autograd.Function):
    """input W', saving nothing but the layer: the matrix is dequantised again for the gradient."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, input_: Tensor, layer: Nf4Linear) -> Tensor:
        ctx.layer = layer  # type: ignore[attr-defined]
        return functional.linear(input_, layer.weight.to(input_.dtype))

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient @ ctx.layer.weight.to(gradient.dtype), None  # type: ignore[attr-defined]


def quantise_layers(
    network: nn.Module, *, dtype: torch.dtype, device: torch.device, keep: Collection[nn.Module] = ()
) -> int:
    """Replace every linear layer of a network, one after the other, and return how many there were.

    Embeddings, norms and the head stay as they are, as in the paper. Each layer goes to `device` in four bits, so that
    the device never holds the whole network otherwise; matrices that are no layers of their own, such as stacked
    experts, stay in full.

    Parameters
    ----------
    dtype
        What `weight` is dequantised to.
    keep
        Further layers that stay as they are.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    >>> quantise_layers(network, dtype=torch.float32, device=torch.device("cpu"), keep=[network[2]])
    1
    """
    head = getattr(network, "get_output_embeddings", lambda: None)()
    kept = {id(module) for module in (head, *keep)}
    found = [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if type(child) is nn.Linear and id(child) not in kept
    ]
    made: dict[int, Nf4Linear] = {}
    for parent, name, child in found:
        if id(child) not in made:
            made[id(child)] = Nf4Linear(child, dtype=dtype).to(device)
            # The list still holds the layer: let its matrix go now.
            child.weight = nn.Parameter(torch.empty(0), requires_grad=False)
        setattr(parent, name, made[id(child)])
    return len(made)
