"""Prints the syntax trees of the functions in Python 2.7 source as one JSON object: name with those around it -> [first line, tree]."""

import ast
import json
import sys


def collect(node, around, found):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            name = around + child.name
            number = 1
            while name in found:  # defined twice
                number += 1
                name = '%s%s#%d' % (around, child.name, number)
            line = min([child.lineno] + [decorator.lineno for decorator in child.decorator_list])
            if isinstance(child, ast.FunctionDef):
                found[name] = line, ast.dump(Plain().visit(child), annotate_fields=False)
            collect(child, name + '.', found)
        else:
            collect(child, around, found)


class Plain(ast.NodeTransformer):
    """Makes alike what the compiler makes the same code of."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        # What follows a return or raise is not compiled in a way that shows where it was.
        if node.body and isinstance(node.body[-1], ast.Return) and is_none(node.body[-1].value) and len(node.body) > 1:
            del node.body[-1]
        return node

    def visit_If(self, node):
        self.generic_visit(node)
        if isinstance(node.body[-1], LEAVING) and node.orelse:
            # An else after what leaves is what comes next.
            following, node.orelse = node.orelse, []
            return [node] + following
        return node

    def visit_For(self, node):
        self.generic_visit(node)
        node.body = without_continues(node.body)
        return node

    visit_While = visit_For

    def visit_Return(self, node):
        self.generic_visit(node)
        if is_none(node.value):
            node.value = None
        return node

    def visit_Str(self, node):
        # Line ends and blanks of docstrings are laid out again.
        return ast.copy_location(ast.Str(' '.join(node.s.split())), node)

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Num):
            return ast.copy_location(ast.Num(-node.operand.n), node)
        if isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Compare) and len(node.operand.ops) == 1:
            opposite = {ast.In: ast.NotIn, ast.Is: ast.IsNot}.get(type(node.operand.ops[0]))
            if opposite:
                return ast.copy_location(ast.Compare(node.operand.left, [opposite()], node.operand.comparators), node)
        return node


LEAVING = ast.Return, ast.Raise, ast.Continue, ast.Break


def without_continues(body):
    """Makes alike the ways to write what a loop's turn ends with: `if A: X; continue` and more, and `if A: X` with that as its else."""
    made = []
    for place, node in enumerate(body):
        rest = body[place + 1:]
        if isinstance(node, ast.Continue):
            break
        if isinstance(node, ast.If) and rest and not node.orelse and isinstance(node.body[-1], ast.Continue):
            node.body = without_continues(node.body[:-1]) or [ast.Pass()]
            node.orelse = without_continues(rest)
            return made + [node]
        if isinstance(node, ast.If) and not rest:
            node.body = without_continues(node.body) or [ast.Pass()]
            node.orelse = without_continues(node.orelse)
        made.append(node)
    return made


def is_none(value):
    return value is None or isinstance(value, ast.Name) and value.id == 'None'


found = {}
with open(sys.argv[1]) as file:
    collect(ast.parse(file.read()), '', found)
json.dump(found, sys.stdout)
