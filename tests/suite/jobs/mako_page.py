"""Mako: compiles a template to a Python module and runs it."""
from mako.lookup import TemplateLookup
from mako.template import Template

lookup = TemplateLookup()
lookup.put_string('base', u'<%def name="head()">default</%def>[${self.head()}|${self.body()}]')
lookup.put_string('page', u'''<%inherit file="base"/><%def name="head()">${title | u}</%def>
% for i in range(count):
  ${loop.index}:${"odd" if i % 2 else "even"}
% endfor
<%! import math %>${math.sqrt(count)} <%text>${raw}</%text>''')
print lookup.get_template('page').render(title=u'a b', count=4)
print Template(u'${x | h}').render(x='<&>')
