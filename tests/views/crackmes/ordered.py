# Sorted characters, and sets of pairs.
word = raw_input('password: ')
pairs = set(zip(word, word[1:]))
same = sorted(word) == list('3dlmnpuu')
print 'yes' if same and pairs >= set([('p', '3'), ('3', 'n')]) else 'no'
