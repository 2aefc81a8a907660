from typing import Any

import pytest

from nntrain.config import structure, synonyms
from nntrain.config.documentation.catalogue import catalogue
from nntrain.config.experiment import Experiment
from nntrain.config.reading import read_mapping
from nntrain.errors import ConfigError

DATA: dict[str, Any] = {"data": {"source": "a.csv", "target": "y"}}


def told(tree: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        read_mapping({**DATA, **tree})
    return str(caught.value)


def test_there_are_over_a_hundred_and_fifty_words() -> None:
    settings = sum(len(words.split()) for words in synonyms.SETTINGS.values())
    components = sum(len(words.split()) for table in synonyms.COMPONENTS.values() for words in table.values())
    assert settings > 150
    assert components > 100


@pytest.mark.parametrize("path", synonyms.SETTINGS)
def test_every_setting_that_is_named_exists(path: str) -> None:
    parts = tuple(path.split("."))
    if parts[0] == "architecture" and len(parts) > 1:
        spot = structure.walk(Experiment, {"architecture": {"nodes": {}} if parts[1] == "nodes" else {"type": "mlp"}}, parts)
    else:
        spot = structure.walk(Experiment, {"scheduler": {"type": "cosine"}, "optimizer": {"type": "sgd"}}, parts)
    assert spot.field is not None


@pytest.mark.parametrize("kind", synonyms.COMPONENTS)
def test_every_component_that_is_named_exists(kind: str) -> None:
    assert synonyms.COMPONENTS[kind].keys() <= catalogue().slots[kind].table.keys()


def test_no_word_of_a_component_is_one_of_ours() -> None:
    for kind, table in synonyms.COMPONENTS.items():
        ours = {synonyms.plain(tag) for tag in catalogue().slots[kind].table}
        assert [word for words in table.values() for word in words.split() if synonyms.plain(word) in ours] == []


def test_every_option_that_is_named_exists_somewhere() -> None:
    content = catalogue()
    known = {name for definition in content.definitions.values() for name in definition.get("properties", {})}
    assert synonyms.OPTIONS.keys() <= known


def test_every_choice_is_accepted_where_it_stands() -> None:
    text = str(catalogue().definitions)
    assert [value for key, values in synonyms.CHOICES.items() for value in values if key != "device" and f"'{value}'" not in text] == []


def test_no_word_stands_for_two_settings() -> None:
    words = [synonyms.plain(word) for words in synonyms.SETTINGS.values() for word in words.split()]
    assert sorted({word for word in words if words.count(word) > 1}) == []


WORDS = {
    "epochs": "max_epochs",
    "num_epochs": "max_epochs",
    "nb_epoch": "max_epochs",
    "learning_rate": "optimizer.lr",
    "lr0": "optimizer.lr",
    "trainer": "training",
    "model": "architecture",
    "model_type": "architecture.type",
    "combiner": "architecture",
    "gpu": "training.device",
    "gpus": "nntrain fit CONFIG --processes N",
    "strategy": "nntrain fit CONFIG --processes N",
    "world_size": "nntrain fit CONFIG --processes N",
    "fsdp": "training: {shard: true}",
    "torch_compile": "training: {compile: 3}",
    "memory_format": "training: {channels_last: true}",
    "early_stop_patience": "training.early_stopping.patience",
    "gradient_accumulation_steps": "training.accumulate",
    "max_grad_norm": "regularization.clip_norm",
    "val_split": "data.split.validation",
    "output_features": "data.target",
    "random_state": "seed",
    "lr_scheduler": "scheduler",
    "loss_fn": "loss",
    "weight_decay": "regularization",
    "batch_size": "data",
    "patience": "training",
    "save_steps": "training.checkpoint.every_steps",
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_at_the_root_leads_to_ours(word: str) -> None:
    assert WORDS[word] in told({word: 3}).splitlines()[-1]


@pytest.mark.parametrize(("value", "fix"), [(2, "fix:  device: cuda:2"), (0, "fix:  device: cuda:0"), (99, None)])
def test_a_number_of_a_device_is_one_that_is_accepted(value: int, fix: str | None) -> None:
    text = told({"training": {"device": value}})
    assert fix in text if fix is not None else "fix:" not in text


@pytest.mark.parametrize(
    ("kind", "word", "ours"),
    [
        ("layer", "Dense", "linear"),
        ("layer", "Conv2D", "conv2d"),
        ("layer", "BatchNorm2d", "batch_norm"),
        ("layer", "BatchNormalization", "batch_norm"),
        ("layer", "MaxPooling2D", "max_pool2d"),
        ("layer", "GlobalAveragePooling2D", "global_avg_pool"),
        ("layer", "LeakyReLU", "leaky_relu"),
        ("layer", "Reshape", "reshape"),
        ("loss", "CrossEntropyLoss", "cross_entropy"),
        ("loss", "sparse_categorical_crossentropy", "cross_entropy"),
        ("loss", "BCEWithLogitsLoss", "bce"),
        ("loss", "MSELoss", "mse"),
        ("optimizer", "AdamW", "adamw"),
        ("scheduler", "CosineAnnealingLR", "cosine"),
        ("scheduler", "StepLR", "step"),
        ("metric", "acc", "accuracy"),
        ("metric", "roc_auc_score", "auroc"),
        ("field type", "binary", "boolean"),
        ("field type", "timeseries", "series"),
        ("task", "multiclass", "classification"),
        ("architecture", "graph", "nodes"),
    ],
)
def test_a_component_of_another_tool_has_one_of_ours(kind: str, word: str, ours: str) -> None:
    assert synonyms.component(kind, word, catalogue().slots[kind].table) == ours


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("val_loss", "validation.loss"),
        ("val/acc", "validation.accuracy"),
        ("eval_f1", "validation.f1"),
        ("valid.rmse", "validation.rmse"),
        ("validation_accuracy", "validation.accuracy"),
        ("train_loss", "train.loss"),
        ("accuracy", "validation.accuracy"),
        ("test_auc", "test.auroc"),
        ("banana", None),
        ("", None),
    ],
)
def test_metric_names_of_others(word: str, ours: str | None) -> None:
    assert synonyms.metric_name(word) == ours


