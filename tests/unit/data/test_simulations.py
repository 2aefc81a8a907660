"""Sources that can be acted in: what their rows are, what `check` knows of them, and the environments of Gymnasium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corridor import Corridor

from nntrain.data.layout import plan_layout
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.data.sources.gymnasium import Gymnasium
from nntrain.data.sources.simulation import Simulation, episode_seed
from nntrain.errors import DataError
from nntrain.specs import Spec

HERE = Path()


def settings(source: Simulation, **more: Any) -> DataSettings:
    return DataSettings.parse({"source": "rows.csv", **more}).model_copy(update={"source": source})


def cart_pole(**options: Any) -> Gymnasium:
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    found = Gymnasium.parse({"type": "gymnasium", "env": "CartPole-v1", **options})
    assert isinstance(found, Gymnasium)
    return found


def test_rows_are_what_a_random_policy_saw_and_did() -> None:
    source = Corridor(steps=50)
    table = source.read(Path("train"), "train")
    assert list(table.columns) == ["observation_0", "observation_1", "action"]
    places, actions = table.numbers("observation_0"), table.texts("action").to_list()
    assert set(actions) == {"back", "ahead"}
    walk, episode, seen = source.open(), 0, list[float]()
    observation = walk.reset(episode_seed("records", 0))
    for action in actions:
        seen.append(float(observation[0]))
        moved = walk.step(("back", "ahead").index(action))
        observation = moved.observation
        if moved.terminated or moved.truncated:
            episode += 1
            observation = walk.reset(episode_seed("records", episode))
    assert episode > 2
    assert places.tolist() == seen
    again = Corridor(steps=50).read(Path("train"), "train")
    assert np.array_equal(again.numbers("observation_0"), places)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_other_rows_are_the_beginnings_of_episodes(part: str) -> None:
    source = Corridor(validation=5, test=7)
    table, walk = source.read(Path(part), part), source.open()
    begun = [float(walk.reset(episode_seed(part, number))[0]) for number in range(table.rows)]
    assert table.rows == {"validation": 5, "test": 7}[part]
    assert table.numbers("observation_0").tolist() == begun


def test_fields_are_fitted_on_the_training_rows() -> None:
    prepared = prepare(settings(Corridor(steps=60)), HERE, seed=0)
    assert {part: len(data) for part, data in prepared.splits.items()} == {"train": 60, "validation": 20, "test": 100}
    assert prepared.layout.inputs == {"observation": Spec(("feature",), (2,))}
    seen = prepared.train.inputs["observation"]
    assert seen.mean(dim=0).tolist() == pytest.approx([0, 0], abs=1e-5)
    assert prepared.fields.targets["action"].classes == ("back", "ahead")
    assert set(prepared.fingerprints) == {"source", "source.validation", "source.test", "test"}
    other = prepare(settings(Corridor(steps=60, drift=1)), HERE, seed=0)
    assert other.fingerprints["source"] != prepared.fingerprints["source"]


def test_shapes_are_known_before_anything_is_played() -> None:
    layout, problems = plan_layout(settings(Corridor()), HERE, look=True)
    assert not problems
    assert layout.inputs == {"observation": Spec(("feature",), (2,))}
    assert [(plan.name, plan.spec.classes, plan.classes) for plan in layout.targets] == [("action", 2, ("back", "ahead"))]


def test_what_the_config_says_of_columns_counts() -> None:
    layout, problems = plan_layout(
        settings(Corridor(), fields={"observation_1": "number", "observation_0": {"role": "ignore"}}), HERE, look=True
    )
    assert not problems
    assert [(plan.name, plan.field.type, plan.role) for plan in layout.fields] == [
        ("observation_1", "number", "input"),
        ("action", "category", "target"),
    ]


def test_a_split_has_no_part_in_it() -> None:
    _, problems = plan_layout(settings(Corridor(), split={"validation": 0.2}), HERE, look=True)
    assert [problem.message for problem in problems] == ["has no effect: data.source.validation gives the validation rows"]


def test_environments_of_gymnasium() -> None:
    source = cart_pole(actions=["left", "right"], steps=80)
    rules, world = source.rules(), source.open()
    assert rules.features == 4
    assert rules.actions == ("left", "right")
    first = world.reset(5)
    assert first.dtype == np.float32
    moved = [world.step(0) for _ in range(9)][-1]
    assert moved.terminated, "a cart that is pushed one way alone drops its pole at the ninth push"
    assert not moved.truncated
    assert np.array_equal(world.reset(5), first)
    prepared = prepare(settings(source), HERE, seed=0)
    assert prepared.layout.inputs == {"observation": Spec(("feature",), (4,))}


def test_an_episode_can_be_cut_off_sooner() -> None:
    world = cart_pole(max_moves=3).open()
    world.reset(0)
    assert [world.step(0).truncated for _ in range(3)] == [False, False, True]


def test_places_of_a_grid_become_numbers() -> None:
    cart_pole()
    source = Gymnasium.parse({"type": "gymnasium", "env": "FrozenLake-v1", "options": {"is_slippery": False}})
    assert isinstance(source, Gymnasium)
    assert (source.rules().features, source.rules().actions) == (16, ("0", "1", "2", "3"))
    world = source.open()
    assert world.reset(0).tolist() == [1.0] + [0.0] * 15
    assert world.step(2).observation.tolist() == [0.0, 1.0] + [0.0] * 14


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"env": "CartPol-v1"}, r"no environment 'CartPol-v1'\n.*CartPole-v1"),
        ({"env": "Pendulum-v1"}, "Pendulum-v1: the actions are Box"),
        ({"options": {"colour": "red"}}, "CartPole-v1 can't be made: .*colour"),
        ({"actions": ["left", "right", "up"]}, "CartPole-v1 has 2 actions, and 3 different names are given"),
    ],
)
def test_what_is_no_environment_to_learn_in(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=f"(?s){words}"):
        plan_layout(settings(cart_pole(**options)), HERE, look=True)


def test_a_name_loads_no_module() -> None:
    with pytest.raises(ValueError, match="env"):
        Gymnasium.parse({"type": "gymnasium", "env": "some_module:Env-v0"})


def test_without_the_package_the_config_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> None:
        assert name == "gymnasium"

    monkeypatch.setattr("nntrain.data.sources.gymnasium.find_spec", found)
    source = Gymnasium.parse({"type": "gymnasium", "env": "CartPole-v1"})
    assert isinstance(source, Gymnasium)
    _, problems = plan_layout(settings(source), HERE, look=True)
    assert [problem.message for problem in problems] == ["gymnasium needs a package that is not installed: pip install 'nntrain[games]'"]
    with pytest.raises(DataError, match=r"nntrain\[games\]"):
        source.open()
