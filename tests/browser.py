"""A headless Chromium, spoken to through its DevTools protocol over two pipes (--remote-debugging-pipe): what a page logs,
asks the network for, measures, looks like and prints. No library, no port.

    with Browser() as b:
        page = b.open("/tmp/x.html", width=400)
        page.errors, page.requests, page.evaluate("document.title"), page.pdf(), page.screenshot()
"""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 90  # seconds for one answer, on a machine that does other things as well


def program():
    return next((p for p in map(shutil.which, NAMES) if p), None)


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.errors = []    # what a console would show as error or warning
        self.requests = []  # URLs asked for

    def call(self, method, **params):
        return self.browser.call(method, params, self.session)

    def heard(self, method, params):
        if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(a.get("value", "")) for a in params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def evaluate(self, expression):
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in got:
            raise RuntimeError(got["exceptionDetails"]["text"] + ": " + expression)
        return got["result"].get("value")

    def pdf(self, scheme="light"):
        self.media("", scheme)  # an emulated "screen" would be printed as it is
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def screenshot(self):
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def media(self, media="screen", scheme="light"):
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def size(self, width, height=800):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def close(self):
        self.browser.call("Target.closeTarget", {"targetId": self.target})
        self.browser.pages.pop(self.session, None)


class Browser:
    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="mailhaul-browser-")
        to_it, self.write = os.pipe()
        self.read, from_it = os.pipe()
        command = [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                   "--user-data-dir=" + self.home, "--remote-debugging-pipe"]
        self.process = subprocess.Popen(["sh", "-c", f'exec "$@" 3<&{to_it} 4>&{from_it}', "sh", *command], start_new_session=True,
                                        pass_fds=(to_it, from_it), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=self.home))
        os.close(to_it)
        os.close(from_it)
        self.number, self.buffer, self.pages = 0, b"", {}
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close", {})
            self.process.wait(20)
        except (OSError, EOFError, TimeoutError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session: nothing else is in it
            self.process.wait()
        os.close(self.write)
        os.close(self.read)
        shutil.rmtree(self.home, ignore_errors=True)

    def message(self, until):
        while b"\0" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.read], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            got = os.read(self.read, 1 << 20)
            if not got:
                raise EOFError("the browser is gone")
            self.buffer += got
        one, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(one)

    def hear(self, until):
        """The next message; what it says of a page goes to that page."""
        got = self.message(until)
        if "method" in got and got.get("sessionId") in self.pages:
            self.pages[got["sessionId"]].heard(got["method"], got["params"])
        return got

    def call(self, method, params, session=None):
        self.number += 1
        number, until = self.number, time.monotonic() + PATIENCE
        said = {"id": number, "method": method, "params": params}
        if session:
            said["sessionId"] = session
        octets = json.dumps(said).encode() + b"\0"
        while octets:
            octets = octets[os.write(self.write, octets):]
        while True:
            got = self.hear(until)
            if got.get("id") == number:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']}")
                return got["result"]

    def open(self, path, width=1280, scheme="light"):
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self.pages[session] = Page(self, session)
        page.target = target
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(domain + ".enable")
        page.size(width)
        page.media(scheme=scheme)
        page.call("Page.navigate", url="file://" + path)
        until = time.monotonic() + PATIENCE
        while self.hear(until).get("method") != "Page.loadEventFired":
            pass
        page.evaluate("0")  # what the load had to say has been said
        return page
