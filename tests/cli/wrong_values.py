"""Wrong configs whose values, YAML or overrides are at fault."""

from wrong_names import Row

# fmt: off
VALUES = [
    Row(
        "zero for off",
        "data: {source: a.csv, target: y, split: {test: 0}}\nregularization: {dropout: 0}\n",
        (
            "a.yaml:1:48  data.split.test  needs a number above 0 and below 1, or a whole number from 2, got 0 / fix:  test: null",
            "a.yaml:2:27  regularization.dropout  needs a number above 0 and below 1, got 0 / fix:  dropout: null",
        ),
    ),
    Row(
        "zero for off in the wrong section",
        "data: {source: a.csv, target: y}\n",
        ('override "dropout=0"  dropout  not a setting / it stands in regularization  fix:  regularization: {dropout: null}',),
        ("dropout=0",),
    ),
    Row(
        "metric name taken apart at its dot",
        "data: {source: a.csv, target: y}\n",
        (
            'override "training.stop_at.validation.accuracy=0.5"  training.stop_at.validation  needs a number, got {accuracy: 0.5}'
            " / fix:  'training.stop_at={validation.accuracy: 0.5}'",
        ),
        ("training.stop_at.validation.accuracy=0.5",),
    ),
    Row(
        "metric name as two keys",
        "data: {source: a.csv, target: y}\ntraining: {stop_at: {validation: {accuracy: 0.5}}}\n",
        ("a.yaml:2:34  training.stop_at.validation  needs a number, got {accuracy: 0.5} / fix:  validation.accuracy: 0.5",),
    ),
    Row(
        "kind of split alone",
        "data: {source: a.csv, target: y, split: random}\n",
        ("a.yaml:1:41  data.split  needs settings (by, validation, test, seed, …), got random / fix:  split: {by: random}",),
    ),
    Row(
        "patience alone",
        "data: {source: a.csv, target: y}\ntraining: {early_stopping: 5}\n",
        (
            "a.yaml:2:28  training.early_stopping  needs settings (monitor, patience, min_delta, warmup_epochs, …), got 5"
            " / fix:  early_stopping: {patience: 5}",
        ),
    ),
    Row(
        "early stopping switched on",
        "data: {source: a.csv, target: y}\ntraining: {early_stopping: true}\n",
        (
            "a.yaml:2:28  training.early_stopping  needs settings (monitor, patience, min_delta, warmup_epochs, …), got true"
            " / fix:  early_stopping: {}",
        ),
    ),
    Row(
        "step without unit",
        "data: {source: a.csv, target: y}\nscheduler: {type: step, step_size: 30}\n",
        ("a.yaml:2:12  scheduler  step_size has no unit here: write every_epochs: 30 or every_steps: 30",),
    ),
    Row(
        "period without unit",
        "data: {source: a.csv, target: y}\ntraining: {evaluate_every: 5}\n",
        ("a.yaml:2:28  training.evaluate_every  needs a unit: {epochs: 5} or {steps: 5}",),
    ),
    Row(
        "period with two units",
        "data: {source: a.csv, target: y}\ntraining: {evaluate_every: {epochs: 1, steps: 5}}\n",
        ("a.yaml:2:28  training.evaluate_every  takes either epochs or steps",),
    ),
    Row(
        "rate in words",
        "data: {source: a.csv, target: y}\noptimizer: {type: adamw, lr: fast}\n",
        ("a.yaml:2:30  optimizer.lr  needs a number above 0, got fast",),
    ),
    Row(
        "negative rate",
        "data: {source: a.csv, target: y}\noptimizer: {type: adamw, lr: -1}\n",
        ("a.yaml:2:30  optimizer.lr  needs a number above 0, got -1",),
    ),
    Row(
        "rate with a comma",
        "data: {source: a.csv, target: y}\noptimizer: {type: adamw, lr: '0,001'}\n",
        ('a.yaml:2:30  optimizer.lr  needs a number above 0, got "0,001" / fix:  lr: 0.001',),
    ),
    Row(
        "rate null",
        "data: {source: a.csv, target: y}\noptimizer: {type: adamw, lr: null}\n",
        ("a.yaml:2:30  optimizer.lr  needs a number above 0, got null / leave the line out for the default",),
    ),
    Row(
        "quoted number",
        "data: {source: a.csv, target: y, batch_size: \"32\"}\n",
        ('a.yaml:1:46  data.batch_size  needs a whole number above 0, or full, got "32" / fix:  batch_size: 32',),
    ),
    Row(
        "float for a whole number",
        "data: {source: a.csv, target: y, batch_size: 1e2}\n",
        ("a.yaml:1:46  data.batch_size  needs a whole number above 0, or full, got 100.0 / fix:  batch_size: 100",),
    ),
    Row(
        "infinite",
        "data: {source: a.csv, target: y}\ntraining: {max_epochs: .inf}\n",
        ("a.yaml:2:24  training.max_epochs  needs a whole number above 0, got .inf",),
    ),
    Row(
        "one validation row",
        "data: {source: a.csv, target: y, split: {validation: 1}}\n",
        ("a.yaml:1:54  data.split.validation  needs a number above 0 and below 1, or a whole number from 2, got 1",),
    ),
    Row(
        "percent",
        "data: {source: a.csv, target: y, split: {validation: 10%}}\n",
        (
            'a.yaml:1:54  data.split.validation  needs a number above 0 and below 1, or a whole number from 2, got "10%" / fix: '
            " validation: 0.1",
        ),
    ),
    Row(
        "yes for true",
        "data: {source: a.csv, target: y}\ntraining: {deterministic: yes}\n",
        ("a.yaml:2:27  training.deterministic  needs true or false, got yes / fix:  deterministic: true",),
    ),
    Row(
        "gpu for cuda",
        "data: {source: a.csv, target: y}\ntraining: {device: gpu, precision: fp16}\n",
        (
            "a.yaml:2:20  training.device  needs auto, cpu, cuda, cuda:0 (or another number) or mps, got gpu / fix:  device: cuda",
            "a.yaml:2:36  training.precision  needs auto, tf32, float32, bfloat16 or float16, got fp16 / fix:  precision: float16",
        ),
    ),
    Row(
        "number for a section",
        "data: {source: a.csv, target: y}\ntraining: 50\n",
        ("a.yaml:2:11  training  needs settings (max_epochs, max_steps, max_minutes, early_stopping, …), got 50",),
    ),
    Row(
        "empty section",
        "data:\n",
        ("a.yaml:1:1  data  needs settings (source, target, fields, split, …), got null / write a value:  data: …",),
    ),
    Row(
        "no data",
        "optimizer: adamw\n",
        ("a.yaml:1:1  data is missing / Where the records come from, what the columns are, and how the rows are split.",),
    ),
    Row(
        "no source",
        "data: {target: y}\n",
        ("a.yaml:1:1  data  source is missing / Where the records come from: a path, or a source with options.",),
    ),
    Row(
        "one value for a list",
        "data: {source: a.csv, target: y}\narchitecture: {type: mlp, hidden: 64}\n",
        ("a.yaml:2:35  architecture.hidden  needs a list, each a whole number above 0, got 64 / fix:  hidden: [64]",),
    ),
    Row(
        "one number for two",
        "data: {source: a.csv, target: y}\noptimizer: {type: adam, betas: 0.9}\n",
        ("a.yaml:2:32  optimizer.betas  needs a list of 2, each a number from 0 and below 1, got 0.9",),
    ),
    Row(
        "second of two out of range",
        "data: {source: a.csv, target: y}\noptimizer: {type: adam, betas: [0.9, 2]}\n",
        ("a.yaml:2:38  optimizer.betas[1]  needs a number from 0 and below 1, got 2",),
    ),
    Row(
        "one metric without a list",
        "data: {source: a.csv, target: y}\nmetrics: accuracy\n",
        ("a.yaml:2:10  metrics  needs a list, each a metric, or a mapping from names to a list, each a metric, got accuracy"
            " / fix:  metrics: [accuracy]",
        ),
    ),
    Row(
        "metric of another tool",
        "data: {source: a.csv, target: y}\nmetrics: [acc, f1]\n",
        ("a.yaml:2:11  metrics[0]  no metric 'acc' / nntrain calls it accuracy  fix:  accuracy",),
    ),
    Row(
        "text for a section that a number may stand for",
        "data: {source: a.csv, target: y}\nregularization: {ema: text}\n",
        ("a.yaml:2:23  regularization.ema  needs a number above 0 and below 1, or settings (decay), got text",),
    ),
    Row(
        "short form of a section",
        "data: {source: a.csv, target: y}\nregularization: {ema: 2}\n",
        ("a.yaml:2:23  regularization.ema  needs a number above 0 and below 1, got 2",),
    ),
    Row(
        "dropout of 0",
        "data: {source: a.csv, target: y}\nregularization: {dropout: 0, norm: batchnorm}\n",
        (
            "a.yaml:2:27  regularization.dropout  needs a number above 0 and below 1, got 0 / fix:  dropout: null",
            "a.yaml:2:36  regularization.norm  needs batch, layer, group, instance or rms, got batchnorm / fix:  norm: batch",
        ),
    ),
    Row(
        "knob under two names",
        "data: {source: a.csv, target: y}\noptimizer: {type: adam, weight_decay: 0.1}\nregularization: {weight_decay: 0.2}\n",
        (
            "a.yaml:2:25  optimizer.weight_decay  is the same knob as regularization.weight_decay in line 3 / keep one of the two",
        ),
    ),
    Row(
        "knob under two names and another fault",
        "data: {source: a.csv, target: y}\n"
        "optimizer: {type: adam, weight_decay: 0.1, lr: 0}\n"
        "regularization: {weight_decay: 0.2}\n",
        (
            "a.yaml:2:25  optimizer.weight_decay  is the same knob as regularization.weight_decay in line 3 / keep one of the two",
            "a.yaml:2:48  optimizer.lr  needs a number above 0, got 0",
        ),
    ),
    Row(
        "knob outside of its home",
        "data: {source: a.csv, target: y}\nloss: {type: cross_entropy, label_smoothing: big}\n",
        ("a.yaml:2:46  loss.label_smoothing  needs a number above 0 and below 1, got big",),
    ),
    Row(
        "field type of another tool",
        "data:\n  source: a.csv\n  fields:\n    age: numeric\n    sex: {type: categorical}\n",
        (
            "a.yaml:4:10  data.fields.age  no field type 'numeric' / nntrain calls it number  fix:  age: number",
            "a.yaml:5:17  data.fields.sex.type  no field type 'categorical' / nntrain calls it category  fix:  type: category",
        ),
    ),
    Row(
        "field role",
        "data: {source: a.csv, fields: {y: {role: label}}}\n",
        (
            "a.yaml:1:42  data.fields.y.role  needs input, target, weight, split, fold, group, time or ignore, or several in"
            " a list, got label / fix:  role: target",
        ),
    ),
    Row(
        "field option",
        "data: {source: a.csv, target: y, fields: {age: {type: number, normalise: minmax}}}\n",
        (
            "a.yaml:1:63  data.fields.age.normalise  not an option of number / nntrain calls it normalize  fix:  normalize: minmax",
        ),
    ),
    Row(
        "unknown file type",
        "data: {source: rows.xyz, target: y}\n",
        ("a.yaml:1:16  data.source  no source reads .xyz files; paths may end in .csv, .tsv, .tab, .txt, .data, .zip, "
            ".jsonl, .ndjson, .conll, .iob, .bio, .parquet, .pq, .xlsx, .xlsm, .npz, or have a type beside them: type: csv, path: …",
        ),
    ),
    Row(
        "separator of pandas",
        "data: {source: {type: csv, path: a.csv, sep: \";\"}, target: y}\n",
        ('a.yaml:1:41  data.source.sep  not an option of csv / nntrain calls it delimiter  fix:  delimiter: ";"',),
    ),
    Row(
        "number as a column name",
        "data: {source: a.csv, target: 3}\n",
        ('a.yaml:1:31  data.target  needs text, or several in a list, got 3 / fix:  target: "3"',),
    ),
    Row(
        "name with a blank",
        "data: {source: a.csv, target: y}\nname: my run\nseed: -1\n",
        (
            'a.yaml:2:7  name  needs letters, digits, _ . and - without blanks, got "my run"',
            "a.yaml:3:7  seed  needs a whole number from 0 and below 4294967296, got -1",
        ),
    ),
    Row(
        "blank behind a key",
        "data: {source: a.csv, target: y}\n\"training \": {max_epochs: 3}\n",
        ('a.yaml:2:1  "training "  not a setting: there is a blank after the name / fix:  training: {max_epochs: 3}',),
    ),
    Row(
        "own code",
        "data: {source: a.csv, target: y}\nloss: my.module:Loss\n",
        ("a.yaml:2:7  loss  my.module:Loss is of a plug-in that is not allowed here / code runs only by your consent: if you trust "
            "my.module, add  --plugin my.module",),
    ),
    Row(
        "component as a list",
        "data: {source: a.csv, target: y}\noptimizer: [sgd]\n",
        (
            "a.yaml:2:12  optimizer  needs the name of an optimizer, or its name with options; got [sgd] / optimizers:"
            " sgd, adam, adamw, adamax, nadam, radam, adagrad, adadelta, rmsprop, adafactor, muon, rprop, lbfgs, asgd, by_node",
        ),
    ),
    Row(
        "two components",
        "data: {source: a.csv, target: y}\noptimizer: {sgd: 0.1, adam: 0.1}\n",
        ("a.yaml:2:12  optimizer  takes one optimizer, and has the keys sgd, adam / keep one of them",),
    ),
    Row(
        "metric bound in words",
        "data: {source: a.csv, target: y}\ntraining: {stop_at: {train.loss: low}}\n",
        ('a.yaml:2:34  training.stop_at."train.loss"  needs a number, got low',),
    ),
    Row(
        "twice the same key",
        "data: {source: a.csv, target: y}\nseed: 1\nseed: 2\n",
        ("a.yaml:3:1  seed is given twice, first in line 2 / keep one of the two",),
    ),
    Row(
        "tab",
        "data:\n\tsource: a.csv\n",
        ("a.yaml:2:1  a tab / indent with blanks; YAML does not allow tabs there",),
    ),
    Row(
        "open bracket",
        "data: {source: a.csv, target: y\n",
        ("a.yaml:1:7  the bracket that opens here is not closed, or a comma is missing",),
    ),
    Row(
        "star without quotes",
        "data: {source: a.csv, target: y, fields: {*: number}}\n",
        ('a.yaml:1:43  YAML reads * as an alias / a key or a text that starts with * needs quotes: "*"',),
    ),
    Row(
        "Windows path",
        "data: {source: \"C:\\temp\\rows.csv\", target: y}\n",
        (
            "a.yaml:1:16  \\t in double quotes is a control character, not part of a path / fix:  'C:\\temp\\rows.csv'  or "
            " C:/temp/rows.csv",
        ),
    ),
    Row(
        "tag",
        "data: !!python/object {source: a.csv}\n",
        (
            "a.yaml:1:7  the tag !!python/object is not allowed in a config / numbers and texts need no tag; a text in quotes"
            " stays text",
        ),
    ),
    Row(
        "list at the top",
        "- data\n",
        ("a.yaml:1:1  must be a mapping of sections / the shortest config:  data: {source: data.csv, target: COLUMN}",),
    ),
    Row(
        "unset environment variable",
        "data: {source: \"${env:NNTRAIN_NOT_SET}/a.csv\", target: y}\n",
        (
            "a.yaml:1:16  data.source  the environment variable NNTRAIN_NOT_SET is not set / set it, or write the value here:"
            " export NNTRAIN_NOT_SET=…",
        ),
    ),
    Row(
        "fault of an override",
        "data: {source: a.csv, target: y}\noptimizer: sgd\n",
        (
            'override "optimizer.lr=fast"  optimizer.lr  needs a number above 0, got fast',
            'override "training.epochs=5"  training.epochs  not a setting / nntrain calls it max_epochs  fix:  max_epochs: 5',
        ),
        changes=("optimizer.lr=fast", "training.epochs=5",),
    ),
    Row(
        "override beside a fault of the file",
        "data: {source: a.csv, target: y}\noptimizer: {type: adam, betas: [0.9, 0.99]}\n",
        ("a.yaml:2:25  optimizer.betas  not an option of sgd / betas is an option of adam, adamw, adamax, nadam, radam",),
        changes=("optimizer.type=sgd",),
    ),
    Row(
        "overrides that can't be placed",
        "data: {source: a.csv, target: y}\nseed: 0\narchitecture: {layers: [{linear: 3}]}\n",
        (
            'override "architecture.layers.7.bias=false"  architecture.layers  has 1 item, counted from 0; there is no 7 / to'
            " append one:  architecture.layers+=VALUE",
            'override "seed.x=1"  seed  is 0, which has no settings of its own / seed=VALUE sets it',
            "override \"a..b=1\"  'a..b' is no path / keys with dots between them, names with blanks or dots in quotes:  a.\"b c\".d=1",
            'override "metrics+=f1"  metrics  is not in the config, so nothing can be appended to it / fix:  metrics=A,B sets'
            " the whole list",
        ),
        changes=("architecture.layers.7.bias=false", "seed.x=1", "a..b=1", "metrics+=f1",),
    ),
    Row(
        "override of what is not there",
        "data: {source: a.csv, target: y}\narchitecture: {layers: [{linear: 3}]}\n",
        (
            'override "training.max_epochs=0"  training.max_epochs  needs a whole number above 0, got 0',
            'override "architecture.layers.0.linear=none"  architecture.layers[0].linear  needs a whole number above 0, got none',
        ),
        changes=("training.max_epochs=0", "architecture.layers.0.linear=none",),
    ),
]
# fmt: on
