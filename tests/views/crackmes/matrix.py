# Sums of products.
key = [[3, 1, 4, 1], [5, 9, 2, 6], [5, 3, 5, 8], [9, 7, 9, 3]]
word = map(ord, raw_input('password: '))[:4]
sums = [sum(a * b for a, b in zip(row, word)) for row in key]
print 'yes' if cmp(sums, [927, 1839, 2063, 2655]) == 0 else 'no'
