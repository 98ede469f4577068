"""The pages that the front answers with itself, in both languages: nobody else is there to ask."""

from __future__ import annotations

from html import escape

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title_en} · {title_fr}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem;
  color: #1f2328; }}
h1 {{ font-size: 1.4rem; margin: 2rem 0 .25rem; }}
p {{ margin: .25rem 0; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #1a1c1f; color: #e6e6e6; }}
  a {{ color: #8ab4f8; }}
}}
</style>
</head>
<body>
<main>
<h1>{title_en}</h1>
<p>{text_en}</p>
<p><a href="{link}">{link_en}</a></p>
<div lang="fr">
<h1>{title_fr}</h1>
<p>{text_fr}</p>
<p><a href="{link}">{link_fr}</a></p>
</div>
</main>
</body>
</html>
"""


def page_files(public_origin: str = "") -> dict[str, str]:
    """The HTML of each page by the name of its file. `public_origin` is the Hub's, "" where all share one."""
    home = f"{public_origin}/hub/home"
    return {
        "restarting.html": _page(
            title_en="The service is restarting",
            text_en="Try again in a moment. Work that runs on your servers is not affected.",
            title_fr="Le service redémarre",
            text_fr="Réessayez dans un instant. Les calculs en cours sur vos serveurs ne sont pas touchés.",
            link="",
            link_en="Try again",
            link_fr="Réessayer",
        ),
        "server.html": _page(
            title_en="This server does not answer",
            text_en="It may be starting, or it may have stopped.",
            title_fr="Ce serveur ne répond pas",
            text_fr="Il est peut-être en train de démarrer, ou il s’est arrêté.",
            link=home,
            link_en="Your servers",
            link_fr="Vos serveurs",
        ),
        "too-many-cookies.html": _page(
            title_en="Too many cookies",
            text_en="Your browser sent more cookies than this service accepts, and was asked to remove "
            "them. You may have to sign in again. If this page comes back, go to your servers; if it comes "
            "back there too, remove the cookies of this site in your browser.",
            title_fr="Trop de cookies",
            text_fr="Votre navigateur a envoyé plus de cookies que ce service n’en accepte ; il lui a été "
            "demandé de les supprimer. Vous devrez peut-être vous reconnecter. Si cette page revient, "
            "allez à vos serveurs ; si elle y revient encore, supprimez les cookies de ce site dans votre "
            "navigateur.",
            # A browser may clear those of the name that was asked alone, and not those of the one above it.
            link=home,
            link_en="Your servers",
            link_fr="Vos serveurs",
        ),
        "too-large.html": _page(
            title_en="Too large",
            text_en="What you sent is larger than this service accepts.",
            title_fr="Trop volumineux",
            text_fr="Ce que vous avez envoyé dépasse la taille acceptée par ce service.",
            link=home,
            link_en="Your servers",
            link_fr="Vos serveurs",
        ),
    }


def _page(**texts: str) -> str:
    return _PAGE.format(**{name: escape(text) for name, text in texts.items()})
