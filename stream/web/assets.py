"""The files of the dashboard, and the headers under which a browser may use them.

Law: everything comes from this worker, nothing from another site, and no script or style is written into a page; so
whatever names or texts are shown, none of it can run. The chart library is taken from the package that carries it.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from aiohttp import web

ASSETS = "/assets/"
STATIC = Path(__file__).with_name("static")
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
CHART_FILES = {"uplot.js": "uplot.iife.min.js", "uplot.css": "uplot.min.css"}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def chart_folder() -> Path:
    """Return where the chart library lies; the package around it is not imported."""
    spec = find_spec("youplot")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "vendor"


@cache
def read_asset(name: str) -> str:
    """Return the text of one of the dashboard's own files."""
    return (STATIC / name).read_text("utf-8")


def find_asset(name: str) -> Path | None:
    """Return the file of an asset's name; only what is listed in the folder can be named."""
    if name in CHART_FILES:
        return chart_folder() / CHART_FILES[name]
    return next((each for each in STATIC.iterdir() if each.name == name and each.suffix in TYPES), None)


async def serve_asset(request: web.Request) -> web.StreamResponse:
    """Answer with a file, which a browser keeps and asks about again."""
    found = find_asset(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "no-cache", "Content-Type": f"{TYPES[found.suffix]}; charset=utf-8"}
    return web.FileResponse(found, headers=headers)


async def serve_page(_: web.Request) -> web.StreamResponse:
    """Answer with the dashboard."""
    return web.Response(text=read_asset("index.html"), content_type="text/html", headers={"Cache-Control": "no-cache"})


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Tell the browser what an answer may do."""
    response.headers.update(HEADERS)
