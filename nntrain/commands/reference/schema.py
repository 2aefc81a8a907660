"""`nntrain schema`: what may stand in a config, for editors (JSON Schema) and for people (Markdown)."""

from __future__ import annotations

import json

from nntrain.config.documentation.catalogue import catalogue
from nntrain.config.documentation.json_schema import json_schema
from nntrain.config.documentation.reference import markdown as reference


def run(*, markdown: bool) -> str:
    """The JSON Schema of configs, or the reference in Markdown."""
    return reference().rstrip("\n") if markdown else json.dumps(json_schema(catalogue()), indent=1, ensure_ascii=False)
