"The committed playground is whole, small, asks for nothing, and holds the published weights."
import base64
from pathlib import Path

from gasca.page import NETS, PAGE, packed

ROOT = Path(__file__).parent.parent

def text(): return (ROOT/'reports'/'playground.html').read_text(encoding='utf-8')

def test_it_holds_the_published_weights():
    for model in NETS:
        assert base64.b64encode(packed(model)).decode() in text(), f'make page ({model})'

def test_it_runs_the_tested_network():
    assert (PAGE/'gasca.js').read_text(encoding='utf-8') in text()

def test_it_is_small_and_asks_for_nothing():
    assert len(text())<3e6
    for request in ('http://', 'https://', 'fetch(', 'XMLHttpRequest', 'import('):
        assert request not in text(), request
