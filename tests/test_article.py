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

@pytest.fixture(scope='module', params=('quick', 'standard', 'full'))
def article(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, write_article(REPORTS/request.param, folder/'article.pdf')

def results(preset, name):
    "The results of a run by seed, read without the package."
    return [run['result'] for run in every_line(preset) if run['name']==name]

def every_line(preset):
    "The runs of a preset, read without the package."
    text = (REPORTS/preset/'runs.jsonl').read_text(encoding='utf-8')
    return [json.loads(line) for line in text.splitlines()]

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
    tests = [name for name in runs if name.endswith(('_image', '_person')) and '-' not in name]
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

def test_it_tells_what_longer_training_brings_in_the_wild(article):
    preset, pdf = article
    for part, where in dict(cfe='% of the laboratory pictures', nao='% in the wild').items():
        right = [micro(r[part]) for r in results(preset, 'cnn2b-long')]
        assert not right or f'{mean(right):.1f} {where}' in words(pdf)

def right(r, net, test):
    "Per cent of a test that a network of the run `why` gets right."
    said = r['said'][net][test]
    return 100*sum(a==b for a, b in zip(r['truth'], said, strict=True))/len(said)

def fall(r, net, *tests):
    "Points from Caucasian faces by soft boxes to the mean of other tests."
    return right(r, net, 'caucasian')-mean([right(r, net, test) for test in tests])

def test_it_tells_the_mean_of_each_explanation(article):
    preset, pdf = article
    runs = results(preset, 'why')
    abroad = 'asian', 'african'
    costs = [fall(r, 'cnn2a', *abroad) for r in runs]
    learned = [r for r in runs if len(set(''.join(r['said']['everywhere'].values())))>1]
    mends = [fall(r, 'cnn2a', *abroad)-fall(r, 'everywhere', *abroad) for r in learned]
    dark = [fall(r, 'cnn1', 'daylight')-fall(r, 'cnn2a', 'daylight') for r in runs]
    told = (f'faces: {mean(costs or [0]):+.2f} points', f'mends: {mean(mends or [0]):+.2f} points',
            f'{mean(dark or [0]):+.2f} points')
    assert not runs or all(text in words(pdf) for text in told), told

def test_the_same_runs_give_the_same_bytes(article, tmp_path):
    preset, pdf = article
    if preset!=PUBLISHED: pytest.skip('one preset is enough')
    assert write_article(REPORTS/preset, tmp_path/'again.pdf').read_bytes()==pdf.read_bytes()

def test_the_committed_article_is_that_of_the_published_run(article):
    preset, pdf = article
    if preset!=PUBLISHED: pytest.skip('another preset is published')
    assert words(REPORTS/'article.pdf')==words(pdf), 'make article' # bytes depend on matplotlib
