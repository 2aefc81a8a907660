"""What a new run keeps of its config, its data and its surroundings."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nntrain.commands.starting.origin import init_of
from nntrain.commands.stored.opening import write_resolved
from nntrain.config.loading import parse
from nntrain.config.resolving import environment_digests, resolved_text, written_digest
from nntrain.data.scored_units import num_scored
from nntrain.training.place import process_count

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.commands.preparing.jobs import Job
    from nntrain.config.reading import Config
    from nntrain.data.keeping import KeptFields
    from nntrain.runs import Run


def kept_fields(config: Config) -> KeptFields | None:
    """What fields keep of the run that the network starts from."""
    if init_of(config) is None:
        return None
    from nntrain.commands.starting import trained_weights

    return trained_weights.kept_fields(config)


def write_start(new: Run, job: Job, assembly: Assembly, surroundings: Mapping[str, Any] | None = None) -> None:
    """What a run keeps of its config, data and surroundings; `resolved.yaml` comes last: with it the folder is a run.

    Args:
        new: The run.
        job: Config and data.
        assembly: The objects of the run.
        surroundings: What `describe` says, where it was asked already.
    """
    from nntrain.commands.stored.environment import describe

    config, prepared = job.config, job.prepared
    resolved = resolved_text(job.blueprint.experiment, config.document)
    new.write_text("config.yaml", config.document.text)
    machine = {"device": assembly.device_name, "threads": assembly.threads, "processes": process_count()}
    new.write_json("environment.json", {**(surroundings or describe(config.folder)), **machine})
    record = {
        "id": uuid.uuid4().hex,
        "started": time.time(),
        "folder": config.folder.as_posix(),
        "written": written_digest(config.experiment),
        "fingerprints": prepared.fingerprints,
        "rows": {part: num_scored(data) for part, data in prepared.splits.items()},
        "notes": list(prepared.notes),
        "environment": environment_digests(parse(resolved, "resolved.yaml")) if config.document.unexpanded else {},
        "suspicions": [asdict(each) for each in job.suspicions],
    }
    if job.start is not None:
        from nntrain.commands.starting.trained_weights import keep_fields

        record["init"] = job.start.record()
        keep_fields(new.path, kept_fields(config))
    write_resolved(new, resolved, record)
