"""simplejson: decimals, order, iterables, hooks, errors and large numbers."""
import collections
import decimal

import simplejson

value = collections.OrderedDict([('b', decimal.Decimal('1.10')), ('a', [1, 2.5, None, True, u'\u20ac\x7f"\\']), ('c', 10 ** 30)])
text = simplejson.dumps(value, use_decimal=True, indent='  ')
print text
again = simplejson.loads(text, use_decimal=True, object_pairs_hook=collections.OrderedDict)
assert again == value and again.keys() == ['b', 'a', 'c']
print simplejson.dumps((n * n for n in range(5)), iterable_as_array=True)
print simplejson.dumps({1: float('nan')}, ignore_nan=True), simplejson.dumps({'x': {3, 1}}, default=sorted)
for wrong in ('{"a": 1,}', '[1, 2', 'nul', '"\\x"', ''):
    try:
        simplejson.loads(wrong)
    except simplejson.JSONDecodeError as error:
        print error.msg, error.pos, error.lineno, error.colno
print len(simplejson.dumps([{'n': n, 'half': n / 2.0, 'name': 'item %d' % n} for n in range(2000)], sort_keys=True))
