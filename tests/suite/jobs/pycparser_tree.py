"""pycparser: parses C with ply's tables, prints the tree, and writes C again."""
import sys

from pycparser import c_ast, c_generator, c_parser

SOURCE = r'''
typedef unsigned long size;
struct node { int value; struct node *next; };
enum kind { LEAF, INNER = 4 };
static int sum(const struct node *n, int (*f)(int, ...)) {
    int total = 0;
    for (; n != 0; n = n->next) {
        if (n->value < 0 && !f) continue;
        total += f ? f(n->value, "x\n") : (int)sizeof(size) << 2;
    }
    do { total--; } while (total > 100);
    switch (total) { case LEAF: return 1; default: break; }
    return total;
}
'''

parser = c_parser.CParser()
tree = parser.parse(SOURCE, 'sum.c')
tree.ext[3].show(sys.stdout, attrnames=True, nodenames=True, showcoord=True)
print c_generator.CGenerator().visit(tree)


class Names(c_ast.NodeVisitor):
    def __init__(self):
        self.names = []

    def visit_ID(self, node):
        self.names.append(node.name)


names = Names()
names.visit(tree)
print sorted(set(names.names))
try:
    parser.parse('int f( { }', 'bad.c')
except c_parser.ParseError as error:
    print error