def test_metric_names_can_be_limited_to_those_of_a_task() -> None:
    assert synonyms.metric_name("val_acc", ["loss", "rmse"]) is None
    assert synonyms.metric_name("val_loss", ["loss", "rmse"]) == "validation.loss"


def test_a_synonym_goes_before_the_nearest_name_and_never_with_it() -> None:
    text = told({"training": {"epoch": 3}})
    assert "nntrain calls it max_epochs" in text
    assert "nearest" not in text


OTHERS: dict[str, dict[str, Any]] = {
    "a Ludwig config": {
        "input_features": [{"name": "a", "type": "number"}],
        "output_features": [{"name": "y", "type": "category"}],
        "combiner": {"type": "concat", "num_fc_layers": 2},
        "trainer": {"epochs": 10, "learning_rate": 0.001},
        "preprocessing": {"split": {"type": "random"}},
    },
    "a Lightning command line config": {
        "seed_everything": 0,
        "trainer": {"max_epochs": 10, "accelerator": "gpu", "devices": 1},
        "model": {"class_path": "my.Model"},
        "ckpt_path": None,
        "callbacks": [],
    },
    "an axolotl config": {
        "micro_batch_size": 2,
        "gradient_accumulation_steps": 4,
        "num_epochs": 3,
        "optimizer": "adamw_torch",
        "lr_scheduler": "cosine",
        "learning_rate": 0.0002,
        "bf16": "auto",
        "logging_steps": 1,
        "saves_per_epoch": 1,
        "output_dir": "./out",
        "val_set_size": 0.05,
        "max_grad_norm": 1.0,
        "early_stopping_patience": 3,
        "warmup_ratio": 0.1,
        "wandb": None,
    },
    "a YOLO config": {
        "epochs": 100,
        "batch": 16,
        "lr0": 0.01,
        "patience": 50,
        "device": 0,
        "workers": 8,
        "imgsz": 640,
        "label_smoothing": 0.1,
        "dropout": 0.1,
        "amp": True,
        "cos_lr": True,
        "weight_decay": 0.0005,
        "momentum": 0.9,
        "name": "exp",
    },
}


def test_most_settings_of_other_tools_get_a_fix() -> None:
    """Four of five unknown settings of these configs are answered by more than a list of what there is."""
    answers: list[str] = []
    for tree in OTHERS.values():
        blocks = told(tree).split("\n\n")[1:]
        answers += [block.splitlines()[-1].strip() for block in blocks if "not a setting" in block or "no " in block]
    useful = [
        answer
        for answer in answers
        if answer.startswith(("nntrain calls it", "it stands in", "remove it", "a run", "the folder", "a config"))
    ]
    assert len(answers) > 25
    assert len(useful) >= 0.8 * len(answers), [answer for answer in answers if answer not in useful]
