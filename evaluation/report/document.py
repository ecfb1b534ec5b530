"""
A report as one HTML file: it reads offline, on light and dark, on a telephone and on paper.

Covered:      sentences, pictures, tables, what each column means, what was left out.
Not covered:  scripts, and anything from elsewhere: there are none.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from evaluation.report.captions import caption
from evaluation.report.columns import notes
from evaluation.report.frontier import MEASURES
from evaluation.report.report import Report
from evaluation.report.style import dark_rules
from evaluation.report.svg import inline
from evaluation.report.tables import (
    PUBLISHED_TITLES,
    WORD_COLUMNS,
    circumstances,
    headline,
    point_rows,
    published_rows,
    titles,
)

_STYLE = """
:root{color-scheme:light dark;--text:#1f2328;--quiet:#59636e;--line:#d1d9e0;--back:#fff}
@media(prefers-color-scheme:dark){
:root{--text:#f0f6fc;--quiet:#9198a1;--line:#3d444d;--back:#0d1117}}
body{margin:0 auto;padding:1rem;max-width:76rem;background:var(--back);color:var(--text);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2.2rem}
p,li,figcaption{max-width:46rem}.quiet,figcaption{color:var(--quiet);font-size:.875rem}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(36rem,100%),1fr));gap:1rem}
figure{margin:0;min-width:0}figure svg{width:100%;height:auto}
@media screen and (max-width:48rem){figure svg{min-width:44rem}}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.875rem;white-space:nowrap;
font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--line)}
th{vertical-align:bottom;white-space:normal}.word{text-align:left}
code{overflow-wrap:anywhere}
""" + dark_rules()


def as_html(report: Report, pictures: Mapping[str, str]) -> str:
    """
    Write the page.

    Args:
        report: Every text of it is escaped.
        pictures: SVG by name, as `evaluation.report.pictures` draws them.
    """
    title = headline(report)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        *_sentences(report),
        _circumstances(report),
        *_pictures(report, pictures),
        "<h2>Every network</h2>",
        _table(titles(report), point_rows(report)),
        *(f'<p class="quiet">{escape(note)}</p>' for note in notes(report.merit)),
        *_published(report),
        *_left_out(report),
        f"<h2>Made by</h2><p><code>{escape(report.command)}</code></p></body></html>\n",
    ]
    return "\n".join(parts)


def _sentences(report: Report) -> list[str]:
    every = [*(report.sentences[measure.name] for measure in MEASURES), *report.equal_error]
    said = [f"<li>{escape(sentence)}</li>" for sentence in every]
    return ["<ul>", *said, "</ul>"]


def _circumstances(report: Report) -> str:
    return f'<p class="quiet">{escape(circumstances(report))}</p>'


def _pictures(report: Report, pictures: Mapping[str, str]) -> list[str]:
    figures = [
        f'<figure><div class="wide">{inline(svg, name)}</div>'
        f"<figcaption>{escape(caption(report, name))}</figcaption></figure>"
        for name, svg in pictures.items()
    ]
    return ["<h2>Pictures</h2>", '<div class="pictures">', *figures, "</div>"]


def _published(report: Report) -> list[str]:
    if not report.published:
        return []
    note = (
        "Theirs is the best of several runs, in eFFF's case chosen on the test images; ours is the "
        "mean of the seeds. Difference in points."
    )
    return [
        "<h2>Beside what was published of the same shapes</h2>",
        _table(PUBLISHED_TITLES, published_rows(report)),
        f'<p class="quiet">{escape(note)}</p>',
    ]


def _left_out(report: Report) -> list[str]:
    if not report.left_out:
        return []
    items = [f"<li>{escape(each.model)}: {escape(each.why)}</li>" for each in report.left_out]
    return ["<h2>Left out</h2>", '<ul class="quiet">', *items, "</ul>"]


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(_cell("th", title, title) for title in titles)
    body = "\n".join(
        "<tr>" + "".join(map(_cell, ["td"] * len(titles), titles, row)) + "</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _cell(tag: str, title: str, text: str) -> str:
    kind = ' class="word"' if title in WORD_COLUMNS else ""
    scope = ' scope="col"' if tag == "th" else ""
    return f"<{tag}{kind}{scope}>{escape(text)}</{tag}>"
