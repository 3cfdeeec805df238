"The README is short, its numbers are those of the committed run files, and what it names exists."
import json
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from gasca.core import PRESETS
from gasca.experiments.variants import d_steps
from gasca.report.readme import MARKERS, results_block
from gasca.runs import Runs

ROOT = Path(__file__).parent.parent
LONGEST = {'README.md':800, 'INSTALL.md':900, 'CONTRIBUTING.md':700} # words
PAGES = [*LONGEST, 'nbs/index.ipynb']

def read(page): return (ROOT/page).read_text(encoding='utf-8')

def settings():
    cp = ConfigParser(delimiters=['='])
    cp.read(ROOT/'settings.ini', encoding='utf-8')
    return cp['DEFAULT']

@pytest.fixture(scope='module')
def runs():
    "The published worlds."
    return Runs.of(ROOT/'reports'/PRESETS['published'])

# --- numbers

def block():
    "What stands between the README's markers."
    begin, end = MARKERS
    assert [read('README.md').count(marker) for marker in MARKERS]==[1, 1]
    return read('README.md').partition(begin)[2].partition(end)[0].strip('\n')

def test_table_and_findings_are_those_of_the_runs(runs):
    assert block()==results_block(runs), 'make report fills them'

def raw(name):
    "Results of a run by world, from the lines' JSON alone."
    files = (ROOT/'reports'/PRESETS['published']).glob('*/runs.jsonl')
    runs = [json.loads(line) for f in files for line in f.read_text('utf-8').splitlines()]
    return {run['seed']:run['result'] for run in runs if run['name']==name}

def right(model):
    "Micro accuracy in per cent by image and on people never seen, mean over worlds."
    def share(r): return 100*sum(a==b for a, b in zip(r['truth'], r['predicted']))/len(r['truth'])
    every = [[share(r) for r in raw(f'{model}_{test}').values()] for test in ('image', 'person')]
    return [f'{sum(shares)/len(shares):.1f}' for shares in every]

@pytest.mark.parametrize(('row', 'models'), [
    ('CNN₂ₐ', ['cnn2a', 'cnn2a-long']), ('CNN₁', ['cnn1', 'cnn1-long']),
    ('not pretrained: LSUV', ['lsuv', 'lsuv-long']), ('plain CNN', ['small', 'small-long']),
    ('not pretrained: batch norm', ['random-bn', 'random-bn-long']), ('ResNet-34', ['resnet34'])])
def test_accuracies_recounted_from_the_answers(row, models):
    line = next(s for s in block().splitlines() if s.startswith(f'| {row}'))
    assert re.findall(r'\d+\.\d\b', line)==sum(map(right, models), [])

def finding(start):
    "One of the README's findings."
    return next(s for s in block().splitlines() if s.startswith(f'- **{start}**'))

def mean(values): return sum(values)/len(values)

def test_findings_recounted_from_the_files():
    def worst(r):
        stacks = r['gasca1']['by_yaw'], r['gasca2']['by_yaw']
        far = [of[yaw] for of in stacks for yaw in ('-60', '-45', '45', '60')]
        return max(e['model']/min(e['identity'], e['mean_face'], e['light_face']) for e in far)
    turned = mean([worst(r) for r in raw('recon').values()])
    assert f' {turned:.3f}' in finding('Turning faces')
    cnn2a, small = (float(right(f'{model}-long')[0]) for model in ('cnn2a', 'small'))
    gap = float(re.search(r'its size, (-?\d+\.\d\d) points', finding('The headline'))[1])
    assert abs(gap-(cnn2a-small))<.11

@pytest.mark.parametrize(('claim', 'start'), [
    ('C14', 'Fine-tuning'), ('C2', 'Light'), ('C1', 'The headline')])
def test_claims_are_those_of_the_report(claim, start):
    text = (ROOT/'reports'/PRESETS['published']/'README.md').read_text(encoding='utf-8')
    row = next(s for s in text.splitlines() if re.match(rf'\| {claim}\s+\|', s))
    number, verdict = (row.split('|')[i].strip() for i in (3, 4))
    assert number in finding(start) and f'{claim} *{verdict}*' in finding(start)

def test_six_findings(): assert len(re.findall(r'^- \*\*', block(), re.M))==6

