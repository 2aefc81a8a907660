"""Wrong configs whose parts don't fit one another, or the data: a table `t.csv` with columns size, weight, kind, and the digits."""

from wrong_names import Row

TABLE = "size,weight,kind\n" + "".join(f"{row * 7 % 11 / 10},{row * 5 % 13 / 10},{'xyz'[row % 3]}\n" for row in range(30))

# fmt: off
# ruff: noqa: E501
FITS = [
    Row(
        "linear on an image",
        "data: {source: {type: builtin, name: digits}}\narchitecture:\n  layers:\n    - conv2d: {out_channels: 8, kernel_size: 3}\n    - relu\n    - linear: 10\n",
        (
            "a.yaml:6:7  architecture.layers[2]  linear needs one row of numbers per example and gets an image [8, 6, 6] from relu (layers[1]) / put flatten before it",
        ),
    ),
    Row(
        "softmax before cross-entropy",
        "data: {source: {type: builtin, name: digits}}\narchitecture:\n  layers:\n    - flatten\n    - linear: 10\n    - softmax\n",
        (
            "a.yaml:6:7  architecture.layers[2]  softmax turns the output into probabilities, and cross_entropy takes logits: softmax is a part of it / fix:  leave softmax out",
        ),
    ),
    Row(
        "output of the wrong size",
        "data: {source: {type: builtin, name: digits}}\narchitecture:\n  layers:\n    - flatten\n    - linear: 7\n",
        (
            "a.yaml:5:7  architecture.layers[1]  label needs 10 numbers and gets 7 from linear (layers[1]): what ends in a linear is its own output / fix:  give it 10, or put an activation (- relu) after it: then the output layer is added",
        ),
    ),
    Row(
        "early stopping without validation",
        "data: {source: {type: builtin, name: digits}, split: {validation: null}}\ntraining: {early_stopping: {patience: 3}}\n",
        (
            "a.yaml:2:12  training.early_stopping  needs validation rows, and there are none / fix:  data.split.validation: 0.1, or watch the training rows: monitor: train.loss",
        ),
    ),
    Row(
        "softmax of two for a boolean",
        "data: {source: t.csv, fields: {kind: {type: boolean, true: x, false: [y, z], role: target}}}\narchitecture: {layers: [linear: 8, relu, linear: 2, softmax]}\n",
        (
            "a.yaml:2:53  architecture.layers[3]  kind needs 1 number and gets 2 from softmax (layers[3]) / leave softmax out, which is a part of the loss, and end in  linear: 1",
        ),
    ),
    Row(
        "concat of what from has joined",
        "data: {source: t.csv, target: kind}\narchitecture:\n  nodes:\n    a: {from: size, linear: 4}\n    b: {from: weight, linear: 4}\n    both: {from: [a, b], layers: [concat]}\n",
        ("a.yaml:6:35  architecture.nodes.both.layers[0]  concat gets one tensor: `from` with several has joined a and b already / leave concat out",),
    ),
    Row(
        "add of what from has joined",
        "data: {source: t.csv, target: kind}\narchitecture:\n  nodes:\n    a: {from: size, linear: 4}\n    b: {from: weight, linear: 4}\n    both: {from: [a, b], layers: [add]}\n",
        ("a.yaml:6:35  architecture.nodes.both.layers[0]  add gets one tensor: `from` with several has joined a and b already / write the node as  {add: [a, b]}",),
    ),
    Row(
        "monitor of the test rows",
        "data: {source: {type: builtin, name: digits}}\ntraining: {early_stopping: {monitor: test.accuracy}}\n",
        (
            "a.yaml:2:38  training.early_stopping.monitor  no metric 'test.accuracy'. This task reports validation.loss, validation.accuracy, validation.balanced_accuracy, validation.f1, validation.log_loss, validation.auroc / fix:  validation.accuracy",
        ),
    ),
    Row(
        "metric name of another tool",
        "data: {source: {type: builtin, name: digits}}\ntraining: {early_stopping: {monitor: val_loss}}\n",
        (
            "a.yaml:2:38  training.early_stopping.monitor  no metric 'val_loss'. This task reports validation.loss, validation.accuracy, validation.balanced_accuracy, validation.f1, validation.log_loss, validation.auroc / fix:  validation.loss",
        ),
    ),
    Row(
        "metric name misspelt",
        "data: {source: {type: builtin, name: digits}}\ntraining: {stop_at: {validation.acuracy: 0.9}}\n",
        (
            "a.yaml:2:22  training.stop_at.\"validation.acuracy\"  no metric 'validation.acuracy'. This task reports validation.loss, validation.accuracy, validation.balanced_accuracy, validation.f1, validation.log_loss, validation.auroc / fix:  validation.accuracy",
        ),
    ),
    Row(
        "loss that does not fit",
        "data: {source: {type: builtin, name: digits}}\nloss: mse\n",
        (
            "a.yaml:2:7  loss  mse does not fit the target label (one of several classes) / fix:  loss: cross_entropy  or one of: focal, hinge, perceptron, margin",
        ),
    ),
    Row(
        "metric that does not fit",
        "data: {source: {type: builtin, name: digits}}\nloss: cross_entropy\nmetrics: [accuracy, rmse]\n",
        (
            "a.yaml:3:21  metrics[1]  rmse does not fit the target label (one of several classes) / fitting: accuracy, balanced_accuracy, f1, log_loss, auroc, confusion_matrix",
        ),
    ),
    Row(
        "task that does not fit",
        "data: {source: {type: builtin, name: digits}}\ntask: regression\n",
        (
            "a.yaml:2:7  task  regression needs a target of type image or number or ordinal or vector; label is a category / fix:  leave task out, or  data.fields.label: {type: number, role: target}",
        ),
    ),
    Row(
        "label smoothing of numbers",
        "data: {source: t.csv, target: size}\nregularization: {label_smoothing: 0.1}\n",
        (
            "a.yaml:2:18  regularization.label_smoothing  has no effect: mse has no labels to smooth / fix:  leave label_smoothing out",
        ),
    ),
    Row(
        "decay of all without decay",
        "data: {source: {type: builtin, name: digits}}\nregularization: {decay_all: true}\n",
        (
            "a.yaml:2:18  regularization.decay_all  has no effect without regularization.weight_decay, l1 or max_norm /"
            " fix:  weight_decay: 0.01, or leave decay_all out",
        ),
    ),
    Row(
        "accumulation of all rows",
        "data: {source: {type: builtin, name: digits}, batch_size: full}\ntraining: {accumulate: 4}\n",
        (
            "a.yaml:2:12  training.accumulate  has no effect: with data.batch_size: full each step has all rows already",
        ),
    ),
    Row(
        "target misspelt",
        "data: {source: t.csv, target: knd}\n",
        (
            "a.yaml:1:31  data.target  no column 'knd' in t.csv (line 1: size, weight, kind) / nearest: kind",
        ),
    ),
    Row(
        "field misspelt",
        "data: {source: t.csv, target: kind, fields: {sise: number}}\n",
        (
            "a.yaml:1:46  data.fields.sise  no column 'sise' in t.csv (line 1: size, weight, kind) / nearest: size",
        ),
    ),
    Row(
        "no target",
        "data: {source: t.csv}\n",
        (
            "a.yaml:1:7  data  names no target: which column is to be predicted? / fix:  target: COLUMN  columns: size, weight, kind",
        ),
    ),
    Row(
        "cnn on a table",
        "data: {source: t.csv, target: kind}\narchitecture: {type: cnn}\n",
        (
            "a.yaml:2:15  architecture  cnn needs an image or a series and gets a row of numbers [2] from the input fields / fix:  type: mlp",
        ),
    ),
    Row(
        "cosine without an end",
        "data: {source: {type: builtin, name: digits}}\nscheduler: cosine\ntraining: {max_minutes: 1}\n",
        (
            "a.yaml:2:12  scheduler  cosine counts towards the end of the run, and max_minutes alone gives no number of steps / fix:  training.max_epochs or training.max_steps",
        ),
    ),
    Row(
        "group of no parameter",
        "data: {source: t.csv, target: kind}\noptimizer: {type: adamw, groups: [{match: \"hed.*\", lr: 0.1}]}\n",
        (
            "a.yaml:2:43  optimizer.groups[0].match  'hed.*' matches no parameter that is trained / near names: head, head.bias, head.weight",
        ),
    ),
    Row(
        "norm without a place",
        "data: {source: t.csv, target: kind}\narchitecture:\n  layers: [relu]\nregularization: {norm: batch}\n",
        (
            "a.yaml:4:24  regularization.norm  has no effect: norm goes with the activations that follow a linear or convolution, and this network has none / remove it, or write the layer where you want it",
        ),
    ),
    Row(
        "lstm on an image",
        "data: {source: {type: builtin, name: digits}}\narchitecture:\n  layers: [lstm: 8]\n",
        (
            "a.yaml:3:12  architecture.layers[0]  lstm needs a sequence [T, F] and gets an image [1, 8, 8] from the field 'image'",
        ),
    ),
    Row(
        "dropout twice",
        "data: {source: t.csv, target: kind}\nregularization: {dropout: 0.5}\narchitecture:\n  layers: [linear: 8, relu, dropout: 0.5]\n",
        (
            "a.yaml:4:29  architecture.layers[2]  dropout stands here and as regularization.dropout (0.5) too / one of the two: remove this line, or the global setting",
        ),
    ),
    Row(
        "node that reads nothing",
        "data: {source: t.csv, target: kind}\narchitecture:\n  nodes:\n    x: {from: siz, linear: 8}\n",
        (
            "a.yaml:4:15  architecture.nodes.x.from  no node, named point or input field 'siz' / nearest: size",
        ),
    ),
    Row(
        "pool on a row",
        "data: {source: t.csv, target: kind}\narchitecture:\n  layers:\n    - linear: 8\n    - max_pool2d: 2\n",
        (
            "a.yaml:5:7  architecture.layers[1]  max_pool2d needs an image [C, H, W] and gets a row of numbers [8] from linear (layers[0]) / put it before flatten",
        ),
    ),
    Row(
        "pool larger than the image",
        "data: {source: {type: builtin, name: digits}}\narchitecture:\n  layers:\n    - max_pool2d: 16\n",
        (
            "a.yaml:4:7  architecture.layers[0]  max_pool2d has a window of 16 along the height and gets an image [1, 8, 8] from the field 'image', only 8 with padding / use a smaller kernel_size or dilation, padding: same, or fewer layers that shrink the input",
        ),
    ),
    Row(
        "residual of another shape",
        "data: {source: {type: builtin, name: digits}}\narchitecture:\n  layers:\n    - residual: [flatten]\n",
        (
            "a.yaml:4:7  architecture.layers[0]  residual adds a row of numbers [64] to an image [1, 8, 8] from the field 'image', which no shortcut can mend / write the shortcut: {residual: {layers: [\u2026], shortcut: [\u2026]}}",
        ),
    ),
    Row(
        "shape and limit at once",
        "data: {source: {type: builtin, name: digits}}\narchitecture:\n  layers: [lstm: 8]\ntraining: {early_stopping: {monitor: acc}}\n",
        (
            "a.yaml:3:12  architecture.layers[0]  lstm needs a sequence [T, F] and gets an image [1, 8, 8] from the field 'image'",
            "a.yaml:4:38  training.early_stopping.monitor  no metric 'acc'. This task reports validation.loss, validation.accuracy, validation.balanced_accuracy, validation.f1, validation.log_loss, validation.auroc / fix:  validation.accuracy",
        ),
    ),
    Row(
        "batch norm of one row",
        "data: {source: {type: builtin, name: digits}, batch_size: 1}\nregularization: {norm: batch}\n",
        (
            "a.yaml:1:59  data.batch_size  is 1, and batch_norm_1 needs at least 2 rows to normalise over / fix:  batch_size: 2 or more, or layer_norm in its place",
        ),
    ),
]
