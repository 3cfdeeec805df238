"The built site: links lead somewhere, pages have names and an order; make site builds it."
import re
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

@pytest.fixture
def site():
    "Return the folder of the built site."
    if not (SITE/'README.html').is_file(): pytest.skip('make site builds the pages')
    return SITE.resolve()

def named(html):
    "Return a page's name."
    return re.search('<title>(.*?)</title>', html, re.S)[1]

def test_every_link_leads_somewhere(site):
    assert dead_links(site)==[]

def test_the_sites_address_leads_to_its_first_page(site):
    assert 'url=README.html' in (site/'index.html').read_text(encoding='utf-8')

def test_pages_have_names_of_their_own(site):
    pages = [f for folder in ('nbs', 'reports') for f in (site/folder).rglob('*.html')]
    names = [named(f.read_text(encoding='utf-8')) for f in pages]
    assert len(names)>80 and sorted(set(names))==sorted(names)

def test_chapters_are_numbered_as_their_files_are(site):
    margin = re.findall(r'toctree-l1"><a class="reference internal" href="nbs/(.+?)">(.+?)</a>',
                        (site/'README.html').read_text(encoding='utf-8'))
    number = {link:Path(link).name.split('_')[0] for link, _ in margin if '_' in link}
    assert len(number)>55
    assert {link:shown.split()[0] for link, shown in margin if link in number}==number

def test_the_page_and_the_article_open_in_place(site):
    first = Page((site/'README.html').read_text(encoding='utf-8'))
    assert {'reports/playground.html', 'reports/article.pdf'}<=set(first.links)

def test_what_is_downloaded_is_no_run_file(site):
    kinds = {f.suffix for f in (site/'_downloads').rglob('*') if f.is_file()}
    assert not kinds & {'.json', '.jsonl', '.html', '.pdf'}

def test_a_dead_link_is_found(tmp_path):
    links = '<a href="b.html#x">b</a><a href="c.html">c</a><img src="d.png">'
    (tmp_path/'a.html').write_text(links)
    (tmp_path/'b.html').write_text('<p id="y"><a href="a.html">a</a><a href="https://x.org">x</a>')
    assert dead_links(tmp_path.resolve())==[
        ('a.html', 'b.html#x'), ('a.html', 'c.html'), ('a.html', 'd.png')]
