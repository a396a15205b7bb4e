"""What the application adds to slicer-core's `slicer`, as far as LiverAI uses it. MRML, VTK and slicer.util are real."""

from __future__ import annotations

import os
import sys
import tempfile
import types
import typing
import unittest

import slicer
import slicer.util
import vtk

GUI_PARAMETER = "SlicerParameterName"


class StartupEnvironment:
    """QProcessEnvironment as `slicer.app.startupEnvironment()` gives it."""

    def keys(self) -> tuple[str, ...]:
        return tuple(os.environ)

    def value(self, name: str) -> str:
        return os.environ[name]


class ScriptedLoadableModule:
    def __init__(self, parent) -> None:
        self.parent = parent


class ScriptedLoadableModuleWidget:
    """Needs `self.parent` with `layout()` and `isEntered`; `resourcePath` looks beside the module's file."""

    def __init__(self, parent=None) -> None:
        self.parent = parent
        self.layout = parent.layout()

    def setup(self) -> None:
        self.reloaded = 0

    def resourcePath(self, filename: str) -> str:
        folder = os.path.dirname(sys.modules[type(self).__module__].__file__)
        return os.path.join(folder, "Resources", filename)

    def onReload(self) -> None:
        self.reloaded += 1


class ScriptedLoadableModuleLogic:
    def __init__(self, parent=None) -> None:
        self.parent = parent

    def getParameterNode(self):
        node = slicer.mrmlScene.GetSingletonNode("LiverAI", "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag("LiverAI")
            node = slicer.mrmlScene.AddNode(node)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    def runTest(self) -> None:
        self.setUp()
        for name in dir(self):
            if name.startswith("test_"):
                getattr(self, name)()


class WithinRange:
    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value: float) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} and {self.maximum}")


class Parameter:
    """One typed value in a vtkMRMLScriptedModuleNode: node references as references, the rest as text."""

    def __init__(self, name: str, hint, default) -> None:
        self.name = name
        annotated = typing.get_origin(hint) is typing.Annotated
        self.type = typing.get_args(hint)[0] if annotated else hint
        self.validators = typing.get_args(hint)[1:] if annotated else ()
        self.isNode = issubclass(self.type, slicer.vtkMRMLNode)
        self.default = default

    def __get__(self, wrapper, owner=None):
        if wrapper is None:
            return self
        if self.isNode:
            return wrapper.parameterNode.GetNodeReference(self.name)
        text = wrapper.parameterNode.GetParameter(self.name)
        return text == "True" if self.type is bool else self.type(text)

    def __set__(self, wrapper, value) -> None:
        if self.isNode:
            if value is not None and not isinstance(value, self.type):
                raise TypeError(f"{self.name} must be a {self.type.__name__}, got {value!r}")
            wrapper.parameterNode.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
            return
        if not isinstance(value, self.type):
            raise TypeError(f"{self.name} must be a {self.type.__name__}, got {value!r}")
        for validator in self.validators:
            validator.validate(value)
        wrapper.parameterNode.SetParameter(self.name, str(value))


def parameterNodeWrapper(cls):
    """Typed attributes kept in the parameter node, bound both ways to widgets by their `SlicerParameterName`."""
    hints = typing.get_type_hints(cls, include_extras=True)
    parameters = {name: Parameter(name, hint, getattr(cls, name, None)) for name, hint in hints.items()}

    def init(self, parameterNode) -> None:
        self.parameterNode = parameterNode
        self.bound = {}
        for parameter in parameters.values():
            if not parameter.isNode and not parameterNode.GetParameter(parameter.name):
                parameterNode.SetParameter(parameter.name, str(parameter.default))

    def connectGui(self, ui) -> int:
        tag = len(self.bound) + 1
        widgets = {w.property(GUI_PARAMETER): w for w in vars(ui).values() if w.property(GUI_PARAMETER)}
        links = [Link(self, parameters[name], widget) for name, widget in widgets.items()]
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: [x.toWidget() for x in links])
        self.bound[tag] = (links, observer)
        return tag

    def disconnectGui(self, tag: int) -> None:
        links, observer = self.bound.pop(tag)
        self.RemoveObserver(observer)
        for link in links:
            link.connected = False

    for name, parameter in parameters.items():
        setattr(cls, name, parameter)
    cls.__init__ = init
    cls.connectGui = connectGui
    cls.disconnectGui = disconnectGui
    cls.AddObserver = lambda self, event, callback, priority=0.0: self.parameterNode.AddObserver(event, callback)
    cls.RemoveObserver = lambda self, tag: self.parameterNode.RemoveObserver(tag)
    return cls


class Link:
    """One parameter and one widget: a change of either reaches the other."""

    SIGNALS: typing.ClassVar = {
        "QCheckBox": "toggled(bool)",
        "QSpinBox": "valueChanged(int)",
        "QDoubleSpinBox": "valueChanged(double)",
        "ctkSliderWidget": "valueChanged(double)",
    }

    def __init__(self, wrapper, parameter: Parameter, widget) -> None:
        self.wrapper, self.parameter, self.widget = wrapper, parameter, widget
        self.connected = True
        self.kind = widget.metaObject().className()
        for bounds in parameter.validators:
            widget.minimum, widget.maximum = bounds.minimum, bounds.maximum
        self.toWidget()
        if not widget.connect(self.SIGNALS.get(self.kind, "currentNodeChanged(PyObject)"), self.fromWidget):
            raise RuntimeError(f"Cannot bind {parameter.name} to a {self.kind}")

    def fromWidget(self) -> None:
        if self.connected:
            setattr(self.wrapper, self.parameter.name, self.read())

    def read(self):
        if self.parameter.isNode:
            return self.widget.currentNode()
        return self.widget.checked if self.kind == "QCheckBox" else self.widget.value

    def toWidget(self) -> None:
        value = getattr(self.wrapper, self.parameter.name)
        if not self.connected or self.read() == value:
            return
        if self.parameter.isNode:
            self.widget.setCurrentNode(value)
        elif self.kind == "QCheckBox":
            self.widget.checked = value
        else:
            self.widget.value = value


def install() -> None:
    """Put the stand-ins where the module imports them from."""
    base = types.ModuleType("slicer.ScriptedLoadableModule")
    for cls in (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    ):
        setattr(base, cls.__name__, cls)
    wrapper = types.ModuleType("slicer.parameterNodeWrapper")
    wrapper.parameterNodeWrapper, wrapper.WithinRange = parameterNodeWrapper, WithinRange
    i18n = types.ModuleType("slicer.i18n")
    i18n.tr, i18n.translate = (lambda text: text), (lambda context, text: text)
    logic = slicer.vtkSlicerApplicationLogic()
    app = types.SimpleNamespace(
        startupEnvironment=StartupEnvironment,
        testingEnabled=lambda: True,
        applicationLogic=lambda: logic,
        layoutManager=lambda: None,
        temporaryPath=tempfile.gettempdir(),
        connect=lambda signal, slot: True,
        processEvents=lambda: None,
    )
    for module in (base, wrapper, i18n):
        sys.modules[module.__name__] = module
        setattr(slicer, module.__name__.split(".")[1], module)
    slicer.app = app
