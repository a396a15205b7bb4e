"""The Python packages that the networks need: what is missing, and installing it after the user agreed."""

from __future__ import annotations

import importlib
import os
import re
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import slicer

from LiverAILib.errors import UserError
from LiverAISlicer.process import SubprocessWorker, pythonCommand, workerEnvironment

REQUIREMENTS = Path(__file__).resolve().parent.parent / "Resources" / "requirements.txt"
KEEP = ["numpy", "SimpleITK", "requests"]
"""Packages of Slicer itself, which pip must never replace."""
PYTORCH = ("torch", "torchvision")
WHEELS_VARIABLE = "LIVERAI_WHEELS"
"""Environment variable with a folder of wheels to install from, for computers without internet access."""


def missingRequirements() -> list[str]:
    """The lines of requirements.txt that the installed packages do not meet; nothing is imported."""
    try:
        from slicer.packaging import load_requirements, pip_check
    except ImportError:  # Slicer before 5.12, or its libraries without the application.
        lines = [line.strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if line and not line.startswith("#") and not _isMet(line)]
    return [str(requirement) for requirement in load_requirements(REQUIREMENTS) if not pip_check(requirement)]


def checkDependencies() -> None:
    """For use without a window: raise UserError with the command that installs what is missing."""
    missing = missingRequirements()
    if missing:
        raise UserError(
            f"Python packages are missing: {', '.join(missing)}. Open the LiverAI module and press Apply once, or run: "
            f"PythonSlicer -m pip install -r {REQUIREMENTS}"
        )


def installDependencies(ask: Callable[[str], bool]) -> bool:
    """Install what is missing.

    Args:
        ask: Shows a question, returns True where the user agrees.

    Returns:
        False where the user did not agree.

    Raises:
        UserError: Something could not be installed; the message says what and why.
    """
    missing = missingRequirements()
    if not missing:
        return True
    if not ask(", ".join(missing)):
        return False
    wheels = os.environ.get(WHEELS_VARIABLE)
    if wheels:
        return installFromFolder(wheels)
    try:
        if any(_name(line) in PYTORCH for line in missing):
            _installPyTorch()
        _pipInstall(missingRequirements())
    except UserError:
        raise
    except Exception as error:  # pip and the PyTorch module raise whatever they like; the cause has to be seen.
        raise UserError(
            f"{', '.join(missing)} could not be installed: {_reason(error)}. Check the internet connection or proxy and the "
            "free disk space; the Python console shows pip's whole output. Without internet access: docs/slicer.md."
        ) from error
    return _checkInstalled()


def installFromFolder(folder: str | os.PathLike[str]) -> bool:
    """Install what is missing from a folder of wheels, without any network; true when nothing is missing any more.

    The folder is filled on a computer of the same kind with internet access:
    `PythonSlicer -m pip download --dest FOLDER -r LiverAI/Resources/requirements.txt`.

    Raises:
        UserError: There is no such folder, or a package is missing in it.
    """
    missing = missingRequirements()
    if not missing:
        return True
    if not Path(folder).is_dir():
        raise UserError(f"{folder}: no such folder. Name the folder with the wheels of the packages.")
    try:
        _runPip(missing, "--no-index", "--find-links", str(folder))
    except RuntimeError as error:
        raise UserError(
            f"{', '.join(missing)} could not be installed from {folder}: {_reason(error)}. Fill it on a computer with the "
            "same system and Slicer version (docs/slicer.md)."
        ) from None
    return _checkInstalled()


def _checkInstalled() -> bool:
    """Raise UserError where something is still missing, else return True."""
    importlib.invalidate_caches()
    still = missingRequirements()
    if still:
        raise UserError(
            f"After the installation these are still missing: {', '.join(still)}. Restart Slicer and press Apply."
        )
    return True


def _installPyTorch() -> None:
    """Through the extension PyTorch where it is there: it picks the build that fits the graphics card."""
    try:
        import PyTorchUtils
    except ImportError:
        return
    logic = PyTorchUtils.PyTorchUtilsLogic()
    if logic.installTorch(askConfirmation=False) is None:
        raise UserError("PyTorch could not be installed. Open the module PyTorch Util, which shows the cause.")


def _pipInstall(missing: list[str]) -> None:
    if not missing:
        return
    try:
        from slicer.packaging import pip_ensure
    except ImportError:
        _runPip(missing)
        return
    pip_ensure(
        missing,
        skip_packages=KEEP,
        prompt_install=False,
        prompt_restart=False,
        requester="LiverAI",
        skip_in_testing=False,
    )


def _runPip(missing: list[str], *sources: str) -> None:
    """Install with pip: from a folder, and for Slicer before 5.12, whose own function takes no packages to keep and hides what
    pip says.

    Args:
        missing: Lines of requirements.txt.
        sources: Options that say where packages come from; PyPI where there are none.

    The window stays alive meanwhile.

    Raises:
        RuntimeError: pip failed; the text says why.
    """
    lines: list[str] = []
    codes: list[int] = []

    def said(line: str) -> None:
        print(line)
        lines.append(line)

    with tempfile.TemporaryDirectory(prefix="LiverAI-") as folder:
        constraints = Path(folder) / "keep.txt"
        constraints.write_text("\n".join(f"{name}=={metadata.version(name)}" for name in KEEP if _isMet(name)))
        worker = SubprocessWorker()
        worker.onLine, worker.onExit = said, codes.append
        options = ["--disable-pip-version-check", "--no-input", "--constraint", str(constraints), *sources]
        worker.start([pythonCommand(), "-m", "pip", "install", *options, *missing], workerEnvironment())
        while not codes:
            worker.pump()
            if getattr(slicer, "app", None) is not None:
                slicer.app.processEvents()
            time.sleep(0.05)
    if codes[0] != 0:
        raise RuntimeError(pipReason(lines))


def pipReason(lines: list[str]) -> str:
    """Why pip failed, out of what it printed: its errors, else its last words."""
    errors = [line.split(":", 1)[1].strip() for line in lines if line.startswith("ERROR:")]
    spoken = [line.strip() for line in lines if line.strip()]
    return " ".join(dict.fromkeys(errors[-3:])) or (spoken[-1] if spoken else "pip gave no reason")


def _reason(error: Exception) -> str:
    """What an installer's exception says; of a failed command its output, which has the cause."""
    output = getattr(error, "stderr", None) or getattr(error, "output", None)
    return (pipReason(str(output).splitlines()) if output else str(error)).rstrip(". ")


def _name(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9._-]+", requirement).group()


def _isMet(requirement: str) -> bool:
    """Whether a line `name` or `name>=version` is met."""
    try:
        installed = metadata.version(_name(requirement))
    except metadata.PackageNotFoundError:
        return False
    minimum = re.search(r">=\s*([0-9.]+)", requirement)
    return minimum is None or _numbers(installed) >= _numbers(minimum.group(1))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])
