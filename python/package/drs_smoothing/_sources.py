"""What the configuration of a callable names: its files, and the callable itself."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any, Iterator, Optional

from ._errors import ExpertError

KEYS = (
    "callable", "file", "sources", "arguments", "sigma", "classes", "takes", "batch", "calls", "device", "devices",
    "dtype", "tolerance", "live", "source", "state_sha256", "identity",
)
# Of the modules that are made of files, and who makes one.
NUMBERS = itertools.count()
IMPORTS = threading.Lock()


def files(config_json: str, base: str) -> list[str]:
    """The files that an expert of this configuration is made of: its source, and those that its arguments name."""
    config = checked(config_json)
    if "live" in config:
        return [os.fspath(path) for path in config.get("source", [])]
    found = [Path(base, config["file"])] if "file" in config else [Path(origin(config["callable"]))]
    found += [Path(base, source) for source in config.get("sources", [])]
    found += [path for text in texts(config.get("arguments", {})) if (path := named(text, base)) is not None]
    return [os.fspath(path) for path in found]


def texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)


def named(text: str, base: str) -> Optional[Path]:
    """The file that a text names, from the folder of experts.toml."""
    path = Path(base, text)
    return path if text and "\0" not in text and path.is_file() else None


def placed_files(value: Any, base: str) -> Any:
    """The same value, with the paths of files that it names: those that were digested."""
    if isinstance(value, str):
        path = named(value, base)
        return value if path is None else os.fspath(path)
    if isinstance(value, list):
        return [placed_files(item, base) for item in value]
    if isinstance(value, dict):
        return {key: placed_files(item, base) for key, item in value.items()}
    return value


def checked(config_json: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(config_json)
    for key in config:
        if key not in KEYS:
            raise ExpertError(f"config.{key}: not a key of the plugin python, expected one of {', '.join(KEYS[:13])}")
    for key in ("source", "state_sha256"):
        if key in config and "live" not in config:
            raise ExpertError(f"config.{key}: not a key of experts.toml: drs finds it out")
    if "live" in config and "file" in config:
        raise ExpertError("config.live: found with file, expected none in experts.toml")
    if "live" not in config and "callable" not in config:
        raise ExpertError(
            "config.callable: missing", 'name a function that gives the model: callable = "package.module:function", or file = "experts.py" with callable = "function"'
        )
    return config


def origin(name: str) -> str:
    """The file of a module that is named `package.module:function`."""
    module, colon, function = name.partition(":")
    if not colon or not module or not function:
        raise ExpertError(f'config.callable: "{name}" found, expected "package.module:function"')
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise ExpertError(f"config.callable: {module}: {error}") from error
    if spec is None or spec.origin is None:
        raise ExpertError(f"config.callable: no module {module} found", "install it where drs runs, or name a file: file = \"experts.py\"")
    return spec.origin


def built(config: dict[str, Any], base: str) -> Any:
    """What the function gives that the configuration names."""
    name = config["callable"]
    if "file" in config:
        module = run_file(Path(base, config["file"]))
    else:
        origin(name)
        module = importlib.import_module(name.partition(":")[0])
        name = name.partition(":")[2]
    function = getattr(module, name, None)
    if not callable(function):
        raise ExpertError(f"config.callable: no function {name} in {getattr(module, '__file__', module)}")
    return function(**placed_files(config.get("arguments", {}), base))


def run_file(path: Path) -> Any:
    """The module of a file. What it imports from its own folder is forgotten afterwards: another expert may have a file of
    the same name, and a changed one is another."""
    spec = importlib.util.spec_from_file_location(f"drs_expert_{next(NUMBERS)}_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ExpertError(f"config.file: {path.name}: no such Python file")
    module = importlib.util.module_from_spec(spec)
    folder = os.fspath(path.parent)
    beside = {source.stem for source in path.parent.glob("*.py")} | {sub.name for sub in path.parent.iterdir() if sub.is_dir()}
    before = {name: found for name, found in sys.modules.items() if name.partition(".")[0] in beside}
    with IMPORTS:
        for name in before:
            del sys.modules[name]
        sys.modules[spec.name] = module
        sys.path.insert(0, folder)
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(folder)
            for name, found in list(sys.modules.items()):
                if name != spec.name and (getattr(found, "__file__", None) or "").startswith(folder + os.sep):
                    del sys.modules[name]
            sys.modules.update(before)
    return module
