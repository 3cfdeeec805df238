"Every link of the built site leads somewhere; make site builds it."
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(__file__).parent.parent/'_site'

class Page(HTMLParser):
    "The links of a page, and the places in it that links may lead to."
    def __init__(self, text):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.places |= {said[k] for k in ('id', 'name') if said.get(k)}
        self.links += [said[k] for k in ('href', 'src') if said.get(k)]

def dead_links(folder):
    "Links between the pages of a folder that lead nowhere."
    pages = {f:Page(f.read_text(encoding='utf-8')) for f in folder.rglob('*.html')}
    found = []
    for f, page in pages.items():
        for link in page.links:
            to = urlsplit(link)
            if to.scheme or to.netloc: continue
            path = (f.parent/unquote(to.path)).resolve() if to.path else f
            place = unquote(to.fragment)
            lost = place and path in pages and place not in pages[path].places
            if lost or not path.exists(): found.append((f.relative_to(folder).as_posix(), link))
    return found

def test_every_link_leads_somewhere():
    if not (SITE/'README.html').is_file(): pytest.skip('make site builds the pages')
    assert dead_links(SITE.resolve())==[]

def test_a_dead_link_is_found(tmp_path):
    links = '<a href="b.html#x">b</a><a href="c.html">c</a><img src="d.png">'
    (tmp_path/'a.html').write_text(links)
    (tmp_path/'b.html').write_text('<p id="y"><a href="a.html">a</a><a href="https://x.org">x</a>')
    assert dead_links(tmp_path.resolve())==[
        ('a.html', 'b.html#x'), ('a.html', 'c.html'), ('a.html', 'd.png')]
