"""Wrong configs whose names are at fault: settings and components that nntrain does not have, or calls otherwise."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A config, what is said of it (a block of the screen each, its lines joined by ` / `), and overrides."""

    name: str
    text: str
    told: tuple[str, ...]
    changes: tuple[str, ...] = ()


# fmt: off
NAMES = [
    Row(
        "encoding in the place of a field type",
        "data: {source: a.csv, target: y, fields: {a: embedding, b: dummy}}\n",
        (
            "a.yaml:1:46  data.fields.a  no field type 'embedding': embedding is a way to read a category"
            " / fix:  a: category  and  architecture: {inputs: {a: embedding}}",
            "a.yaml:1:60  data.fields.b  no field type 'dummy': one_hot is a way to read a category"
            " / fix:  b: category  and  architecture: {inputs: {b: one_hot}}",
        ),
    ),
    Row(
        "word of another tool for a limit",
        "data: {source: a.csv, target: y}\ntraining:\n  epochs: 50\n",
        ("a.yaml:3:3  training.epochs  not a setting / nntrain calls it max_epochs  fix:  max_epochs: 50",),
    ),
    Row(
        "word of another tool for an option",
        "data: {source: a.csv, target: y}\noptimizer: {type: adamw, learning_rate: 0.1}\n",
        ("a.yaml:2:26  optimizer.learning_rate  not an option of adamw / nntrain calls it lr  fix:  lr: 0.1",),
    ),
    Row(
        "word of another tool for a section",
        "data: {source: a.csv, target: y}\nmodel: {type: mlp}\n",
        ("a.yaml:2:1  model  not a setting / nntrain calls it architecture  fix:  architecture: {type: mlp}",),
    ),
    Row(
        "word of another tool with a foreign value",
        "data: {source: a.csv, target: y}\ncriterion: CrossEntropyLoss\n",
        ("a.yaml:2:1  criterion  not a setting / nntrain calls it loss  fix:  loss: cross_entropy",),
    ),
    Row(
        "setting of another section",
        "data: {source: a.csv, target: y}\ntraining: {batch_size: 32}\n",
        ("a.yaml:2:12  training.batch_size  not a setting / nntrain calls it data.batch_size  fix:  data: {batch_size: 32}",),
    ),
    Row(
        "setting at the root",
        "data: {source: a.csv, target: y}\ndropout: 0.5\n",
        ("a.yaml:2:1  dropout  not a setting / it stands in regularization  fix:  regularization: {dropout: 0.5}",),
    ),
    Row(
        "setting of the root in a section",
        "data: {source: a.csv, target: y}\ntraining: {seed: 1}\n",
        ("a.yaml:2:12  training.seed  not a setting / it stands at the top level  fix:  seed: 1",),
    ),
    Row(
        "nested setting written flat",
        "data: {source: a.csv, target: y}\ntraining: {early_stop_patience: 3}\n",
        (
            "a.yaml:2:12  training.early_stop_patience  not a setting / nntrain calls it early_stopping.patience  fix: "
            " early_stopping: {patience: 3}",
        ),
    ),
    Row(
        "device by count",
        "data: {source: a.csv, target: y}\ngpus: 1\n",
        (
            "a.yaml:2:1  gpus  not a setting / remove it: one process trains, on training.device; several, each on a device of its own:"
            "  nntrain fit CONFIG --processes N  (each with a piece of the weights: training.shard=true)",
        ),
    ),
    Row(
        "nothing to set",
        "data: {source: a.csv, target: y}\nnum_workers: 4\n",
        (
            "a.yaml:2:1  num_workers  not a setting / remove it: rows are kept in memory and need no workers; where images are too many for"
            " that:  data: {streaming: true, workers: 2}",
        ),
    ),
    Row(
        "typing error in a key",
        "data: {source: a.csv, target: y}\noptimizer: {type: sgd, momentun: 0.9}\n",
        (
            "a.yaml:2:24  optimizer.momentun  not an option of sgd / nearest: momentum  options of sgd: lr, groups,"
            " layer_decay, momentum, dampening, nesterov",
        ),
    ),
    Row(
        "typing error in a section",
        "data: {source: a.csv, target: y}\noptimzer: sgd\n",
        ("a.yaml:2:1  optimzer  not a setting / nearest: optimizer",),
    ),
    Row(
        "option of another optimizer",
        "data: {source: a.csv, target: y}\noptimizer: {type: sgd, betas: [0.9, 0.99]}\n",
        ("a.yaml:2:24  optimizer.betas  not an option of sgd / betas is an option of adam, adamw, adamax, nadam, radam",),
    ),
    Row(
        "option of another optimizer than the default",
        "data: {source: a.csv, target: y}\noptimizer: {lr: 1e-3, momentum: 0.9}\n",
        (
            "a.yaml:2:23  optimizer.momentum  not an option of adamw, the default / momentum is an option of sgd, rmsprop, muon",
        ),
    ),
    Row(
        "option of another optimizer on the command line",
        "data: {source: a.csv, target: y}\n",
        (
            'override "optimizer.momentum=0.9"  optimizer.momentum  not an option of adamw, the default'
            " / momentum is an option of sgd, rmsprop, muon",
        ),
        ("optimizer.momentum=0.9",),
    ),
    Row(
        "family left out",
        "data: {source: a.csv, target: y}\narchitecture: {hidden: [32]}\n",
        (
            "a.yaml:2:1  architecture  has no type: which architecture is it? / hidden is an option of mlp, realmlp, tabm, cnn, vgg"
            "  fix:  architecture: {type: mlp, hidden: [32]}",
        ),
    ),
    Row(
        "family left out on the command line",
        "data: {source: a.csv, target: y}\n",
        (
            'override "architecture.hidden=[64,32]"  architecture  has no type: which architecture is it? / hidden is'
            " an option of mlp, realmlp, tabm, cnn, vgg  fix:  architecture: {type: mlp, hidden: [64, 32]}",
        ),
        ("architecture.hidden=[64,32]",),
    ),
    Row(
        "base on the command line",
        "data: {source: a.csv, target: y}\n",
        ('override "extends=b.yaml"  extends  stands in the file, not on the command line / write it there:  extends: b.yaml',),
        ("extends=b.yaml",),
    ),
    Row(
        "setting that no override has",
        "data: {source: a.csv, target: y}\n",
        (
            'override "extens=b.yaml"  extens  not a setting / settings here: name, seed, plugins, variables, data,'
            " architecture, task, loss, metrics, optimizer, scheduler, baselines, regularization, generate, explain, … (18)",
        ),
        ("extens=b.yaml",),
    ),
    Row(
        "role in the place of a field type",
        "data: {source: a.csv, target: y, fields: {Age: ignore}}\n",
        ("a.yaml:1:48  data.fields.Age  no field type 'ignore' / ignore is a role  fix:  Age: {role: ignore}",),
    ),
    Row(
        "task without options",
        "data: {source: a.csv, target: y}\ntask: {type: regression, threshold: 3}\n",
        (
            "a.yaml:2:26  task.threshold  not an option of regression / threshold is an option of classification  fix:"
            "  task: {type: classification, threshold: 3}",
        ),
    ),
    Row(
        "option of what has none",
        "data: {source: a.csv, target: y}\ntask: {type: ordinal, levels: 3}\n",
        ("a.yaml:2:23  task.levels  not an option of ordinal / ordinal has no options",),
    ),
    Row(
        "unknown loss with its options",
        "data: {source: a.csv, target: y}\nloss: {cross_entropi: {weight: 2}}\n",
        ("a.yaml:2:8  loss.cross_entropi  no loss 'cross_entropi' / nearest: cross_entropy",),
    ),
    Row(
        "unknown loss of one target",
        "data: {source: a.csv, target: [y, z]}\nloss: {y: {cross_entropi: {weight: 2}}, z: mse}\n",
        ("a.yaml:2:12  loss.y.cross_entropi  no loss 'cross_entropi' / nearest: cross_entropy",),
    ),
    Row(
        "unknown optimizer",
        "data: {source: a.csv, target: y}\noptimizer: adamm\n",
        (
            "a.yaml:2:12  optimizer  no optimizer 'adamm' / nearest: adam, adamw, radam  optimizers: sgd, adam, adamw,"
            " adamax, nadam, radam, adagrad, adadelta, rmsprop, adafactor, muon, rprop, lbfgs, asgd, by_node",
        ),
    ),
    Row(
        "unknown optimizer with its rate",
        "data: {source: a.csv, target: y}\noptimizer: {sgdd: 0.1}\n",
        (
            "a.yaml:2:13  optimizer.sgdd  no optimizer 'sgdd' / nearest: sgd  optimizers: sgd, adam, adamw, adamax,"
            " nadam, radam, adagrad, adadelta, rmsprop, adafactor, muon, rprop, lbfgs, asgd, by_node",
        ),
    ),
    Row(
        "Keras layer",
        "data: {source: a.csv, target: y}\narchitecture:\n  layers:\n    - Dense: 64\n    - relu\n",
        ("a.yaml:4:7  architecture.layers[0].Dense  no layer 'Dense' / nntrain calls it linear  fix:  - linear: 64",),
    ),
    Row(
        "torch layer in type form",
        "data: {source: a.csv, target: y}\narchitecture:\n  layers:\n    - {type: Conv2d, out_channels: 8, kernel_size: 3}\n",
        ("a.yaml:4:14  architecture.layers[0].type  no layer 'Conv2d' / nntrain calls it conv2d  fix:  type: conv2d",),
    ),
    Row(
        "two wrong items",
        "data: {source: a.csv, target: y}\narchitecture:\n  layers:\n    - linear: {units: 3}\n    - lineer: 5\n",
        (
            "a.yaml:4:16  architecture.layers[0].linear.units  not an option of linear / nntrain calls it out_features  fix: "
            " out_features: 3",
            "a.yaml:5:7  architecture.layers[1].lineer  no layer 'lineer' / nearest: linear, dlinear",
        ),
    ),
    Row(
        "two layers in one item",
        "data: {source: a.csv, target: y}\narchitecture:\n  layers:\n    - linear: 64\n      relu:\n",
        (
            "a.yaml:4:7  architecture.layers[0]  an item is one layer, and this one has the keys linear, relu / each has a line"
            " of its own:  - linear  - relu",
        ),
    ),
    Row(
        "required option left out",
        "data: {source: a.csv, target: y}\narchitecture:\n  layers:\n    - conv2d: 64\n    - linear\n",
        (
            "a.yaml:4:7  architecture.layers[0]  kernel_size is missing / Pixels that one filter sees; a number, or [height,"
            " width].",
            "a.yaml:5:7  architecture.layers[1]  out_features is missing / Number of features that come out.",
        ),
    ),
    Row(
        "zero features",
        "data: {source: a.csv, target: y}\narchitecture:\n  layers:\n    - linear: 0\n",
        ("a.yaml:4:15  architecture.layers[0].linear  needs a whole number above 0, got 0",),
    ),
    Row(
        "dropout of 2",
        "data: {source: a.csv, target: y}\narchitecture:\n  layers:\n    - dropout: 2\n",
        ("a.yaml:4:16  architecture.layers[0].dropout  needs a number from 0 and below 1, got 2",),
    ),
    Row(
        "torch schedule",
        "data: {source: a.csv, target: y}\nscheduler: {type: CosineAnnealingLR}\n",
        ("a.yaml:2:19  scheduler.type  no scheduler 'CosineAnnealingLR' / nntrain calls it cosine  fix:  type: cosine",),
    ),
    Row(
        "schedule option of torch",
        "data: {source: a.csv, target: y}\nscheduler: {type: cosine, T_max: 50}\n",
        (
            "a.yaml:2:27  scheduler.T_max  not an option of cosine / remove it: the schedule ends where the run does"
            " (training.max_epochs or max_steps)",
        ),
    ),
    Row(
        "schedule by metric",
        "data: {source: a.csv, target: y}\nscheduler: reduce_on_plateau\n",
        ("a.yaml:2:12  scheduler  no scheduler 'reduce_on_plateau' / nntrain calls it plateau  fix:  scheduler: plateau",),
    ),
    Row(
        "schedule without type",
        "data: {source: a.csv, target: y}\nscheduler: {warmup_steps: 5}\n",
        (
            "a.yaml:2:1  scheduler  has no type: which scheduler is it? / warmup_steps is an option of constant, linear, cosine,"
            " polynomial, step, multi_step, exponential, inverse_sqrt, warm_restarts, wsd, plateau  fix: "
            " scheduler: {type: constant, warmup_steps: 5}",
        ),
    ),
    Row(
        "wrong nodes",
        "data: {source: a.csv, target: y}\n"
        "architecture:\n"
        "  nodes:\n"
        "    a: {from: x, linear: 0}\n"
        "    b: {from: x, lineer: 3}\n"
        "    c: {form: x, linear: 3}\n"
        "    d: {from: x, layers: [{residual: [relu, {linear: x}]}]}\n"
        "  heads: {y: {frm: a}}\n",
        (
            "a.yaml:4:26  architecture.nodes.a.linear  needs a whole number above 0, got 0",
            "a.yaml:5:18  architecture.nodes.b.lineer  no layer 'lineer' / nearest: linear, dlinear",
            "a.yaml:6:9  architecture.nodes.c.form  not a setting / nearest: from",
            "a.yaml:7:54  architecture.nodes.d.layers[0].residual[1].linear  needs a whole number above 0, got x",
            "a.yaml:8:15  architecture.heads.y.frm  not a setting / nearest: from  settings here: from, layers, weight",
        ),
    ),
]
# fmt: on