def test_the_adversary_was_hardly_tested(runs):
    told = 'After the first layer the discriminator rests on nearly all batches'
    assert told in read('README.md')
    assert max(d_steps(runs)[1:])<10 # per cent of the batches on which D steps

def test_the_presets():
    for name, sizes in PRESETS['preset'].items():
        line = next(s for s in read('INSTALL.md').splitlines() if s.startswith(f'| {name} |'))
        assert f"| {sizes['epochs']}, {sizes['finetune']} |" in line
        people = PRESETS['corpus']['multipie'][name]['people']
        assert f'| {people}' in line
    assert {sizes['share'] for sizes in PRESETS['preset'].values()}=={.16}
    assert 'draws 16 % of the pairs' in read('INSTALL.md')

# --- words, links, commands

@pytest.mark.parametrize('page', LONGEST)
def test_length(page): assert len(read(page).split())<=LONGEST[page]

def test_a_command_stands_early():
    before = read('README.md').partition('make ')[0]
    assert len(before.split())<100

def test_the_paper_is_linked():
    paper = re.search(r'@misc\{gasca,.*?^\}', read('gasca/registry/article.bib'), re.M|re.S)[0]
    title, url = (re.search(rf'{key} = {{(.*)}}', paper)[1] for key in ('title', 'url'))
    assert f'[*{title}*]({url})' in read('README.md')
    assert title in read('CITATION.cff')

@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page):
    targets = re.findall(r'\]\((?!http)([^)#\s]+)', re.sub(r'`[^`]*`', '', read(page)))
    assert targets
    assert not [t for t in targets if not ((ROOT/page).parent/t).exists()]

def test_the_index_lists_every_notebook_once():
    nbs = ROOT/'nbs'
    every = {f.relative_to(nbs).as_posix() for f in nbs.rglob('*.ipynb')
             if '.ipynb_checkpoints' not in f.parts}
    listed = re.findall(r'^ *"\| \[[^]]+\]\(([^)]+\.ipynb)\)', read('nbs/index.ipynb'), re.M)
    assert sorted(listed)==sorted(every-{'index.ipynb'})

def code(page):
    "What stands in a page's fences and between its backticks."
    fences = re.findall(r'^```.*?\n(.*?)^```', read(page), re.M|re.S)
    prose = re.sub(r'^```.*?^```', '', read(page), flags=re.M|re.S)
    return [*fences, *re.findall(r'`([^`\n]+)`', prose)]

def named(pattern): return {found for page in PAGES for text in code(page)
                            for found in re.findall(pattern, text, re.M)}

def test_targets_of_make_exist():
    targets = set(re.findall(r'^([\w./]+):(?!=)', read('Makefile'), re.M))
    assert {'lab', 'replicate', 'test'}<=named(r'\bmake ([a-z.][\w./]*)')<=targets

def test_commands_exist():
    known = set(re.findall(r'^ *(gasca_\w+)=', settings()['console_scripts'], re.M))
    said = named(r'\b(gasca_[a-z]+)')
    assert {'gasca_replicate', 'gasca_corpora', 'gasca_normalize'}<=said<=known

def test_options_exist():
    wanted = {}
    for command, rest in named(r'^(?:\$ )?(gasca_[a-z]+)(.*)'):
        wanted.setdefault(command, set()).update(re.findall(r'--[a-z]+', rest.partition('#')[0]))
    assert {'--data', '--scheduler'}<=wanted['gasca_replicate']
    for command, options in wanted.items():
        if not options: continue
        script = Path(sys.executable).with_name(command)
        says = subprocess.run([script, '--help'], capture_output=True, text=True).stdout
        assert options<=set(re.findall(r'--[a-z]+', says)), command

def test_what_conda_installs_is_what_the_package_needs():
    text = read('environment.yml')
    conda = set(re.findall(r'^ +- ([\w-]+)(?=[=<> \n])', text, re.M))
    needs = f"{settings()['requirements']} {settings()['dev_requirements']}".split()
    names = {re.match(r'[\w-]+', need)[0] for need in needs}
    assert {'pytorch' if name=='torch' else name for name in names}<=conda

def test_the_python_of_the_readme_runs():
    blocks, known = re.findall(r'^```python\n(.*?)^```', read('README.md'), re.M|re.S), {}
    assert blocks and sum(map(len, map(str.splitlines, blocks)))<=10
    for block in blocks: exec(block, known)
    assert len(known['front'])==8 and known['codes'].shape==(8, 2048)
