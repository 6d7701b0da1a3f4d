"""The changes that a function can take, one at a time."""

import ast
import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

_COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_AT_IMPORT = ("annotation", "returns", "decorator_list")  # and default values: they are not run again


class Change(NamedTuple):
    """One mutant.

    Attributes:
        function: the qualified name of the outermost function that is changed.
        line: where.
        words: what was there and what is.
        make: gives the module's tree with the change.
    """

    function: str
    line: int
    words: str
    make: Callable[[], ast.Module]


def changes(source: str) -> Iterator[Change]:
    """All mutants of a module, in the order of its lines."""
    tree = ast.parse(source)
    for function, name in _functions(tree.body, ""):
        for node in (node for statement in function.body for node in _run(statement)):
            for mutant in _mutants(node):
                words = f"{ast.unparse(node)}  →  {ast.unparse(mutant)}"
                yield Change(name, node.lineno, words, partial(_changed, tree, node, mutant))


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all in it that runs when the function does."""
    yield node
    for name, value in ast.iter_fields(node):
        if name not in _AT_IMPORT:
            for each in value if isinstance(value, list) else [value]:
                yield from _run(each) if isinstance(each, ast.AST) and not isinstance(each, ast.arguments) else ()


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield node, prefix + node.name
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")


def _changed(tree: ast.Module, node: ast.AST, mutant: ast.AST) -> ast.Module:
    """A copy of the tree with the mutant in the node's place; the tree itself stays as it is."""
    return ast.fix_missing_locations(copy.deepcopy(tree, {id(node): ast.copy_location(mutant, node)}))


def _mutants(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
        yield ast.Compare(node.left, [_COMPARISONS[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        yield ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert | ast.USub):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.If | ast.IfExp):
        yield type(node)(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    elif isinstance(node, ast.AugAssign | ast.Continue | ast.Break) or _is_call(node):
        yield ast.Pass()


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
