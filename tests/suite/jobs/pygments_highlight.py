"""Pygments: finds a lexer, and highlights Python, C and a diff in three forms."""
import pygments
from pygments import formatters, lexers, token

PYTHON = '''@decorated
def f(a, *b, **c):
    """Text."""
    return u"%s" % [x ** 2 for x in b if not a] or 0x1f  # why
'''
C = '#include <stdio.h>\nint main(void) { /* all */ return printf("%d\\n", 1 << 3); }\n'
DIFF = '--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n'

print pygments.highlight(PYTHON, lexers.PythonLexer(), formatters.HtmlFormatter(linenos='inline'))
print repr(pygments.highlight(C, lexers.get_lexer_by_name('c'), formatters.get_formatter_by_name('terminal')))
print pygments.highlight(DIFF, lexers.get_lexer_for_filename('x.diff'), formatters.NullFormatter())
print [(str(kind), text) for kind, text in pygments.lex('if x: pass', lexers.PythonLexer())]
print lexers.guess_lexer('#!/usr/bin/env perl\nprint 1;').name, len(list(lexers.get_all_lexers())) > 300
print token.Token.Keyword in token.Token, len(formatters.HtmlFormatter(style='monokai').get_style_defs('.h')) > 1000
