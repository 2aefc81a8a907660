"""Which fields there are: matches the names in the settings with the columns of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from nntrain.data.fields.auto import Auto
from nntrain.data.fields.field import Field, Role
from nntrain.data.header import Header
from nntrain.data.settings import DataSettings
from nntrain.data.table import listed
from nntrain.data.texts import own_answer
from nntrain.errors import Problem, YamlPath
from nntrain.nearest import nearest


@dataclass(frozen=True, slots=True)
class NamedField:
    """A field, the columns it is made of and its roles; its type may not be known yet."""

    name: str
    field: Field
    columns: tuple[str, ...]
    roles: frozenset[Role]
    key: str | None
    """The key in `data.fields`; `None` for a column that is not named there."""
    is_named: bool
    """Whether the settings name it, by more than a pattern."""


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    field: Field
    columns: tuple[str, ...]
    key: str | None


def name_fields(settings: DataSettings, header: Header | None) -> tuple[list[NamedField], list[Problem]]:
    """The fields in the order of the file, ignored ones left out, and what is wrong with their names and roles.

    Args:
        settings: The data section.
        header: Names of the columns; `None` where the data are not looked at.
    """
    settings = _with_known(settings, header)
    found, problems = _match(settings, header)
    targets = {
        name: ("data", "target", index) if isinstance(settings.target, tuple) else ("data", "target")
        for index, name in enumerate(settings.targets)
    }
    names = {field.name for field in found}
    if header is None:
        found += [_Found(name, Auto(), (name,), None) for name in targets if name not in names]
        names |= targets.keys()
    problems += [no_column(name, header, path) for name, path in targets.items() if header is not None and name not in names]
    column = settings.split.column
    splits: Role = "split" if settings.split.by not in ("group", "time") else settings.split.by
    own = settings.source.split_column
    divided: dict[str, Role] = (
        {own: "split"}
        if own is not None and own in names and not any(field.name == own and field.field.role_set for field in found)
        else {}
    )
    if column is not None:
        divided[column] = splits
    if header is not None and column is not None and column not in names:
        problems.append(no_column(column, header, ("data", "split", "column")))
    if not targets and settings.source.target in names and not any("target" in field.field.role_set for field in found):
        targets = {settings.source.target: ("data", "target")} if settings.source.target else {}
    named: list[NamedField] = []
    for field in (_as_it_is(each) if each.name in divided else each for each in found):
        roles = field.field.role_set
        clash = _clash(field, is_target=field.name in settings.targets, splits=divided.get(field.name))
        problems += clash
        if field.name in targets and "target" not in roles and "ignore" not in roles:
            roles = frozenset[Role]({"target"})
        if field.name in divided:
            kept = {"input", "target"} if divided[field.name] == "group" else {"input"}
            roles = frozenset[Role]({divided[field.name], *(roles & kept)})
        if settings.window is not None and settings.window.is_known(field.name) and roles == frozenset[Role]({"time"}):
            roles = roles | frozenset[Role]({"input"})  # times that order the rows are known beforehand, with their calendar
        if "ignore" not in roles:
            is_named = field.key == field.name or field.name in targets
            named.append(NamedField(field.name, field.field, field.columns, roles or frozenset[Role]({"input"}), field.key, is_named))
    return own_answer(named), problems + _once(named) + _reserved(named)


def _as_it_is(field: _Found) -> _Found:
    """A column that parts the rows without what a pattern says of it: patterns without a role concern what the network reads."""
    by_pattern = field.key not in (None, field.name) and not field.field.role_set
    return replace(field, field=Auto(), key=None) if by_pattern else field


def no_column(name: str, header: Header, path: YamlPath, *, on_key: bool = False) -> Problem:
    """The problem of a column that is not there, with the nearest that is."""
    near = nearest(name, header.names, cutoff=0.5)
    line = "line 1: " if header.dialect is not None else ""
    word = "array" if header.name.endswith(".npz") else "column"
    message = f"no {word} {name!r} in {header.name} ({line}{listed(header.names)})"
    return Problem(path, message, f"nearest: {near[0]}" if near else None, on_key=on_key)


def is_pattern(name: str) -> bool:
    """Whether a name stands for several."""
    return "*" in name or "?" in name


def matching(patterns: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Names that one of some patterns fits, in the order of the names."""
    return tuple(
        name for name in names if any(name == pattern or (is_pattern(pattern) and fnmatchcase(name, pattern)) for pattern in patterns)
    )


def _with_known(settings: DataSettings, header: Header | None) -> DataSettings:
    """The settings with the fields that the source knows, of whose columns nothing is written."""
    known: dict[str, Field] = {}
    for name, field in settings.source.fields.items():
        columns = field.source_columns or (name,)
        named = columns if header is None else (name, *matching(columns, header.names))
        if not matching(tuple(settings.fields), named):
            known[name] = field
    return settings.model_copy(update={"fields": {**known, **settings.fields}}) if known else settings


