"What is released: one version, named files, and commands that say where they can work."
import os
import re
import shutil
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gasca
from gasca.core import PRESETS
from gasca.data import load_corpus
from gasca.faces.render import gasca_render
from gasca.replicate import gasca_replicate
from gasca.report.write import front_page
from gasca.runs import read_run, save_run, unpack
from gasca.use import page
from gasca.use.cards import gasca_cards

ROOT = Path(__file__).parent.parent

def read(name): return (ROOT/name).read_text(encoding='utf-8')

def settings():
    cp = ConfigParser(delimiters=['='])
    cp.read(ROOT/'settings.ini', encoding='utf-8')
    return cp['DEFAULT']

# --- one version, one paper

def test_one_version_and_one_date():
    version, date = re.search(r'^## \[([\d.]+)\] - ([\d-]+)$', read('CHANGELOG.md'), re.M).groups()
    assert version==settings()['version']==gasca.__version__
    assert f'\nversion: {version}\ndate-released: {date}\n' in read('CITATION.cff')
    assert len(read('CHANGELOG.md').split())<=250

def test_the_paper_that_is_cited_is_that_of_the_article():
    paper = re.search(r'@misc\{gasca,.*?^\}', read('gasca/registry/article.bib'), re.M|re.S)[0]
    cited = read('CITATION.cff').partition('references:')[2]
    for key in ('title', 'year', 'url'):
        assert f"{key}: {re.search(f'{key} = {{(.*)}}', paper)[1]}\n" in cited
    authors = re.findall(r'(\S+), (\S+?)(?: and|\})', re.search('author = {.*', paper)[0][10:])
    assert authors==re.findall(r'family-names: (.*)\n +given-names: (.*)\n', cited)

# --- what is installed

def pins(name):
    "Package -> version, whatever the platform."
    return dict(re.findall(r'^([\w.-]+)==([^\s;]+)', read(name), re.M))

def test_the_lock_has_hashes_and_names_no_place():
    entries = re.split(r'^(?=[\w.-]+==)', read('requirements.lock'), flags=re.M)[1:]
    assert len(entries)>100
    assert not [e for e in entries if not re.search(r'^ +--hash=sha256:[0-9a-f]{64}$', e, re.M)]
    assert not re.search('://|^ *--?[a-gi-z]', read('requirements.lock'), re.M)

def test_the_lock_holds_what_ci_installs_in_the_versions_of_the_constraints():
    lock, constraints = pins('requirements.lock'), pins('constraints.txt')
    assert {name for name in lock if lock[name]!=constraints.get(name, lock[name])}==set()
    needs = ' '.join(settings()[f'{part}requirements'] for part in ('', 'dev_', 'site_')).split()
    assert {re.match(r'[\w-]+', need)[0] for need in needs}<=set(lock)
    assert f"torch=={lock['torch']}" in read('Makefile')

def test_conda_pins_what_the_constraints_pin():
    conda = dict(re.findall(r'^ +- ([\w-]+)==?([\d.]+)', read('environment.yml'), re.M))
    known = pins('constraints.txt')
    assert {name:known[name] for name in conda if name!='python'}=={
        name:version for name, version in conda.items() if name!='python'}

@pytest.mark.skipif(not (ROOT/'.git').exists(), reason='not a clone')
def test_a_wheel_holds_every_file_of_the_package():
    told = tomllib.loads(read('pyproject.toml'))['tool']['setuptools']['package-data']['gasca']
    packed = {f for pattern in told for f in (ROOT/'gasca').glob(pattern) if f.is_file()}
    tracked = subprocess.run(['git', 'ls-files', 'gasca'], cwd=ROOT, capture_output=True,
                             text=True).stdout.splitlines()
    assert {f for f in tracked if not f.endswith('.py')}<={f'{f.relative_to(ROOT)}' for f in packed}

WORKFLOWS = sorted((ROOT/'.github'/'workflows').glob('*.yml'))

@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_read_and_name_commits(path):
    text = path.read_text(encoding='utf-8')
    assert '\npermissions: { contents: read }\n' in text
    used = re.findall(r'uses: (.*)', text)
    assert used
    assert not [x for x in used if not re.fullmatch(r'[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+', x)]

# --- outside a clone

@pytest.mark.parametrize('command', [gasca_replicate, gasca_cards, page.gasca_page])
def test_what_needs_a_clone_says_so_and_leaves_nothing(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ('GASCA_DATA', 'GASCA_MODELS'): monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit): command()
    said = capsys.readouterr().err
    assert said.count('\n')==1 and 'inside a clone of the project' in said
    assert os.listdir(tmp_path)==[]

def test_the_page_speaks_before_it_renders(monkeypatch, capsys):
    def stop(*args, **sizes): raise KeyboardInterrupt
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(page, 'render_corpus', stop)
    with pytest.raises(SystemExit): page.gasca_page(people=1)
    assert 'about a minute' in capsys.readouterr().out

# --- the tour

def test_pictures_are_the_arrays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gasca_render('jaffe', 'smoke', out='faces', people=1, png=True)
    folder, = (tmp_path/'faces').iterdir()
    corpus = load_corpus(folder)
    for source, image in zip(corpus.table.source, corpus.images):
        shown = Image.open(folder/'png'/f"{source.replace('/', '_')}.png")
        assert np.array_equal(np.asarray(shown), image)
    assert len(list((folder/'png').iterdir()))==len(corpus)

@pytest.mark.parametrize('preset', ['world', 'long'])
def test_only_the_published_report_is_repeated(preset, tmp_path):
    unpack(ROOT/'reports'/'world', tmp_path/'reports'/preset)
    shutil.copy(ROOT/'reports'/'world'/'README.md', tmp_path/'reports'/preset)
    for path in (tmp_path/'reports'/preset/'runs').iterdir():
        run = read_run(path)
        save_run(path, run.inputs|dict(preset=preset), run.result, run.versions)
    front_page(tmp_path/'reports'/preset)
    assert (tmp_path/'reports'/'README.md').exists()==(preset==PRESETS['published'])
