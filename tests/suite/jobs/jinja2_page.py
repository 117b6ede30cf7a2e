"""Jinja2: inheritance, macros, filters, escaping, and an error with the template's own line."""
import jinja2

TEMPLATES = {
    'base.html': u'<title>{% block title %}none{% endblock %}</title>\n{% block body %}{% endblock %}',
    'macros.html': u'{% macro row(cells, kind="td") %}<tr>{% for c in cells %}<{{ kind }}>{{ c }}</{{ kind }}>'
                   u'{% endfor %}</tr>{% endmacro %}',
    'page.html': u'''{% extends "base.html" %}{% from "macros.html" import row %}
{% block title %}{{ title|upper }}{% endblock %}
{% block body -%}
{{ row(["name", "size"], kind="th") }}
{% for name, size in files|dictsort if size > 10 -%}
{{ loop.index }}/{{ loop.length }} {{ row([name, size|filesizeformat]) }}
{% else %}nothing{% endfor %}
{{ "%.3f"|format(3.14159) }} {{ [1, 2, 3]|sum }} {{ "a-b-c".split("-")|join("+") }} {{ missing|default("-") }}
{%- endblock %}''',
    'wrong.html': u'one\ntwo {{ 1 / nought }}\n',
    'broken.html': u'{% if %}',
}

environment = jinja2.Environment(loader=jinja2.DictLoader(TEMPLATES), autoescape=True)
page = environment.get_template('page.html')
print page.render(title=u'gr\xf6\xdfe <&>', files={'a<b>.txt': 12, 'b.txt': 123456, 'c': 3}).encode('utf-8')
try:
    environment.get_template('wrong.html').render(nought=0)
except ZeroDivisionError:
    import sys
    frame = sys.exc_info()[2].tb_next
    while frame.tb_next is not None:
        frame = frame.tb_next
    print 'ZeroDivisionError in line', frame.tb_lineno, 'of', frame.tb_frame.f_code.co_filename
try:
    environment.get_template('broken.html')
except jinja2.TemplateSyntaxError as error:
    print error.lineno, error.message
print environment.compile(u'{{ a.b[0] }}', raw=True).count('\n')
