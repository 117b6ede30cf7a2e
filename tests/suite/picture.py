"""Takes the README's picture of a report: docs/report.png.

    picture.py BCTRACE OUT

Records the fixture `crackme` and shows the listing of its function in headless Chromium.  Needs selenium and pillow, Chromium and its driver.
"""

import io
import pathlib
import shutil
import subprocess
import sys
import tempfile

from PIL import Image
from selenium import webdriver

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTH, HEIGHT, MOST = 1280, 640, 200 << 10


def main():
    bctrace, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(ROOT / "fixtures" / "crackme.pyc", folder)
            record = [bctrace, "-q", "--values", "crackme.pyc", "trace.bct"]
            subprocess.run(record, cwd=folder, input=b"guess\n", stdout=subprocess.DEVNULL, check=True)
            subprocess.run([bctrace, "report", "trace.bct", "-o", "report.html"], cwd=folder, check=True)
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False})
            driver.get((pathlib.Path(folder) / "report.html").as_uri() + "#code-1")
            driver.execute_script("return new Promise(requestAnimationFrame)")
            shot = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    finally:
        driver.quit()
    shot.quantize(64, dither=Image.Dither.NONE).save(out, optimize=True)
    size = out.stat().st_size
    assert size < MOST, f"the picture has {size} bytes"
    print(f"{out}: {size} bytes")


if __name__ == "__main__":
    main()
