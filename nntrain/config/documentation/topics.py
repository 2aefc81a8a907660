"""Words of a config that are no setting and no component: bases, the environment, roles of columns, joins of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nntrain.config import synonyms


@dataclass(frozen=True, slots=True)
class Topic:
    """One word, explained."""

    name: str
    text: str
    example: str
    words: str = ""
    """Further words that it is found by."""


TOPICS: Final = (
    Topic(
        "extends",
        "A config may build on another one, its base, named by a path counted from the config's folder. Mappings of both are merged;"
        " a list or a value replaces that of the base. Another component replaces the one of the base with all its options, the same"
        " component changes single options of it. A base may have a base.",
        "extends: base.yaml",
        "base inherit include defaults inheritance",
    ),
    Topic(
        "env",
        "${env:NAME} in a value stands for the environment variable NAME, which must be set. A variable alone is read like a value"
        " without quotes: it may be a number. What is saved keeps the reference, not what it stood for.",
        'data: {source: "${env:DATA}/train.csv"}',
        "${env:NAME} env:NAME environment getenv",
    ),
    Topic(
        "repeat",
        "An item of a list of layers that writes its layers several times, each time with weights of their own: times says how often,"
        " for gives a value for each round (several lists run side by side and are of one length). =c in the layers is the value of the"
        " round, =i its number, from 1; {c} and {i} stand for them in other texts, such as names. A saved config has the layers.",
        "architecture: {layers: [repeat: {for: {c: [64, 32]}, layers: [linear: =c, relu]}]}",
        "for times loop stack repeats",
    ),
    Topic(
        "blocks",
        "Lists of layers by name, with options that have defaults (null must be given); used like a layer, by the first option"
        " (- dense: 64), by options in order (- dense: [64, tanh]) or by name (- dense: {c: 64, act: tanh}). Each use has weights of its"
        " own. =c in the layers stands for an option. Blocks may use other blocks. A saved config has the layers.",
        "architecture: {blocks: {dense: {with: {c: null, act: relu}, layers: [linear: =c, =act]}}, layers: [dense: 64]}",
        "block macro macros template templates submodules with",
    ),
    Topic(
        "variables",
        "Values with names, at the top of a config: =dim stands for one wherever a value is written, =dim//2 for half of it; {dim} in a"
        " text of the architecture is replaced by it. An override sets one: variables.dim=64. A saved config has the values.",
        "{variables: {dim: 64}, architecture: {layers: [linear: =dim, relu]}}",
        "variable constant constants vars",
    ),
    Topic(
        "=",
        "Where a number is written, a text that starts with = is whole-number arithmetic: + - * // ( ), over variables, options of a"
        " block, values of a repeat, in (the size of the channels or features that come into the layer) and out (what the task needs of"
        " an output layer). A name alone stands for texts and lists too.",
        "architecture: {layers: [linear: =in//2, relu, linear: =out]}",
        "expression expressions arithmetic formula in out",
    ),
    Topic(
        "role",
        "What a column is there for: input (the network reads it), target (the network predicts it), weight (how much each row counts"
        " in the loss and the metrics), split (says which rows train, validate and test), group (no value of it is in two splits), fold"
        " (the same, and --folds tests each of its values in turn), time (the latest rows are split off), or ignore (nothing reads it)."
        " Without a word the columns of data.target are targets, and all others inputs.",
        "data: {fields: {NAME: {role: ignore}}}",
        "roles",
    ),
    Topic(
        "input",
        "A role: the network reads the column. All columns have it that nothing else is said of.",
        "data: {fields: {NAME: {role: input}}}",
    ),
    Topic(
        "target", "A role: the network learns to predict the column; data.target says the same.", "data: {fields: {NAME: {role: target}}}"
    ),
    Topic(
        "weight",
        "A role: a number from 0 on for each row, by which it counts in the loss and in the metrics. It is taken as it is.",
        "data: {fields: {NAME: {role: weight}}}",
        "sample_weight row_weight weight_column",
    ),
    Topic(
        "split",
        "A role: the column says train, validation or test for each row; data.split.column says the same.",
        "data: {fields: {NAME: {role: split}}}",
    ),
    Topic(
        "group",
        "A role: rows with one value of the column, such as those of one person, are never on both sides of a split.",
        "data: {fields: {NAME: {role: group}}}",
    ),
    Topic(
        "fold",
        "A role: the column says in which of N published folds a row is, and fit --folds N tests each in turn, in the order of the values."
        " Without --folds whole folds validate and test.",
        "data: {fields: {NAME: {role: fold}}}",
    ),
    Topic("ignore", "A role: nothing reads the column.", "data: {fields: {NAME: {role: ignore}}}", "skip drop exclude"),
    Topic(
        "given",
        "A way to split: validation and test rows are those of the files that the source names, and none are split off the training rows.",
        "data: {source: {path: train.csv, validation: validation.csv, test: test.csv}, split: {by: given}}",
    ),
    Topic(
        "merge",
        "A node that joins others names them: {concat: [a, b]} puts their numbers one after another, {add: [a, b]} sums them."
        " A node with layers whose from has several names gets them concatenated.",
        "architecture: {nodes: {a: {from: size, linear: 64}, b: {from: color, linear: 64}, both: {concat: [a, b]}}}",
        "join joins merges",
    ),
)


def topics(word: str) -> list[Topic]:
    """What a word is found under."""
    written = synonyms.plain(word)
    return [topic for topic in TOPICS if written in {synonyms.plain(each) for each in (topic.name, *topic.words.split())}]
