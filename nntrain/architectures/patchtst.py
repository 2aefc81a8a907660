"""PatchTST: a transformer over patches of each series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.architectures.forecasting import Forecast, forecast_of
from nntrain.architectures.vision import norm
from nntrain.layers.attention import MultiheadAttention
from nntrain.layers.composite import Residual
from nntrain.layers.linear import Linear
from nntrain.layers.position import PositionEmbedding
from nntrain.layers.regularizing import dropouts
from nntrain.layers.requirements import need_known
from nntrain.layers.series import EachFeature, Patch, ReversibleNorm
from nntrain.layers.shape import Flatten
from nntrain.layers.smooth_activation import GELU

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope


class PatchTST(Family):
    """PatchTST (Nie et al. 2023): every column by itself is cut into patches, which are the steps of a transformer encoder.

    All columns share the weights, [T, C] -> [H, C]. The series is normalised before and restored after, and its last step repeated
    `stride` times at the end. A batch norm (or `regularization.norm`) stands behind attention and behind the feed-forward layers. It is
    its own output: one linear layer over all patches makes the forecast.
    """

    type: Literal["patchtst"] = "patchtst"
    patch_size: PositiveInt = 16
    """Steps of a patch."""
    stride: PositiveInt = 8
    """Steps from one patch to the next."""
    num_layers: PositiveInt = 3
    """Encoder layers."""
    dim: PositiveInt = 128
    """Numbers of a patch in the encoder."""
    num_heads: PositiveInt = 16
    """Heads of attention."""
    dim_feedforward: PositiveInt = 256
    """Width between the two linear layers behind attention."""
    reversible_norm: bool = True
    """Whether each series is normalised before and restored after."""
    horizon: PositiveInt | None = None
    """Steps that come out. Default: those that the target has (`data.window.horizon`)."""

    def is_output(self) -> bool:
        return True

    def place(self, scope: Scope, value: Value) -> Value:
        need_known(patch_size=self.patch_size, stride=self.stride, dim=self.dim, num_layers=self.num_layers, horizon=self.horizon)
        forecast = forecast_of(scope, value.spec, self.horizon, self.type)
        each = EachFeature(layers=tuple(self._encoder(scope.context, forecast)))
        if not self.reversible_norm:
            return forecast.arranged(scope, scope.sequence([each], value))
        return forecast.arranged(scope, scope.sequence([ReversibleNorm(layers=(each,))], value))

    def _encoder(self, context: Context, forecast: Forecast) -> Sequence[Layer]:
        """From a series [T, 1] to its forecast."""
        layers: list[Layer] = [Patch(size=self.patch_size, stride=self.stride, pad_end=self.stride), Linear(out_features=self.dim)]
        layers += [PositionEmbedding(kind="learned"), *dropouts(context)]
        for _ in range(self.num_layers):
            attention = MultiheadAttention(num_heads=self.num_heads)
            feedforward = [Linear(out_features=self.dim_feedforward), GELU(), *dropouts(context), Linear(out_features=self.dim)]
            layers += [Residual(layers=(attention, *dropouts(context))), norm(context)]
            layers += [Residual(layers=(*feedforward, *dropouts(context))), norm(context)]
        return [*layers, Flatten(), Linear(out_features=forecast.steps * forecast.per_value)]
