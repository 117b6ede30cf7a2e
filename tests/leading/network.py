# Uses sockets in the ways that programs do, on a network that is a pretence.
import errno
import os
import select
import socket
import urllib2


def shown(what, function, *arguments):
    try:
        result = repr(function(*arguments))
    except EnvironmentError, error:
        result = '%s %s' % (type(error).__name__, errno.errorcode.get(error.errno, error))
    print what, result


host = 'c2.example.net'
print socket.gethostbyname(host), socket.gethostbyname(host.upper()), socket.gethostbyname('other.example.net')
print socket.gethostbyname('localhost'), socket.gethostbyname('203.0.113.9')
print socket.gethostbyname_ex(host), socket.gethostbyaddr('192.0.2.2'), socket.getfqdn(host)
print socket.getaddrinfo(host, 80, 0, socket.SOCK_STREAM), socket.getaddrinfo(host, 80, socket.AF_INET6, socket.SOCK_STREAM)
print socket.getnameinfo(('192.0.2.2', 8080), socket.NI_NUMERICSERV)
shown('reverse', socket.gethostbyaddr, '203.0.113.1')

connected = socket.create_connection((host, 4444), 3)
print connected.getpeername(), connected.getsockname()[0], connected.gettimeout()
print connected.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
connected.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 16)
print connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), connected.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)
connected.sendall('whoami\x00\x1b[2J')
print repr(connected.recv(100)), errno.errorcode[connected.connect_ex((host, 4444))]
twin = connected.dup()
connected.close()
print twin.getpeername(), twin.send('by its twin')
twin.shutdown(socket.SHUT_RDWR)
shown('shut', twin.send, 'x')

waiting = socket.socket()
waiting.setblocking(0)
print waiting.connect_ex(('203.0.113.10', 1)), len(select.select([], [waiting], [], 0)[1])
os.write(waiting.fileno(), 'by write')
print waiting.send('x' * 10000), repr(waiting.recv(1))
os.write(waiting.fileno(), 'last')
waiting.close()
file = socket.create_connection((host, 25)).makefile()
file.write('HELO\r\n')
file.flush()
print repr(file.readline())
large = socket.create_connection((host, 99))
for _ in range(64):
    os.write(large.fileno(), 'y' * 65536)
large.close()

packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print packets.sendto('query', ('198.51.100.53', 53)), repr(packets.recv(512))
print packets.sendto('again', ('198.51.100.54', 53)), packets.type == socket.SOCK_DGRAM
packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
packets.connect(('8.8.8.8', 80))
print packets.getsockname()[0], packets.send('packet'), repr(packets.recv(10))
packets.connect(('8.8.4.4', 80))
print packets.getpeername(), packets.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_DGRAM
shown('long', packets.send, 'x' * 65508)

try:
    urllib2.urlopen('http://other.example.net/x?y=z')
except Exception, error:
    print type(error).__name__
one, other = socket.socketpair()
print one.send('own'), other.recv(9), repr(one.getsockname())
shown('unix', socket.socket(socket.AF_UNIX).connect, '/run/x')
shown('bind', socket.socket().bind, ('', 80))
shown('no socket', socket.fromfd(1, socket.AF_INET, socket.SOCK_STREAM).connect, (host, 80))
shown('not connected', socket.socket().sendto, 'x', (host, 80))
shown('nowhere', socket.socket().getpeername)
many = [socket.gethostbyname('h%d.example' % number) for number in range(1000)]
print many[0], many[250], many[251], many[-1], len(set(many))
