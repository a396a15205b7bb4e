"""`qt` and `ctk` as PythonQt gives them in the application, on PySide6: properties are attributes, unknown ones refuse.

As in the application: an exception in a slot is printed, not raised (and kept in `slotErrors`); connecting a signal that
does not exist prints and returns False; a slot gets as many arguments as it takes.
"""

from __future__ import annotations

import inspect
import sys
import traceback
import types

import shiboken6
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

slotErrors: list[str] = []
_references = [None] * 5_000_000
"""PySide 6 on Python 3.11 drops a reference of None with every call that returns nothing; none left would end the process."""


class CollapsibleButton(QtWidgets.QGroupBox):
    """ctkCollapsibleButton: a titled group that shows its contents or its title only.

    Its horizontal policy is Minimum, as in CTK: what its contents would like to have is the least that it takes, so that a
    label with a long text widens the whole panel.
    """

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QtWidgets.QSizePolicy.Minimum, QtWidgets.QSizePolicy.Preferred)
        self._collapsed = False

    def _collapse(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly):
            child.setVisible(not collapsed)
        self.updateGeometry()
        self.contentsCollapsed.emit(collapsed)

    def showEvent(self, event) -> None:
        super().showEvent(event)
        if self._collapsed:
            self._collapse(True)

    def sizeHint(self) -> QtCore.QSize:
        title = QtCore.QSize(self.fontMetrics().horizontalAdvance(self.title()) + 30, self.fontMetrics().height() + 10)
        return title if self._collapsed else super().sizeHint().expandedTo(title)

    def minimumSizeHint(self) -> QtCore.QSize:
        return self.sizeHint() if self._collapsed else super().minimumSizeHint()

    collapsed = QtCore.Property(bool, lambda self: self._collapsed, _collapse)

    def _setText(self, text: str) -> None:
        self.setTitle(text)

    text = QtCore.Property(str, QtWidgets.QGroupBox.title, _setText)


class SliderWidget(QtWidgets.QWidget):
    """ctkSliderWidget: a slider and a spin box of one number."""

    valueChanged = QtCore.Signal(float)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.slider, self.box = QtWidgets.QSlider(QtCore.Qt.Horizontal), QtWidgets.QDoubleSpinBox()
        layout.addWidget(self.slider)
        layout.addWidget(self.box)
        self.slider.setRange(0, 1000)
        self.slider.valueChanged.connect(lambda position: self.box.setValue(position / 1000 * self.box.maximum()))
        self.box.valueChanged.connect(self._changed)

    def _changed(self, value: float) -> None:
        self.slider.setValue(round(1000 * value / max(self.box.maximum(), 1e-9)))
        self.valueChanged.emit(value)

    value = QtCore.Property(float, lambda self: self.box.value(), lambda self, value: self.box.setValue(value))
    minimum = QtCore.Property(float, lambda self: self.box.minimum(), lambda self, value: self.box.setMinimum(value))
    maximum = QtCore.Property(float, lambda self: self.box.maximum(), lambda self, value: self.box.setMaximum(value))
    singleStep = QtCore.Property(
        float, lambda self: self.box.singleStep(), lambda self, value: self.box.setSingleStep(value)
    )


class NodeComboBox(QtWidgets.QWidget):
    """qMRMLNodeComboBox: the scene's nodes of some classes."""

    currentNodeChanged = QtCore.Signal(object)
    nodeActivated = QtCore.Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.box = QtWidgets.QComboBox()
        layout.addWidget(self.box)
        self.scene, self.nodes, self.values = None, [], {}
        self.box.currentIndexChanged.connect(lambda index: self.currentNodeChanged.emit(self.currentNode()))
        self.box.activated.connect(lambda index: self.nodeActivated.emit(self.currentNode()))

    def _property(name: str, kind, default):
        return QtCore.Property(
            kind, lambda self: self.values.get(name, default), lambda self, value: self.values.__setitem__(name, value)
        )

    nodeTypes = _property("nodeTypes", "QStringList", [])
    showChildNodeTypes = _property("showChildNodeTypes", bool, True)
    noneEnabled = _property("noneEnabled", bool, False)
    noneDisplay = _property("noneDisplay", str, "None")
    addEnabled = _property("addEnabled", bool, True)
    removeEnabled = _property("removeEnabled", bool, True)
    renameEnabled = _property("renameEnabled", bool, False)
    baseName = _property("baseName", str, "")

    def setMRMLScene(self, scene) -> None:
        self.scene = scene
        import slicer

        scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, lambda caller, event: self.refresh())
        scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, lambda caller, event: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        if not shiboken6.isValid(self):  # deleted; the scene still tells it
            return
        current = self.currentNode()
        found = [self.scene.GetNthNode(i) for i in range(self.scene.GetNumberOfNodes())]
        self.nodes = [n for n in found if n.GetClassName() in list(self.nodeTypes) and not n.GetHideFromEditors()]
        blocked = self.box.blockSignals(True)
        self.box.clear()
        if self.noneEnabled:
            self.nodes.insert(0, None)
        for node in self.nodes:
            self.box.addItem(self.noneDisplay if node is None else node.GetName())
        self.box.setCurrentIndex(self.nodes.index(current) if current in self.nodes else min(0, len(self.nodes) - 1))
        self.box.blockSignals(blocked)
        if self.currentNode() is not current:
            self.currentNodeChanged.emit(self.currentNode())

    def currentNode(self):
        index = self.box.currentIndex()
        return self.nodes[index] if 0 <= index < len(self.nodes) else None

    def activate(self, node) -> None:
        """Choose a node as a user does."""
        self.setCurrentNode(node)
        self.box.activated.emit(self.box.currentIndex())

    def setCurrentNode(self, node) -> None:
        self.refresh()
        self.box.setCurrentIndex(self.nodes.index(node) if node in self.nodes else (0 if self.noneEnabled else -1))


