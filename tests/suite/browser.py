"""Opens reports in headless Chromium and uses them: every part and every kind of link, by mouse and by keyboard, in both themes, on a
wide and on a narrow screen.  The browser must have nothing to say, nothing that a program chose may run, and axe must find no fault.

    browser.py BCTRACE FOLDER [SHOTS]

FOLDER receives traces and pages; SHOTS, if it is given, pictures.  Needs selenium and axe-core-python, Chromium and its driver.
"""

import pathlib
import subprocess
import sys

import axe_core_python
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ["overview", "when", "code", "calls", "compares", "strings", "constants", "exceptions", "tried", "layers", "search=e"]
FIXTURES = ["beacon", "crackme", "exceptions", "generator_heavy", "hostile_names", "overlapping", "self_modifying", "threads"]
MARKUP = """</script><script>document.title='PWNED'</script><img src=x onerror="document.title='PWNED'">"""
INJECTING = f"""
import types
MARKUP = {MARKUP!r}
def body(text):
    if text == '<!--<svg onload=alert(1)>':
        return 1
    raise ValueError(text)
code = body.__code__
code = types.CodeType(code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, code.co_consts,
    code.co_names, code.co_varnames, MARKUP + '.py', MARKUP, 3, code.co_lnotab)
try:
    types.FunctionType(code, globals())(MARKUP)
except ValueError:
    pass
try:
    open('/' + MARKUP.replace('/', '_'))
except IOError:
    pass
"""


def report(bctrace, folder, name, program):
    """Records a program and makes its page; returns the page's address."""
    trace, page = folder / f"{name}.bct", folder / f"{name}.html"
    subprocess.run([bctrace, "-q", "--values", program, trace], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=120)
    clean = folder / f"{name}.clean"
    cleaned = subprocess.run([bctrace, "clean", program, trace, "-o", clean], capture_output=True, timeout=300)
    beside = ["--clean", clean] if cleaned.returncode in (0, 1) else []
    subprocess.run([bctrace, "report", trace, *beside, "-o", page], check=True, timeout=120)
    return page.as_uri()


def browser(dark):
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": theme})
    return driver


class Check:
    def __init__(self, driver, what):
        self.driver = driver
        self.what = what

    def fail(self, message):
        sys.exit(f"{self.what}: {message}")

    def expect(self, condition, message):
        if not condition:
            self.fail(message)

    def quiet(self):
        """Nothing is in the console, no program has run its own script, and the page is no wider than the screen."""
        log = [entry["message"] for entry in self.driver.get_log("browser")]
        self.expect(not log, f"the console has {log}")
        self.expect("PWNED" not in self.driver.title, "a program's script ran")
        wide = self.driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        self.expect(wide <= 0, f"the page is {wide} pixels wider than the screen")

    def go(self, part):
        self.driver.execute_script("location.hash = arguments[0]", part)
        self.driver.execute_script("return new Promise(requestAnimationFrame)")
        self.expect(self.driver.find_elements(By.CSS_SELECTOR, "main > *"), f"#{part} is empty")
        self.quiet()

    def parts(self):
        for part in PARTS:
            self.what, before = f"{self.what} #{part}", self.what
            self.go(part)
            links = self.driver.execute_script("return [...new Set([...document.querySelectorAll('main a')].map(a => a.hash))]")
            for link in links[:25]:
                self.go(link[1:])
                if link.startswith("#code-") and "@" in link:
                    listed = self.driver.find_elements(By.CSS_SELECTOR, ".listing")
                    here = self.driver.find_elements(By.CSS_SELECTOR, "tr.here")
                    offset = self.driver.find_elements(By.ID, "at-" + link.split("@")[1])
                    self.expect(not listed or here or not offset, f"{link} marks no line")
            self.what = before

    def graph(self):
        """The graph of a code object is drawn, and each of its blocks leads to its instruction."""
        self.go("code")
        for link in self.driver.execute_script("return [...document.querySelectorAll('.side-list a')].slice(0, 8).map(a => a.hash)"):
            self.go(link[1:])
            self.driver.execute_script("document.querySelectorAll('details').forEach(details => { details.open = true; })")
            self.driver.execute_script("return new Promise(requestAnimationFrame)")
            self.quiet()
            if self.driver.find_elements(By.TAG_NAME, "summary"):
                blocks = self.driver.find_elements(By.CSS_SELECTOR, ".graph svg a")
                self.expect(blocks, f"{link} has an empty graph")
                text = self.driver.find_element(By.TAG_NAME, "summary").text
                self.expect(f" {len(blocks)} block" in text, f"{link} draws {len(blocks)} blocks: {text}")
                target = blocks[-1].get_dom_attribute("href")
                self.expect(target.startswith(f"{link}@"), f"{link}: a block leads to {target}")

    def buttons(self):
        self.go("when")
        for button in self.driver.find_elements(By.CSS_SELECTOR, ".bars button"):
            button.click()
            self.quiet()
        canvas = self.driver.find_element(By.TAG_NAME, "canvas")
        for key in ("+", Keys.ARROW_RIGHT, "-", Keys.HOME):
            canvas.send_keys(key)
        boxes = self.driver.find_elements(By.CSS_SELECTOR, ".flame button")
        self.expect(boxes, "the flame graph is empty")
        boxes[-1].click()
        self.quiet()

    def keyboard(self):
        self.go("overview")
        body = self.driver.find_element(By.TAG_NAME, "body")
        for key, part in (("3", "code"), ("4", "calls"), ("1", "overview")):
            body.send_keys(key)
            self.driver.execute_script("return new Promise(requestAnimationFrame)")
            current = self.driver.find_element(By.CSS_SELECTOR, "#tabs a[aria-current]").get_attribute("hash")
            self.expect(current == "#" + part, f"key {key} shows {current}")
        body.send_keys("/")
        self.expect(self.driver.switch_to.active_element.get_attribute("id") == "query", "/ does not go to the search")

    def axe(self):
        script = (pathlib.Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
        for part in PARTS:
            self.go(part)
            self.driver.execute_script(script)
            found = self.driver.execute_async_script("axe.run().then(arguments[0])")
            faults = [f"{fault['id']}: {fault['nodes'][0]['html'][:200]} {fault['nodes'][0]['failureSummary']}"
                      for fault in found["violations"]]
            self.expect(not faults, f"#{part}: axe finds {faults}")


def main():
    bctrace, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    shots = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
    injecting = folder / "injecting.py"
    injecting.write_text(INJECTING)
    pages = {name: report(bctrace, folder, name, ROOT / "fixtures" / f"{name}.pyc") for name in FIXTURES}
    pages["injecting"] = report(bctrace, folder, "injecting", injecting)
    for dark in (False, True):
        driver = browser(dark)
        for width in (1280, 400):
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500})
            for name, page in pages.items():
                check = Check(driver, f"{name}, {'dark' if dark else 'light'}, {width} pixels")
                driver.get(page)
                check.quiet()
                if name in ("beacon", "threads", "injecting") or (width == 1280 and not dark):
                    check.parts()
                if name in ("beacon", "threads"):
                    check.buttons()
                    check.graph()
                    check.keyboard()
                if name in ("beacon", "exceptions", "overlapping"):
                    check.axe()
                for part in PARTS if shots else ():
                    check.go(part)
                    driver.save_screenshot(shots / f"{name}-{part}-{width}{'-dark' if dark else ''}.png")
        driver.quit()
    print(f"{len(pages)} reports, each in both themes on two screens: no message, no fault")


if __name__ == "__main__":
    main()
