"""PyYAML: anchors, tags, block scalars, multiple documents, errors with their place, and a round trip."""
import datetime

import yaml

TEXT = u'''
base: &base {retries: 3, hosts: [a, b]}
service:
  <<: *base
  when: 2020-02-29
  text: |
    two
      lines
  folded: >
    one
    line
  numbers: [0x1F, 0o17, 1_000, .inf, 1e3, ~, yes]
  unicode: "\\u00e9\\t"
---
!!set {x, y}
'''

documents = list(yaml.safe_load_all(TEXT))
for document in documents:
    print sorted(document) if isinstance(document, set) else sorted(document['service'].items())
print yaml.safe_dump(documents[0], default_flow_style=False).rstrip()
assert yaml.safe_load(yaml.safe_dump(documents[0])) == documents[0]
assert yaml.safe_load('2020-02-29') == datetime.date(2020, 2, 29)
for wrong in ('a: [1, 2', 'a: b: c', '!!python/object:os.system x', '*nowhere'):
    try:
        yaml.safe_load(wrong)
    except yaml.YAMLError as error:
        mark = error.problem_mark
        print type(error).__name__, mark.line, mark.column, error.problem
print len(list(yaml.scan(TEXT))), [type(event).__name__ for event in yaml.parse('[a, {b: c}]')]