class MRMLWidget(QtWidgets.QWidget):
    """qMRMLWidget: tells its children the scene, as the .ui file's connections do in the application."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)

    def setMRMLScene(self, scene) -> None:
        for child in self.findChildren(NodeComboBox):
            child.setMRMLScene(scene)


for _class, _name in (
    (CollapsibleButton, "ctkCollapsibleButton"),
    (SliderWidget, "ctkSliderWidget"),
    (NodeComboBox, "qMRMLNodeComboBox"),
    (MRMLWidget, "qMRMLWidget"),
):
    _class.__name__ = _name


def custom(cls):
    """A subclass whose Qt class name is the one of the application."""
    return type(cls.__name__, (cls,), {})


CUSTOM = [custom(cls) for cls in (CollapsibleButton, SliderWidget, NodeComboBox, MRMLWidget)]


def wrap(value):
    """Qt objects in a proxy, everything else as it is; Qt lists come back as tuples."""
    if isinstance(value, (QtCore.QObject, QtCore.QProcessEnvironment)):
        return Proxy(value)
    return tuple(wrap(item) for item in value) if isinstance(value, list) else value


def unwrap(value):
    return object.__getattribute__(value, "_wrapped") if isinstance(value, Proxy) else value


def guarded(slot):
    """The slot; an exception in it is printed and kept in `slotErrors`."""

    def call(*arguments) -> None:
        try:
            slot(*arguments)
        except Exception:
            slotErrors.append(traceback.format_exc())
            print(slotErrors[-1])

    return call


class Proxy:
    """A Qt object as PythonQt shows it."""

    def __init__(self, wrapped) -> None:
        object.__setattr__(self, "_wrapped", wrapped)

    def __getattr__(self, name: str):
        wrapped = object.__getattribute__(self, "_wrapped")
        if isinstance(wrapped, QtCore.QObject):
            if name == "name":
                return wrapped.objectName()
            if name == "connect":
                return self._connect
            if wrapped.metaObject().indexOfProperty(name) >= 0:
                return wrap(wrapped.property(name))
        member = getattr(wrapped, name)
        if not callable(member):
            return wrap(member)
        return lambda *arguments: wrap(member(*[unwrap(argument) for argument in arguments]))

    def __setattr__(self, name: str, value) -> None:
        wrapped = object.__getattribute__(self, "_wrapped")
        if wrapped.metaObject().indexOfProperty(name) < 0:
            raise AttributeError(f"{wrapped.metaObject().className()} has no property {name}")
        wrapped.setProperty(name, value)

    def _connect(self, signature: str, slot) -> bool:
        wrapped = object.__getattribute__(self, "_wrapped")
        normalized = bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()
        normalized = normalized.replace("vtkMRMLNode*", "PyObject")
        if wrapped.metaObject().indexOfSignal(normalized) < 0:
            print(f"{wrapped.metaObject().className()} has no signal {signature}")
            return False
        takes = len(inspect.signature(slot).parameters)
        call = guarded(slot)
        getattr(wrapped, normalized.split("(")[0]).connect(lambda *arguments: call(*arguments[:takes]))
        return True


class ClassProxy:
    """A Qt class: makes proxies, gives its enumerations."""

    def __init__(self, cls) -> None:
        self._class = cls

    def __call__(self, *arguments):
        made = self._class(*[unwrap(argument) for argument in arguments])
        if isinstance(made, QtUiTools.QUiLoader):
            for cls in CUSTOM:
                made.registerCustomWidget(cls)
        return Proxy(made)

    def __getattr__(self, name: str):
        if (self._class, name) == (QtCore.QTimer, "singleShot"):
            return lambda milliseconds, function: QtCore.QTimer.singleShot(milliseconds, guarded(function))
        return getattr(self._class, name)


class QtModule(types.ModuleType):
    """`qt`: the classes of all Qt modules in one."""

    def __getattr__(self, name: str):
        for module in (QtCore, QtGui, QtWidgets, QtUiTools):
            if hasattr(module, name) and not name.startswith("__"):
                return ClassProxy(getattr(module, name))
        raise AttributeError(f"module 'qt' has no attribute '{name}'")


def install() -> QtWidgets.QApplication:
    """Put `qt`, and the Qt classes of `slicer`, where modules import them from, and start Qt."""
    import slicer

    sys.modules["qt"] = QtModule("qt")
    sys.modules["ctk"] = types.ModuleType("ctk")
    slicer.qMRMLNodeComboBox = ClassProxy(custom(NodeComboBox))
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
