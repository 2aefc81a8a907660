import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from nntrain.errors import ConfigError
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.optimizer import GroupRule
from nntrain.parameter_names import matches


def network() -> nn.Module:
    return nn.ModuleDict(
        {
            "embedding": nn.Embedding(5, 4),
            "body": nn.ModuleDict({"linear_1": nn.Linear(4, 4), "norm_1": nn.LayerNorm((2, 2)), "relu_1": nn.PReLU()}),
            "rnn": nn.LSTM(4, 4),
            "head": nn.Linear(4, 2),
        }
    )


def named(groups: list) -> dict[str, tuple[float, float | None]]:
    return {name: (group["weight_decay"], group["lr"]) for group in groups for name, _ in group["params"]}


def test_biases_norms_and_embeddings_do_not_decay() -> None:
    decays = {name for name, (decay, _) in named(parameter_groups(network(), weight_decay=0.1)).items() if decay}
    assert decays == {"body.linear_1.weight", "rnn.weight_ih_l0", "rnn.weight_hh_l0", "head.weight"}


def test_the_lengths_of_weight_norm_do_not_decay_and_its_directions_do() -> None:
    conv = nn.Conv2d(3, 4, 3)
    names = {name for name, (decay, _) in named(parameter_groups(weight_norm(conv), weight_decay=0.1)).items() if decay}
    assert names == {"parametrizations.weight.original1"}
    plain = spectral_norm(nn.Conv2d(3, 4, 3))
    assert named(parameter_groups(plain, weight_decay=0.1))["parametrizations.weight.original"] == (0.1, None)


def test_decay_all_spares_nothing() -> None:
    found = named(parameter_groups(network(), weight_decay=0.1, decay_all=True))
    assert set(found) == {name for name, _ in network().named_parameters()}
    assert {decay for decay, _ in found.values()} == {0.1}


def test_a_tied_embedding_does_not_decay() -> None:
    tied = nn.ModuleDict({"output": nn.Linear(4, 5), "embedding": nn.Embedding(5, 4)})
    tied["embedding"].weight = tied["output"].weight
    found = named(parameter_groups(tied, weight_decay=0.1))
    assert found == {"output.weight": (0.0, None), "output.bias": (0.0, None)}


def test_the_first_rule_that_matches_gives_the_rate() -> None:
    rules = [GroupRule(match="*.bias", lr=1.0), GroupRule(match="head", lr=2.0)]
    found = named(parameter_groups(network(), rules=rules))
    assert found["head.bias"] == (0.0, 1.0)
    assert found["head.weight"] == (0.0, 2.0)
    assert found["rnn.weight_ih_l0"] == (0.0, None)


def test_frozen_parameters_are_in_no_group() -> None:
    frozen = network()
    frozen["head"].requires_grad_(requires_grad=False)
    assert not any(name.startswith("head") for name in named(parameter_groups(frozen)))


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(ConfigError, match="no parameter that can be trained"):
        parameter_groups(nn.ReLU())


def test_a_pattern_that_matches_nothing_names_near_ones() -> None:
    rules = [GroupRule(match="haed", lr=1.0), GroupRule(match="body", lr=2.0), GroupRule(match="body.linear_1", lr=3.0)]
    with pytest.raises(ConfigError) as error:
        parameter_groups(network(), rules=rules)
    first, second = error.value.problems
    assert first.path == ("optimizer", "groups", 0, "match")
    assert first.hint is not None
    assert "head" in first.hint
    assert second.path == ("optimizer", "groups", 2, "match")
    assert "a rule before it has" in second.message


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("head", "head.weight", True),
        ("head", "head", True),
        ("head", "header.weight", False),
        ("head.*", "head.weight", True),
        ("*.bias", "body.linear_1.bias", True),
        ("*.embedding", "body.embedding.weight", True),
        ("body.linear_?", "body.linear_1.weight", True),
        ("linear_1", "body.linear_1.weight", False),
    ],
)
def test_patterns(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


def test_every_group_keeps_its_rate_as_initial_lr() -> None:
    from nntrain.optimizers.sgd import SGD

    optimizer = SGD(lr=0.5).build(parameter_groups(network(), rules=[GroupRule(match="head", lr=2.0)]))
    assert [(group["lr"], group["initial_lr"]) for group in optimizer.param_groups] == [(0.5, 0.5), (2.0, 2.0)]
    assert isinstance(optimizer, torch.optim.SGD)


def test_a_rule_may_give_a_decay_of_its_own_to_what_decays() -> None:
    found = named(parameter_groups(network(), weight_decay=0.1, rules=[GroupRule(match="head", weight_decay=0.5)]))
    assert found["head.weight"] == (0.5, None)
    assert found["head.bias"] == (0.0, None)
    assert found["rnn.weight_ih_l0"] == (0.1, None)
    off = named(parameter_groups(network(), weight_decay=0.1, rules=[GroupRule(match="head", weight_decay=0.0)]))
    assert off["head.weight"] == (0.0, None)


def test_a_decay_for_biases_alone_is_refused() -> None:
    rules = [GroupRule(match="*.bias", weight_decay=0.5)]
    with pytest.raises(ConfigError, match="do not decay"):
        parameter_groups(network(), rules=rules)
    assert named(parameter_groups(network(), rules=rules, decay_all=True))["head.bias"] == (0.5, None)


def test_scales_act_on_the_optimizers_rate_and_not_on_that_of_a_rule() -> None:
    from nntrain.optimizers.sgd import SGD

    scales = {"head.weight": 1.0, "head.bias": 1.0, "embedding.weight": 0.25}
    groups = parameter_groups(network(), rules=[GroupRule(match="head.bias", lr=2.0)], scales=scales)
    rates = {name: group["lr"] for group in SGD(lr=0.5).build(groups).param_groups for name in group["param_names"]}
    assert (rates["head.weight"], rates["head.bias"], rates["embedding.weight"]) == (0.5, 2.0, 0.125)


def test_a_factor_multiplies_the_optimizers_rate_and_that_of_the_layer() -> None:
    from nntrain.optimizers.sgd import SGD

    scales = {"head.weight": 1.0, "head.bias": 1.0, "embedding.weight": 0.25}
    rules = [GroupRule(match="embedding", lr_factor=6.0), GroupRule(match="*.bias", lr_factor=0.5, weight_decay=0.0)]
    optimizer = SGD(lr=0.5).build(parameter_groups(network(), rules=rules, scales=scales))
    rates = {name: group["initial_lr"] for group in optimizer.param_groups for name in group["param_names"]}
    assert rates["embedding.weight"] == 0.75  # 0.5 * 0.25 * 6
    assert rates["head.bias"] == rates["body.linear_1.bias"] == 0.25
    assert rates["head.weight"] == rates["rnn.weight_ih_l0"] == 0.5


def test_a_rule_has_one_rate_and_says_something() -> None:
    with pytest.raises(ValidationError, match="either lr or lr_factor"):
        GroupRule(match="head", lr=0.1, lr_factor=2.0)
    with pytest.raises(ValidationError, match="changes nothing: give lr, lr_factor or weight_decay"):
        GroupRule(match="head")
