"""docopt: one usage text and a number of command lines."""
import docopt

USAGE = '''Naval Fate.

Usage:
  ship new <name>...
  ship <name> move <x> <y> [--speed=<kn>]
  ship mine (set|remove) <x> <y> [--moored|--drifting]
  ship -h | --help

Options:
  -h --help     Show this screen.
  --speed=<kn>  Speed in knots [default: 10].
  --moored      Moored (anchored) mine.
  --drifting    Drifting mine.
'''

for line in ('new a b c', 'a move 1 2 --speed=15', 'mine set 3 4 --drifting', 'mine set 3', '', '--help'):
    try:
        found = docopt.docopt(USAGE, line.split())
        print sorted(item for item in found.items() if item[1])
    except docopt.DocoptExit as error:
        print 'refused:', str(error).splitlines()[0]
    except SystemExit as error:
        print 'ended:', error.code
