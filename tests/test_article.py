"The printed article: four pages, the run files' numbers, the same bytes twice."
import json
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from gasca.core import PRESETS
from gasca.report.article import write_article

ROOT = Path(__file__).parent.parent
REPORTS = ROOT/'reports'
PUBLISHED = PRESETS['published']

def words(pdf):
    "An article's text, without the breaks of lines and words."
    pages = [page.extract_text() for page in PdfReader(pdf).pages]
    return re.sub(r'\s+', ' ', re.sub(r'-\n', '', '\n'.join(pages)))

@pytest.fixture(scope='module')
def article(tmp_path_factory):
    folder = tmp_path_factory.mktemp(PUBLISHED)
    return PUBLISHED, write_article(REPORTS/PUBLISHED, folder/'article.pdf')

def results(preset, name):
    "The results of a run by seed, read without the package."
    return [run['result'] for run in every_line(preset) if run['name']==name]

def every_line(preset):
    "The runs of a preset, read without the package."
    files = (REPORTS/preset).glob('*/runs.jsonl')
    return [json.loads(line) for f in files for line in f.read_text('utf-8').splitlines()]

def mean(values): return sum(values)/len(values)

def micro(r):
    "Per cent of a test's images that are right."
    return 100*sum(a==b for a, b in zip(r['truth'], r['predicted']))/r['n']

def test_it_has_four_pages(article):
    preset, pdf = article
    assert len(PdfReader(pdf).pages)==4

def test_it_tells_every_accuracy(article):
    preset, pdf = article
    text = words(pdf)
    runs = {run['name'] for run in every_line(preset)}
    tests = [name for name in runs if name.endswith(('_image', '_person')) and 'long' not in name]
    assert len(tests)>=10
    for name in tests:
        share = mean([micro(r) for r in results(preset, name)])
        assert f'{share:.2f}' in text, name

def test_it_tells_the_errors_at_60_degrees(article):
    preset, pdf = article
    runs = results(preset, 'recon')
    for what, told in dict(model='G', identity='input itself', mean_face='mean face').items():
        far = [mean([run[stack]['by_yaw'][yaw][what] for run in runs for yaw in ('-60', '60')])
               for stack in ('gasca1', 'gasca2')]
        assert f'{told} {far[0]:.3f} and {far[1]:.3f}' in words(pdf)

def test_it_tells_what_networks_cost(article):
    preset, pdf = article
    for name in ('resnet34_image', 'cnn2a_image'):
        for number in ('params', 'macs'):
            assert f'{results(preset, name)[0][number]:,}' in words(pdf), (name, number)

def test_it_tells_what_codes_hold(article):
    preset, pdf = article
    runs = results(preset, 'probes')
    if not runs: assert 'The codes were not probed' in words(pdf)
    for code in ('gasca2, layer 4', 'pixels')*bool(runs):
        right = mean([run[code]['right']['image'] for run in runs])
        assert f'{right:.1f} %' in words(pdf), code

def test_the_same_runs_give_the_same_bytes(article, tmp_path):
    preset, pdf = article
    assert write_article(REPORTS/preset, tmp_path/'again.pdf').read_bytes()==pdf.read_bytes()

def test_the_committed_article_is_that_of_the_published_run(article):
    preset, pdf = article
    assert words(REPORTS/'article.pdf')==words(pdf), 'make article' # bytes depend on matplotlib
