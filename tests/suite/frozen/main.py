import json
import sys

import helper
import pkg.inner

print helper.twice(21), pkg.inner.NAME, __name__, bool(sys.frozen), json.dumps(sys.argv[1:])
