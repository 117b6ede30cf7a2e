# -*- coding: utf-8 -*-
import string


def caesar(text, shift):
    out = ''
    for letter in text:
        if letter in string.ascii_lowercase:
            out += chr((ord(letter) - 97 + shift) % 26 + 97)
        elif letter in string.ascii_uppercase:
            out += chr((ord(letter) - 65 + shift) % 26 + 65)
        else:
            out += letter
    return out


def is_palindrome(text):
    text = ''.join(c for c in text.lower() if c.isalpha())
    return text == text[::-1]


def wrap(text, width):
    lines, line = [], ''
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = line + ' ' + word if line else word
    if line:
        lines.append(line)
    return '\n'.join(lines)


secret = caesar('Attack at Dawn!', 3)
print secret, caesar(secret, -3)
print is_palindrome('A man, a plan, a canal: Panama'), is_palindrome('no')
print wrap('the quick brown fox jumps over the lazy dog again and again', 16)
print '%-8s|%5d|%08.3f|%x' % ('left', 42, 3.14159, 255)
print '{0}-{name}-{1:>4}'.format('a', 'b', name='n')
print repr(u'\u00e9t\u00e9'), u'\u00e9'.encode('utf-8').encode('hex'), `'back'`
print 'a,b,,c'.split(','), 'x'.join('abc'), 'abcabc'.replace('b', 'BB', 1)
text = 'slices'
print text[1:], text[:2], text[1:4], text[:], text[::2], text[-2:]
