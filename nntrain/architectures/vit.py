"""Vision transformer: patches of an image are the steps of a transformer encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self

from pydantic import PositiveInt

from nntrain.architectures.pretrained import Pretrained, filled, need_norm, taken
from nntrain.architectures.transformer import Transformer
from nntrain.layers.class_token import ClassToken
from nntrain.layers.convolution import Conv2d
from nntrain.layers.global_pooling import Pool
from nntrain.layers.initialization import LecunNormal, TruncatedNormal, Zeros
from nntrain.layers.normalization import LayerNorm
from nntrain.layers.position import PositionEmbedding
from nntrain.layers.rearranging import Rearrange
from nntrain.layers.regularizing import dropouts
from nntrain.layers.windows import need_image

if TYPE_CHECKING:
    from pathlib import Path

    from nntrain.layers.context import Context
    from nntrain.layers.initializer import Initializer
    from nntrain.layers.layer import Layer
    from nntrain.layers.norm import Norm
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope
    from nntrain.specs import Spec

EPS: Final = 1e-6
"""What the layer norms of the published networks add to the variance."""


class ViT(Transformer):
    """Vision transformer (Dosovitskiy et al. 2021): an image is cut into patches, which are the steps of a transformer encoder.

    Each patch becomes `dim` numbers by one linear map; a learned class token stands before them (`pool: class_token`), a learned vector
    is added for each place, and norms stand first. The published sizes are Ti (`dim: 192, num_heads: 3`, the default), S (384 and 6),
    B (768 and 12), all with 12 layers, and L (1024, 16, 24 layers). Dropout stands behind the positions, each hidden activation and at
    the end of each residual; the weights of attention have none, as in the paper. The norm is `regularization.norm`: `layer` (the default)
    or `rms`. Weights begin at normal(0.02) cut at two deviations, offsets at 0.
    """

    main: ClassVar[str | None] = "patch_size"
    reads_images: ClassVar[bool] = True
    drops_hidden: ClassVar[bool] = True

    type: Literal["vit"] = "vit"
    patch_size: PositiveInt = 16
    """Height and width of a patch in pixels; height and width of the image must be multiples of it."""
    dim: PositiveInt = 192
    """Numbers of a patch all through the network."""
    num_layers: PositiveInt = 12
    """Blocks."""
    num_heads: PositiveInt = 3
    """Heads of attention, each of `dim / num_heads` numbers."""
    positions: Literal["learned", "sinusoidal"] | None = "learned"
    """How patches know their place: by vectors that are added, learned or of sines, or (`null`) not at all."""
    pool: Literal["class_token", "mean"] | None = "class_token"
    """What becomes of the patches: the class token alone goes on, or their mean (without a class token); `null` keeps them all, for a
    layer that reads steps, such as `transformer_decoder`."""
    pretrained: Pretrained | None = None
    """A trained vision transformer: its folder, as Hugging Face or timm writes it (`pretrained: models/vit`), its name on the hub where it
    was loaded before, or `imagenet`. Its sizes and weights are taken, without its head. Image fields that say nothing of size, channels and
    normalisation have those of its training."""

    @property
    def is_causal(self) -> bool:
        return False

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        how: Mapping[str, Literal["first", "mean"]] = {"class_token": "first", "mean": "mean"}
        ends = [] if self.pool is None else [Pool(how=how[self.pool])]
        layers = [*self._stack(context, spec), *ends]
        if self.pretrained is None:
            return layers
        need_norm(self.pretrained, context.norm, "layer")
        from nntrain.weights.hub_names import part_names

        return taken(layers, self.pretrained, part_names(self.type, [self.num_layers]))

    def located(self, folder: Path) -> Self:
        """With the sizes of the trained network, where one is named. Raises `SpecError` and `CheckpointError`."""
        return self if self.pretrained is None else filled(self, self.pretrained, folder)

    def place(self, scope: Scope, value: Value) -> Value:
        need_image(value.spec)
        sizes = [size for size in value.spec.sizes[1:] if isinstance(size, int)]
        if any(size % self.patch_size for size in sizes):
            fits = [str(size) for size in range(1, min(sizes) + 1) if not any(whole % size for whole in sizes)]
            raise scope.at("patch_size").fail(
                f"vit cuts {value.spec.describe()} into patches of {self.patch_size} x {self.patch_size}, which doesn't work out",
                f"patches that do: {', '.join(fits[-6:])}; or another size of the image field",
            )
        return super().place(scope, value)

    def initial(self) -> Mapping[str, Initializer]:
        return {
            "*.bias": Zeros(),
            "*.in_proj_bias": Zeros(),
            "conv2d": LecunNormal(),
            **dict.fromkeys(("linear", "multihead_attention", "mixture_of_experts"), TruncatedNormal(std=0.02)),
        }

    def _entrance(self, context: Context, spec: Spec) -> Sequence[Layer]:
        """Vectors of the patches, row by row, with their place."""
        patch: dict[str, Any] = {"kernel_size": self.patch_size, "stride": self.patch_size}
        layers: list[Layer] = [Conv2d(out_channels=self.dim, **patch), Rearrange(pattern="c h w -> (h w) c")]
        if self.pool == "class_token":
            layers.append(ClassToken())
        if self.positions is not None:
            layers.append(PositionEmbedding.parse({"kind": self.positions, "max_length": self.max_length}))
        return [*layers, *dropouts(context)]

    def _heads(self, context: Context) -> dict[str, Any]:
        return {**super()._heads(context), "dropout": 0.0}

    def _norm(self, context: Context) -> Norm:
        norm = super()._norm(context)
        return norm.model_copy(update={"eps": EPS}) if isinstance(norm, LayerNorm) and self.norm_eps is None else norm
