import struct


def crc_table():
    table = []
    for n in xrange(256):
        c = n
        for _ in xrange(8):
            if c & 1:
                c = 0xedb88320 ^ (c >> 1)
            else:
                c >>= 1
        table.append(c)
    return table


TABLE = crc_table()


def crc32(data, crc=0):
    crc ^= 0xffffffff
    for byte in data:
        crc = TABLE[(crc ^ ord(byte)) & 0xff] ^ (crc >> 8)
    return crc ^ 0xffffffff


def adler(data):
    a, b = 1, 0
    for char in data:
        a = (a + ord(char)) % 65521
        b = (b + a) % 65521
    return b << 16 | a


def keystream(key):
    box = range(256)
    j = 0
    for i in range(256):
        j = (j + box[i] + ord(key[i % len(key)])) % 256
        box[i], box[j] = box[j], box[i]
    i = j = 0
    while True:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        yield box[(box[i] + box[j]) % 256]


def rc4(key, data):
    stream = keystream(key)
    return ''.join(chr(ord(char) ^ stream.next()) for char in data)


print '%08x %08x' % (crc32('bytecode'), adler('bytecode'))
print rc4('Key', 'Plaintext').encode('hex'), rc4('Key', rc4('Key', 'back'))
print struct.unpack('<2H', struct.pack('<I', crc32('')))
