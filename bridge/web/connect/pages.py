"""`/docs/connect`: the guides as pages, for everybody; nothing of an installation is in them.

The frame is in the reader's language; what the makes' READMEs say is English, and marked so.
"""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bridge import __version__
from bridge.connect import guides
from bridge.core.reasons import FALLBACK, languages, reason
from bridge.web.doors import words_for
from bridge.web.problems import RequestRefused

GROUPS = ("crm", "pbx")


async def index(request: Request) -> Response:
    """`GET /docs/connect`: what is the same for every make, and all of them."""
    (lang, say), every = words_for(request), guides.every().values()
    groups = [(say[f"guide.{group}.all"], [one for one in every if one.group == group]) for group in GROUPS]
    body_lang = lang if guides.general_in(lang) else FALLBACK
    return _page(request, title=say["guide.title"], body=guides.general(lang), body_lang=body_lang, groups=groups)


async def guide(request: Request) -> Response:
    """`GET /docs/connect/{kind}`: one make's guide; 404 names the makes there are."""
    kind = request.path_params["kind"]
    if kind not in guides.every():
        raise RequestRefused(404, reason("refused-no-guide", known=sorted(guides.every())))
    found = guides.guide(kind, words_for(request)[0])
    return _page(request, title=found.title, body=found.html, body_lang=FALLBACK, about=found, groups=[])


def _page(request: Request, *, body_lang: str, **told: object) -> Response:
    """In the reader's language, but for a body that is English; one that the address asks for stays with the links."""
    lang, say = words_for(request)
    tail = f"?lang={lang}" if "lang" in request.query_params else ""
    others = [(code, words["name"]) for code, words in sorted(languages().items()) if code != lang]
    frame = {"lang": lang, "say": say, "tail": tail, "others": others, "is_translated": lang != FALLBACK}
    body = {"body_lang": body_lang, "body_dir": languages()[body_lang]["dir"]}
    template = request.app.state.pages.get_template("guide.html")
    return HTMLResponse(template.render(version=__version__, **frame, **body, **told))
