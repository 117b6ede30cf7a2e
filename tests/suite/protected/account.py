"""Small functions, methods, generators and exceptions: what a protector wraps."""


def factorial(n):
    if n < 2:
        return 1
    return n * factorial(n - 1)


class Account(object):
    """Keeps what is paid in."""

    def __init__(self, name):
        self.name, self.items = name, []

    def add(self, first, *more, **named):
        for item in (first,) + more + tuple(named.values()):
            self.items.append(item)
        return len(self.items)

    def __iter__(self):
        for item in self.items:
            yield item * 2


def refuses(secret):
    try:
        raise ValueError('wrong: ' + secret)
    except ValueError as error:
        return str(error)
    finally:
        secret = None


def main():
    account = Account('s3cret')
    print account.add(1, 2, 3, last=4), account.name == 's3cret', account.name == 'guess'
    print factorial(10), sum(account), sorted(item for item in account), refuses(account.name)
    try:
        account.nothing
    except AttributeError as error:
        print error
    print [(lambda x, y=2: x ** y)(n) for n in range(5)], {n % 3: str(n) for n in range(6)}


if __name__ == '__main__':
    main()