def _match(settings: DataSettings, header: Header | None) -> tuple[list[_Found], list[Problem]]:
    if header is None:
        fields = [
            _Found(name, field, (name,) if field.source_columns is None else field.source_columns, name)
            for name, field in settings.fields.items()
            if not is_pattern(name)
        ]
        return fields, []
    found: list[_Found] = []
    problems: list[Problem] = []
    exact = {name: field for name, field in settings.fields.items() if name in header.by_name or not is_pattern(name)}
    for name, field in exact.items():
        columns, lost = _columns(name, field, header, settings)
        problems += lost
        if not lost:
            found.append(_Found(name, field, columns, name))
    taken = {column for field in found for column in field.columns} | exact.keys()
    for pattern, field in settings.fields.items():
        if pattern in exact:
            continue
        names = [column for column in matching((pattern,), header.names) if column not in taken]
        taken |= set(names)
        found += [_Found(column, field, (column,), pattern) for column in names]
        if not matching((pattern,), header.names):
            problems.append(no_column(pattern, header, ("data", "fields", pattern), on_key=True))
    found += [_Found(column, Auto(), (column,), None) for column in header.names if column not in taken]
    order = {column: index for index, column in enumerate(header.names)}
    return sorted(found, key=lambda field: min((order[column] for column in field.columns), default=len(order))), problems


def claimed(settings: DataSettings, name: str) -> set[str]:
    """Columns that others than this field name exactly: its patterns leave them out."""
    others = {key: field for key, field in settings.fields.items() if key != name}
    written = [column for field in others.values() for column in field.source_columns or ()]
    written += [column for field in settings.fields.values() for column in field.step_keys]
    return {column for column in (*others, *written, *settings.targets, settings.split.column or "") if not is_pattern(column)}


def _columns(name: str, field: Field, header: Header, settings: DataSettings) -> tuple[tuple[str, ...], list[Problem]]:
    """The columns of a field that has a key of its own."""
    written = field.source_columns
    if written is None:
        return (name,), [] if name in header.by_name else [no_column(name, header, ("data", "fields", name), on_key=True)]
    if not written:
        return (), []
    lost = [pattern for pattern in written if not matching((pattern,), header.names)]
    if field.type == "series" and len(written) == 2 and not any(map(is_pattern, written)):
        columns = written  # values and lengths have their own order
    else:
        others = claimed(settings, name)
        columns = matching(written, [column for column in header.names if column in written or column not in others])
    option = next(option for option in ("column", "columns", "values") if getattr(field, option, None) is not None)
    return columns, [no_column(pattern, header, ("data", "fields", name, option)) for pattern in lost]


def _clash(field: _Found, *, is_target: bool, splits: Role | None) -> list[Problem]:
    """Roles that contradict one another."""
    roles = field.field.role_set
    path = ("data", "fields", field.key or field.name, "role")
    told = ", ".join(sorted(roles))
    if is_target and roles and "target" not in roles:
        return [Problem(path, f"is {told}, and data.target names {field.name} as target", "remove one of the two")]
    if (is_target or "target" in roles) and (splits == "group" or "group" in roles):
        if roles <= {"target", "group"} and getattr(field.field, "unknown", None) == "class":
            return []
        what = "is the target and the group: no class of the validation and test rows would have been shown in training"
        return [Problem(path, what, "fix:  another group; or, of task: metric,  {type: category, role: target, unknown: class}")]
    if splits is not None and roles and splits not in roles and (splits == "split" or roles != frozenset[Role]({"input"})):
        return [Problem(path, f"is {told}, and data.split.column names {field.name}", "remove one of the two")]
    if len(roles) > 1 and not (len(roles) == 2 and "input" in roles and roles & {"target", "group", "time"}):
        return [Problem(path, f"{told} do not go together", "only input and target do, and input and group or time")]
    return []


def _once(named: list[NamedField]) -> list[Problem]:
    """Roles that one field at most can have."""
    problems: list[Problem] = []
    roles: tuple[Role, ...] = ("weight", "split", "fold", "group", "time")
    for role in roles:
        holders = [field.name for field in named if role in field.roles]
        if len(holders) > 1:
            message = f"{listed(holders)} are all {role}; one column can be"
            problems.append(Problem(("data", "fields", holders[1]), message))
    return problems


def _reserved(named: list[NamedField]) -> list[Problem]:
    """Names that the tensors of all numbers and of all categories have."""
    return [
        Problem(
            ("data", "fields", field.key or field.name),
            f"{field.name!r}: names that start with @ are nntrain's own",
            f"fix:  rename it, or  data.fields: {{'{field.name}': {{role: ignore}}}}, or under another name: "
            f"{{NAME: {{column: '{field.columns[0]}'}}}}",
        )
        for field in named
        if field.name.startswith("@")
    ]
