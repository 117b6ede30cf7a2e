"""requests: a session with cookies, a redirect, a form, JSON and a large body, against a server in a thread of this program."""
import BaseHTTPServer
import json
import threading

import requests


class Handler(BaseHTTPServer.BaseHTTPRequestHandler):

    def answer(self, status, body='', **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == '/start':
            self.answer(302, Location='/cookie?a=1', Set_Cookie='seen=yes; Path=/')
        elif self.path.startswith('/cookie'):
            self.answer(200, json.dumps([self.path, self.headers['Cookie']]), Content_Type='application/json')
        elif self.path == '/large':
            self.answer(200, u'\u00e9'.encode('utf-8') * 100000, Content_Type='text/plain; charset=utf-8')
        else:
            self.answer(404, 'nothing here', Content_Type='text/plain')

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.answer(200, body.upper(), Content_Type='text/plain')

    def log_message(self, *args):
        pass


server = BaseHTTPServer.HTTPServer(('127.0.0.1', 0), Handler)
thread = threading.Thread(target=server.serve_forever)
thread.daemon = True
thread.start()
base = 'http://127.0.0.1:%d' % server.server_port

session = requests.Session()
session.trust_env = False
answer = session.get(base + '/start')
print answer.status_code, answer.json(), [step.status_code for step in answer.history], session.cookies.get_dict()
answer = session.post(base + '/form', data={'name': u'J\xfcrgen', 'n': 3})
print answer.status_code, repr(answer.text), answer.request.headers['Content-Type']
answer = session.get(base + '/large', stream=True)
print sum(len(chunk) for chunk in answer.iter_content(8192)), answer.encoding
try:
    session.get(base + '/missing').raise_for_status()
except requests.HTTPError as error:
    print type(error).__name__, error.response.status_code, error.response.text
try:
    requests.get('nonsense://x')
except requests.exceptions.InvalidSchema as error:
    print type(error).__name__
print requests.Request('GET', 'http://example.org/a b', params=[('q', u'\u2713'), ('r', 1)]).prepare().url
server.shutdown()
