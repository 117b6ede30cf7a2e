# A bare generator loop: little else than resumptions and yields.
def count(n):
    i = 0
    while i < n:
        yield i
        i += 1

total = 0
for number in count(4000000):
    total += number
print total
