"""From nodes to the pairs of them that are asked for: the end of a network that predicts edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer, Need
from nntrain.layers.requirements import need_numbers
from nntrain.specs import NODES, PAIRS, RAGGED, Size, Spec, times

if TYPE_CHECKING:
    from torch import nn


class Pair(Layer):
    """What two nodes are together, of each pair that is asked for: [S, F] -> [P, 1], [P, F] or [P, 2 * F].

    The decoder of link prediction. As `dot` it is one, the inner product of both (Kipf and Welling 2016), and is put behind nodes where
    the config has none; behind `multiply` or `concat` other layers follow, such as `linear: 64`, `relu`.
    """

    main: ClassVar[str | None] = "how"
    needs: ClassVar[frozenset[Need]] = frozenset({"pairs"})

    type: Literal["pair"] = "pair"
    how: Literal["dot", "multiply", "concat"] = "dot"
    """`dot`: one number, their inner product; `multiply`: the product feature by feature (Hadamard); `concat`: the features of the first
    node, then those of the second, so that their order counts. The other two don't tell which is first."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        if spec.axes != NODES:
            raise SpecError(
                f"takes nodes of a graph and gets {spec.describe()}",
                hint="data.source: {type: graph, nodes: nodes.csv, edges: edges.csv, target: edges} asks for pairs of nodes",
            )
        features = spec.size("feature")
        widths: dict[str, Size] = {"dot": 1, "multiply": features, "concat": times(features, 2)}
        return Spec(PAIRS, (RAGGED, widths[self.how]))

    @property
    def undirected(self) -> str | None:
        if self.how == "concat":
            return None
        fix = "fix:  end in  - pair: concat,  - linear: 64,  - relu"
        return f"pair: {self.how} scores A to B as B to A, and data.source.directed says that they differ   {fix}"

    def is_output(self) -> bool:
        """An inner product is the score of a pair."""
        return self.how == "dot"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.pairing import PairOf

        return PairOf(self.how)
