"""ClickHouse's HTTP interface around the real engine in this process: queries, settings, parameters and errors as the server has them.

Prints its port. The user is `reports`, the password `s3cret`. What it does not have: streams, users of its own, and a query that ends with its client.
"""

import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

SESSION = Session()
NO_SETTINGS = {"query", "query_id", "database", "user", "password", "default_format"}


def fields(content_type, body):
    boundary = re.search(r'boundary="?([^";]+)', content_type).group(1).encode()
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        yield re.search(rb'name="([^"]*)"', head).group(1).decode(), value.removesuffix(b"\r\n").decode()


class Interface(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        words = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        words.update(fields(self.headers["Content-Type"], body))
        try:
            if (self.headers["X-ClickHouse-User"], self.headers["X-ClickHouse-Key"]) != ("reports", "s3cret"):
                raise RuntimeError(
                    "Code: 516. DB::Exception: reports: Authentication failed: password is incorrect, or there is no user with such name. "
                    "(AUTHENTICATION_FAILED) (version 26.9.2.1)"
                )
            self.answer(200, ask(words), {})
        except Exception as error:  # The engine's errors have no type of their own.
            text = str(error)
            code = re.search(r"Code: (\d+)", text)
            self.answer(403 if code and code.group(1) == "516" else 500, text.encode(), {"X-ClickHouse-Exception-Code": code.group(1) if code else "0"})

    def answer(self, status, body, headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def ask(words):
    query = words["query"]
    parameters = {name.removeprefix("param_"): value for name, value in words.items() if name.startswith("param_")}
    settings = {name: value for name, value in words.items() if name not in NO_SETTINGS and not name.startswith("param_")}
    quoted = ", ".join("{}='{}'".format(name, value.replace("\\", "\\\\").replace("'", "\\'")) for name, value in settings.items())
    found = re.search(r"\bformat (\w+)$", query)
    form = found.group(1)
    answer = SESSION.query(f"{query[:found.start()]} settings {quoted}", form, params=parameters)
    return answer.bytes()


SERVER = HTTPServer(("127.0.0.1", 0), Interface)
print(SERVER.server_address[1], flush=True)
sys.stdout = sys.stderr
SERVER.serve_forever()
