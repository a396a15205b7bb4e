"""The operators of `mutation.py`: cosmic-ray's, and a removed statement."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import Keyword, PythonNode
from parso.tree import NodeOrLeaf

Position = tuple[int, int]

SAME = tuple(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_Is", "Is_Eq", "NotEq_IsNot", "IsNot_NotEq"))
"""Equality and identity are the same for None, small numbers and short texts."""


class RemoveStatement(Operator):
    """Replaces `raise`, a call and `x += y` by `pass`: a check that is forgotten, an update that is lost."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[tuple[Position, Position]]:
        if node.type != "simple_stmt":
            return
        statement = node.children[0]
        # `x += y`: its operator is a leaf whose text is not "="; an annotated assignment has a node there.
        changes = statement.type == "expr_stmt" and getattr(statement.children[1], "value", "=") != "="
        if statement.type in ("raise_stmt", "atom_expr") or changes:
            yield node.start_pos, node.end_pos

    def mutate(self, node: NodeOrLeaf, index: int) -> NodeOrLeaf:
        nothing = Keyword("pass", node.start_pos, node.get_first_leaf().prefix)
        return PythonNode("simple_stmt", [nothing, node.children[-1]])

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def _operator(name: str) -> Operator:
    return RemoveStatement() if name == "RemoveStatement" else get_operator(f"core/{name}")()


def _names() -> list[str]:
    core = [name.removeprefix("core/") for name in operator_names() if name.startswith("core/")]
    usable = [name for name in core if name not in SAME and not get_operator(f"core/{name}").arguments()]
    return [*usable, "RemoveStatement"]


def possible_mutations(source: str) -> Iterator[tuple[str, int, Position, Position]]:
    """Operator, number of the place (from 0), start and end of everything that can be mutated, type annotations left out."""
    nodes = list(ast_nodes(get_ast(source)))
    annotations = list(_annotations(source))
    for name in _names():
        operator = _operator(name)
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for number, (start, end) in enumerate(places):
            if not any(first <= start and end <= last for first, last in annotations):
                yield name, number, start, end


def mutate(source: str, operator: str, number: int) -> str | None:
    """The source with one mutation; None where that is no Python (`{**a}` to `{|a}`) or the operator fails."""
    try:
        mutated = mutate_code(source, _operator(operator), number)
    except AttributeError:  # ExceptionReplacer knows no `except module.Error`
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(mutated, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return None
    return mutated


def _annotations(source: str) -> Iterator[tuple[Position, Position]]:
    """Start and end of the annotations, which `from __future__ import annotations` keeps from running."""
    for node in ast.walk(ast.parse(source)):
        for one in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(one, ast.expr):
                yield (one.lineno, one.col_offset), (one.end_lineno or one.lineno, one.end_col_offset or 0)
