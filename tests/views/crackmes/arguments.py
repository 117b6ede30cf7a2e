# The guess is an argument.
import sys
def check(words):
    return len(words) == 2 and '-'.join(words[1].split('-')) == 'p3nd' + '-' + 'ulum'
print check(sys.argv)
