"""Serves the examples that run in a browser on http://localhost:8000, beside `make run`:

    .venv/bin/python examples/serve.py [PORT]

React and Vue come from `node_modules` (`npm ci`), under `/npm/`. They are for looking at; a real page has a bundler.
"""

import re
import sys
from contextlib import suppress
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NODE_MODULES = HERE.parent / "node_modules"
PACKAGES = {
    "/npm/react": "react/cjs/react.development.js",
    "/npm/react-dom": "react-dom/cjs/react-dom.development.js",
    "/npm/react-dom/client": "react-dom/cjs/react-dom-client.development.js",
    "/npm/scheduler": "scheduler/cjs/scheduler.development.js",
    "/npm/vue": "vue/dist/vue.esm-browser.js",
}


def as_module(text: str) -> str:
    """A module that a browser can import, of a file that is written for bundlers (CommonJS), as all of React is."""
    needed = sorted(set(re.findall(r'\brequire\("([\w/-]+)"\)', text)))
    names = sorted(set(re.findall(r"\bexports\.(\w+) =", text)))
    imports = [f'import package{number} from "/npm/{name}";' for number, name in enumerate(needed)]
    table = ", ".join(f'"{name}": package{number}' for number, name in enumerate(needed))
    return "\n".join([
        *imports,
        "const exported = {};",
        "((exports, require, process) => {",
        text,
        f'}})(exported, (name) => ({{{table}}})[name], {{ env: {{ NODE_ENV: "development" }} }});',
        "export default exported;",
        *(f"const {{ {name}: export_{name} }} = exported; export {{ export_{name} as {name} }};" for name in names),
    ])  # fmt: skip


class Handler(SimpleHTTPRequestHandler):
    """The files of this folder, and the packages."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, directory=str(HERE))

    def do_GET(self) -> None:
        file = PACKAGES.get(self.path)
        if file is None:
            super().do_GET()
        elif not (NODE_MODULES / file).is_file():
            self.send_error(HTTPStatus.NOT_FOUND, "Not installed: run npm ci")
        else:
            text = (NODE_MODULES / file).read_text(encoding="utf-8")
            self._send_script(as_module(text) if "/cjs/" in file else text)

    def _send_script(self, text: str) -> None:
        body = text.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/javascript; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """The console is for the address alone."""


def serve(port: int) -> ThreadingHTTPServer:
    """A server on this machine only; 0 is any free port."""
    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main(words: list[str]) -> None:
    try:
        server = serve(int(words[0]) if words else 8000)
    except (OSError, OverflowError, ValueError) as error:  # The port is taken, or it is none.
        raise SystemExit(f"cannot serve on port {' '.join(words) or 8000}: {error}") from None
    with server, suppress(KeyboardInterrupt):
        print(f"http://localhost:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
