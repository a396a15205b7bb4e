"""Check a Python snippet without running it: names, attributes and arguments, as far as imports and annotations tell."""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Known:
    """What is known of an expression: the object that it is, or the class that it is an instance of."""

    value: Any
    instance: bool = False


class SnippetChecker(ast.NodeVisitor):
    """Collects the faults of a snippet in `faults`.

    Args:
        load: Function of a module's name that gives the module.
    """

    def __init__(self, load: Callable[[str], Any] = import_module) -> None:
        self.load = load
        self.names: dict[str, Known] = {}
        self.faults: list[str] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.load(alias.name)
            top = alias.name.partition(".")[0]
            self.names[alias.asname or top] = Known(self.load(alias.name if alias.asname else top))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = self.load(str(node.module))
        for alias in node.names:
            if not hasattr(module, alias.name):
                self.faults.append(f"{node.module} has no {alias.name}")
            else:
                self.names[alias.asname or alias.name] = Known(getattr(module, alias.name))

    def visit_Assign(self, node: ast.Assign) -> None:
        known = self.known(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.names.pop(target.id, None)
                if known is not None:
                    self.names[target.id] = known

    def visit_For(self, node: ast.For) -> None:
        known = self.known(node.iter)
        self.names.pop(getattr(node.target, "id", ""), None)
        if isinstance(node.target, ast.Name) and known is not None and known.instance:
            self._bind(node.target.id, _element(known.value))
        for statement in node.body:
            self.visit(statement)

    def visit_Expr(self, node: ast.Expr) -> None:
        self.known(node.value)

    def known(self, node: ast.expr) -> Known | None:
        """What an expression is; checks it on the way."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.known(child)
        return None

    def _attribute(self, node: ast.Attribute) -> Known | None:
        base = self.known(node.value)
        if base is None:
            return None
        if not base.instance:
            if not hasattr(base.value, node.attr):
                self.faults.append(f"{ast.unparse(node)}: there is no {node.attr}")
                return None
            return Known(getattr(base.value, node.attr))
        hints = _hints(base.value) if is_dataclass(base.value) else {}
        if node.attr in hints:
            return _instance(hints[node.attr])
        if node.attr in getattr(base.value, "__dataclass_fields__", {}):  # its annotation cannot be resolved
            return None
        found = getattr(base.value, node.attr, None)
        if found is None:
            if is_dataclass(base.value) or base.value.__module__.startswith("LiverAI"):
                self.faults.append(f"{ast.unparse(node)}: {base.value.__name__} has no {node.attr}")
            return None
        if isinstance(found, property):
            return _instance(_hints(found.fget).get("return"))
        return Known(found.__get__(object())) if inspect.isfunction(found) else None

    def _call(self, node: ast.Call) -> Known | None:
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.known(argument)
        called = self.known(node.func)
        if called is None or called.instance or not callable(called.value):
            return None
        if not getattr(called.value, "__module__", None) or any(isinstance(one, ast.Starred) for one in node.args):
            return None
        try:
            keywords = {keyword.arg: None for keyword in node.keywords if keyword.arg}
            inspect.signature(called.value).bind(*node.args, **keywords)
        except TypeError as error:
            self.faults.append(f"{ast.unparse(node.func)}(...): {error}")
        if inspect.isclass(called.value):
            return Known(called.value, instance=True)
        return _instance(_hints(called.value).get("return"))

    def _bind(self, name: str, annotation: Any) -> None:
        known = _instance(annotation)
        if known is not None:
            self.names[name] = known


def faults(text: str, load: Callable[[str], Any] = import_module) -> list[str]:
    """What is wrong with a snippet: syntax, names that cannot be imported, attributes and arguments that do not exist."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return [str(error)]
    checker = SnippetChecker(load)
    checker.visit(tree)
    return checker.faults


def _hints(owner: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(owner)
    except NameError:  # an annotation that is only imported for type checkers
        return {}


def _instance(annotation: Any) -> Known | None:
    """An instance of an annotation: of a class, or of a container whose elements are known."""
    return None if annotation is None or annotation is Any else Known(annotation, instance=True)


def _element(annotation: Any) -> Any:
    """The class of the elements of a sequence's annotation."""
    arguments = typing.get_args(annotation)
    return arguments[0] if arguments and typing.get_origin(annotation) in (tuple, list) else None
