# An attribute of an instance.
class Vault(object):
    def __getattr__(self, name):
        if name.encode('rot13') == 'c3aqhyhz':
            return 'yes'
        raise AttributeError(name)
print getattr(Vault(), raw_input('password: '), 'no')
