"""Every name that the module takes from Slicer exists in a real Slicer (`../shared/slicer-api.json`) or in slicer-core."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import slicer
import slicer.util
import vtk

ROOT = Path(__file__).resolve().parents[2]
API_FILE = ROOT.parent / "shared" / "slicer-api.json"
FILES = sorted((ROOT / "LiverAI").rglob("*.py"))
UI_FILE = ROOT / "LiverAI" / "Resources" / "UI" / "LiverAI.ui"
DOTTED = {"qt", "ctk", "slicer", "vtk"}
# Not the application's: a module's own class, and what an optional extension or the packaging of older versions has.
MODULES = {
    "slicer.util",
    "slicer.packaging",
    "slicer.i18n",
    "slicer.parameterNodeWrapper",
    "slicer.ScriptedLoadableModule",
}
OLDER_SLICER = {"SetMasterRepresentationName"}

pytestmark = pytest.mark.skipif(
    not API_FILE.is_file(), reason="../shared/slicer-api.json is not there: names cannot be compared with a real Slicer"
)


@pytest.fixture(scope="module")
def api() -> dict:
    return json.loads(API_FILE.read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str | None:
    """`a.b.c` of an attribute chain."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def chains(tree: ast.AST) -> set[str]:
    """The longest dotted names of a file."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and id(node) not in inner and (name := dotted(node))
    }


def names_of_module(api: dict, module: str) -> set[str]:
    entry = api[module]
    return set(entry)


def exists(api: dict, name: str) -> bool:
    """Whether a dotted name exists; members beyond a class are looked up in the class."""
    parts = name.split(".")
    if parts[0] == "vtk":
        value = vtk
        for part in parts[1:]:
            value = getattr(value, part, None)
        return value is not None
    if parts[0] in ("qt", "ctk"):
        if parts[1] not in api[parts[0]]:
            return False
        return len(parts) == 2 or parts[2] in api["classes"][f"{parts[0]}.{parts[1]}"]
    if len(parts) == 1:
        return True
    if f"slicer.{parts[1]}" in MODULES:
        return len(parts) == 2 or parts[2] in names_of_module(api, f"slicer.{parts[1]}")
    if f"slicer.{parts[1]}" in api["instances"]:  # a Qt class of the application, which slicer-core does not have
        return len(parts) == 2
    if parts[1] in ("app", "modules"):
        return len(parts) == 2 or parts[2] in api[f"slicer.{parts[1]}"]
    if parts[1] == "mrmlScene":
        return len(parts) == 2 or hasattr(slicer.vtkMRMLScene, parts[2])
    if parts[1] not in api["slicer"] or not hasattr(slicer, parts[1]):
        return False
    return len(parts) == 2 or hasattr(getattr(slicer, parts[1]), parts[2])


def test_dotted_names_exist(api):
    missing, checked = [], 0
    for path in FILES:
        for name in chains(ast.parse(path.read_text(encoding="utf-8"))):
            if name.split(".")[0] in DOTTED:
                checked += 1
                if not exists(api, name):
                    missing.append(f"{path.name}: {name}")
    assert checked > 40
    assert not missing, missing


def test_a_wrong_name_would_be_found(api):
    for name in (
        "qt.QProces",
        "qt.QProcess.MergedChanels",
        "slicer.util.errorDisplays",
        "slicer.vtkMRMLVolume",
        "vtk.vtkX",
    ):
        assert not exists(api, name), name
    assert not exists(api, "slicer.vtkMRMLScene.ClosingEvent")
    assert not exists(api, "slicer.app.layoutManagers")


def importable(module: str, name: str) -> bool:
    if hasattr(importlib.import_module(module), name):
        return True
    return importlib.util.find_spec(f"{module}.{name}") is not None


def test_imports_exist(api):
    missing = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "slicer":
                known = api["slicer"] if node.module == "slicer" else names_of_module(api, node.module)
                missing += [f"{path.name}: {node.module}.{a.name}" for a in node.names if a.name not in known]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vtk"):
                missing += [f"{path.name}: {a.name}" for a in node.names if not importable(node.module, a.name)]
    assert not missing, missing


def test_keyword_arguments_of_slicer_functions_exist(api):
    """`slicer.util` and `slicer.packaging` calls use parameters that these functions have."""
    wrong = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = dotted(node.func) or getattr(node.func, "id", "")
            module, _, function = name.rpartition(".")
            for where in [module] if module in MODULES else ["slicer.packaging"] * (not module):
                signature = api[where].get(function)
                if isinstance(signature, str) and "**" not in signature:
                    wrong += [
                        f"{path.name}: {name}({k.arg}=)"
                        for k in node.keywords
                        if not re.search(rf"\b{k.arg}\b", signature)
                    ]
    assert not wrong, wrong


def widgets() -> dict[str, str]:
    """Class of each named widget of the .ui file."""
    return {w.get("name"): w.get("class") for w in ElementTree.parse(UI_FILE).iter("widget")}


def members(api: dict, cls: str) -> set[str]:
    for prefix in ("qt", "ctk", "slicer"):
        key = f"{prefix}.{cls}"
        if key in api["instances"] or key in api["classes"]:
            return set(api["instances"].get(key, ())) | set(api["classes"].get(key, ()))
    return set()


def test_widget_classes_and_properties_of_the_panel_exist(api):
    missing = []
    for widget in ElementTree.parse(UI_FILE).iter("widget"):
        known = members(api, widget.get("class"))
        if not known:
            missing.append(widget.get("class"))
        for item in widget.findall("property"):
            if item.get("stdset") != "0" and item.get("name") not in known:
                missing.append(f"{widget.get('class')}.{item.get('name')}")
    assert not missing, missing


def test_members_of_the_panels_widgets_exist(api):
    """Everything that the code asks of `self.ui.<widget>`, signals in `connect` strings included."""
    classes, missing, checked = widgets(), [], 0
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]
    for name in {name for tree in trees for name in chains(tree)}:
        parts = name.replace("self._ui.", "self.ui.").split(".")
        parts = ["self", *parts] if parts[0] == "ui" else parts
        if parts[:2] == ["self", "ui"] and len(parts) > 2:
            checked += 1
            known = members(api, classes[parts[2]]) if parts[2] in classes else ()
            if parts[2] not in classes or (len(parts) > 3 and parts[3] not in known):
                missing.append(name)
    for node in (node for tree in trees for node in ast.walk(tree)):
        name = dotted(node.func) or "" if isinstance(node, ast.Call) else ""
        name = re.sub(r"^(self\._ui|ui)\.", "self.ui.", name)
        if name.startswith("self.ui.") and name.endswith(".connect"):
            signal = node.args[0].value.split("(")[0]
            if signal not in members(api, classes[name.split(".")[2]]):
                missing.append(f"{name}: {signal}")
    assert checked > 25
    assert not missing, missing


@pytest.mark.parametrize(("file", "adds"), [("imageselectors.py", "insertRow"), ("regionselectors.py", "addRow")])
def test_members_of_the_selectors_exist(api, file, adds):
    """The rows that the panel makes itself: a qMRMLNodeComboBox each, in a QFormLayout."""
    tree = ast.parse((ROOT / "LiverAI" / "LiverAISlicer" / file).read_text(encoding="utf-8"))
    used = {name.split(".")[1] for name in chains(tree) if name.startswith("selector.")}
    used |= {
        node.args[0].value.split("(")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) == "selector.connect"
    }
    assert {"nodeTypes", "noneEnabled", "setMRMLScene", "currentNodeChanged"} <= used
    assert used | {"currentNode", "setCurrentNode"} <= members(api, "qMRMLNodeComboBox")
    layout = {name.split(".")[2] for name in chains(tree) if name.startswith("self._layout.")}
    assert {adds} <= layout <= members(api, "QFormLayout")


def test_panel_parameters_are_parameters_of_the_node():
    import LiverAI

    hints = LiverAI.LiverAIParameterNode.__annotations__
    bound = [
        item.find("string").text
        for item in ElementTree.parse(UI_FILE).iter("property")
        if item.get("name") == "SlicerParameterName"
    ]
    assert len(bound) == 16
    assert set(bound) <= set(hints)


def test_members_of_qprocess_exist(api):
    tree = ast.parse((ROOT / "LiverAI" / "LiverAISlicer" / "qtprocess.py").read_text(encoding="utf-8"))
    used = {n.split(".")[-1] for n in chains(tree) if n.startswith(("process.", "self._process."))}
    used |= {
        node.args[0].value.split("(")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (dotted(node.func) or "").endswith(".connect")
    }
    assert {"start", "kill", "finished", "errorOccurred"} <= used
    assert used <= members(api, "QProcess"), used - members(api, "QProcess")


def test_methods_of_nodes_exist():
    """Methods in MRML's and VTK's spelling that the code calls are methods of some class of slicer-core or VTK."""
    known = set(OLDER_SLICER)
    for module in (slicer, vtk):
        for name in dir(module):
            value = getattr(module, name)
            if isinstance(value, type):
                known.update(dir(value))
    missing = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = node.func.attr
                if (
                    re.match(r"(Get|Set|Add|Remove|Is|Has|Create|Jump|Resample|Insert|Allocate)[A-Z]", name)
                    and name not in known
                ):
                    missing.append(f"{path.name}: {name}")
    assert not missing, missing
