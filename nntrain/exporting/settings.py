"""The section `export` of a config, and the table of forms in which a network is exported. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from nntrain.schema import Component, Slot, StrictModel

FORMATS: Final = {
    "hub": "nntrain.exporting.hub:Hub",
}

FORMAT: Final = Slot("export format", (FORMATS,))

AnyFormat = Annotated[Component, FORMAT]
"""A `Format`; its class is imported only where a config names one."""

License = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$")]


class ExportSettings(StrictModel):
    """What `nntrain export` does where its options say nothing."""

    format: AnyFormat | None = None
    """The form that is written: `hub`, a folder as model hubs have them. Default: hub."""
    license: License | None = None
    """License of the network, as its model card names it: `apache-2.0`, `cc-by-4.0`. Default: the card says nothing of one."""
