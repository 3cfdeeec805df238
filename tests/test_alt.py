"Readers who cannot see a figure are told what it shows."
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [f for f in [ROOT/'README.md', *sorted((ROOT/'reports').rglob('*.md'))]
         if '![' in f.read_text(encoding='utf-8')]

def undescribed(text):
    "The images of a Markdown page whose text is short or a file's name."
    found = []
    for alt, path in re.findall(r'!\[([^]]*)\]\(([^)\s]+)\)', text):
        if len(alt.split())<5 or Path(path).stem in alt.split(): found.append(path)
    return found

@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_images_of_pages_are_described(page):
    assert undescribed(page.read_text(encoding='utf-8'))==[]

def test_the_pages_with_images_are_found():
    assert {ROOT/'README.md', ROOT/'reports'/'README.md'}<=set(PAGES)

def test_a_short_text_and_a_file_name_are_found():
    assert undescribed('![](a.png) ![two words](b.png)')==['a.png', 'b.png']
    assert undescribed('![this is the figure called c_seed0](c_seed0.png)')==['c_seed0.png']
    assert undescribed('![five words that say something](d.png)')==[]

class Silent(HTMLParser):
    "Collect pictures that say nothing to a screen reader."
    def __init__(self):
        super().__init__()
        self.seen, self.silent = 0, []

    def handle_starttag(self, tag, attrs):
        if tag not in ('img', 'canvas'): return
        self.seen += 1
        said = dict(attrs)
        if not (said.get('alt') or said.get('aria-label')): self.silent.append(said)

def test_pictures_of_the_playground_are_described():
    html = (ROOT/'reports'/'playground.html').read_text(encoding='utf-8')
    page = Silent()
    page.feed(html)
    assert page.seen>=9 and page.silent==[]
    assert "append(document.createElement('canvas'))" not in html # those stand in the page

def test_a_picture_without_words_is_found():
    page = Silent()
    page.feed('<img src="x.png"><canvas id="y"></canvas><img src="z.png" alt="a face">')
    assert page.silent==[{'src':'x.png'}, {'id':'y'}]
