"""Speaks TLS with itself over a pair of sockets, with the certificate of CPython's own tests, then refuses that certificate."""
import socket
import ssl
import sys
import threading

CERTIFICATE = sys.argv[1]


def serve(end):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS)
    context.load_cert_chain(CERTIFICATE)
    try:
        stream = context.wrap_socket(end, server_side=True)
        stream.sendall('hello')
        stream.close()
    except ssl.SSLError:
        end.close()


def client_of(context):
    ours, theirs = [socket.socket(_sock=end) for end in socket.socketpair()]
    server = threading.Thread(target=serve, args=(theirs,))
    server.start()
    try:
        stream = context.wrap_socket(ours, server_hostname='localhost')
        return stream.version(), stream.read()
    finally:
        ours.close()
        server.join()


trusting = ssl.SSLContext(ssl.PROTOCOL_TLS)
print '%s %s' % client_of(trusting)
try:
    client_of(ssl.create_default_context())
except ssl.SSLError as error:
    print 'refused:', error.reason
print ssl.get_default_verify_paths().openssl_capath
