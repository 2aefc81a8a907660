"""Packages that an extra installs. Torch-free."""

from importlib.util import find_spec


def missing_package(user: str, package: str, extra: str) -> str | None:
    """That `user`, what is written in a config, needs a package, and how it is installed; `None` where it is installed."""
    if find_spec(package) is not None:
        return None
    return f"{user} needs the package {package}, which is not installed: pip install 'nntrain[{extra}]'"
