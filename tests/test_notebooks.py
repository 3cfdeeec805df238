"Rules that keep the notebooks runnable by papermill, readable on the web, and true."
import ast
import csv
import json
import os
import re
from graphlib import TopologicalSorter
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from gasca.runs import brought, is_ours

ROOT = Path(__file__).parent.parent
NBS = sorted(f for f in (ROOT/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in f.parts)
RUNS = ['05_pretrain', '06_recon', '06a_yaw', '07_classify', '07a_probes', '07b_controls',
        '07d_few_labels', '08_results', '09_baseline', '09a_compare', '10_report', '10a_article']
REGISTRY = ROOT/'gasca'/'registry'
LINK = re.compile(r'\[([RD]\d+)\]\(([^)#]*)#([^)]*)\)')

def name(f): return f.relative_to(ROOT/'nbs').with_suffix('').as_posix()

def cells(f): return json.loads(f.read_text(encoding='utf-8'))['cells']

def markdown(f): return [''.join(c['source']) for c in cells(f) if c['cell_type']=='markdown']

def outputs(f): return [o for c in cells(f) for o in c.get('outputs', [])]

def text_of(out):
    "What an output says; '' for pictures and what has no words."
    text = ''.join(out.get('text', '')) or ''.join(out.get('data', {}).get('text/plain', ''))
    return '' if text.startswith('<Figure') else text.strip()

def said(f): return '\n'.join(map(text_of, outputs(f)))

@pytest.mark.parametrize('f', NBS, ids=name)
def test_form(f):
    text, sources = f.read_text(encoding='utf-8'), [''.join(c['source']) for c in cells(f)]
    assert json.loads(text)['metadata']['kernelspec']['name']=='python3'
    assert sum('parameters' in c['metadata'].get('tags', []) for c in cells(f))<=1
    exports = [s for s in sources if 'nbdev_export(' in s]
    assert not exports, 'papermill would export the package again'
    assert re.match(r'# .+\n\n> .+', markdown(f)[0]), 'title and one-line summary come first'
    path = re.search(r'"[^"\n]*(?<![\w.:/])/(?:home|root|tmp|work|Users)/', text)
    assert not path, f'an absolute path: {path}'
    assert f.stat().st_size<600_000
    assert 'application/vnd.jupyter.widget' not in text, 'widgets need a kernel: clear the output'

@pytest.mark.parametrize('f', NBS, ids=name)
def test_no_errors_warnings_or_bars_are_saved(f):
    assert not any(o['output_type']=='error' for o in outputs(f))
    noise = [text_of(o) for o in outputs(f) if o.get('name')=='stderr']
    assert not any(re.search(r'warning|%\|', text, re.I) for text in noise), noise

def test_package_holds_what_notebooks_export():
    first = re.compile(r'#\| default_exp ([\w.]+)')
    sources = [''.join(c['source']) for f in NBS for c in cells(f)]
    exported = {m.replace('.', '/') for s in sources for m in first.findall(s)}
    files = {f.relative_to(ROOT/'gasca').with_suffix('').as_posix()
             for f in (ROOT/'gasca').rglob('*.py')}
    empty = {f for f in files if f.endswith('/__init__')}-exported
    assert exported==files-{'_modidx'}-empty
    assert all(not (ROOT/'gasca'/f'{f}.py').read_text().strip() for f in empty)

def imported(f):
    "The modules of gasca that one imports before it does anything."
    name = '.'.join(f.relative_to(ROOT).with_suffix('').parts)
    first = [node for node in ast.parse(f.read_text(encoding='utf-8')).body
             if isinstance(node, (ast.Import, ast.ImportFrom))]
    brings = brought(ast.Module(first, []), name).values()
    modules = {m for base, what in brings for m in (base, f'{base}.{what}')}
    return name, {m for m in modules if m.startswith('gasca.') and is_ours(m)}

ROOMS = ['core', 'lock', 'runs', 'checkpoints', 'paper', 'scores', 'data', 'layers', 'train',
         'engine', 'pretrain', 'baseline', 'classify', 'faces', 'corpora', 'experiments', 'report',
         'use', 'plan', 'kernels', 'runner', 'cluster', 'replicate', 'publish',
         'command'] # from the ground up; the package's names last

def test_imports_run_down_only():
    found = dict(map(imported, sorted((ROOT/'gasca').rglob('*.py'))))
    list(TopologicalSorter(found).static_order()) # raises CycleError
    def storey(module): return ROOMS.index(module.split('.')[1])
    rooms = {m for m in found if m.count('.')}-{'gasca.__init__', 'gasca._modidx'}
    assert {m.split('.')[1] for m in rooms}==set(ROOMS)
    up = [(m, other) for m in rooms for other in found[m] if storey(other)>storey(m)]
    assert not up

def test_contributing_names_what_the_notebooks_hold():
    text = (ROOT/'CONTRIBUTING.md').read_text(encoding='utf-8')
    said = re.findall(r'`([A-Z_]+)` (?:in|of) \[[\w/]+\]\((nbs/[\w/]+\.ipynb)\)', text)
    assert said
    for constant, notebook in said:
        assert any(re.search(rf'^{constant} = ', ''.join(c['source']), re.M)
                   for c in cells(ROOT/notebook)), (constant, notebook)

# --- readings and deviations are links

def rows(table):
    "The rows of a table by the anchors that links use: R46, D4."
    with open(REGISTRY/f'{table}.csv', encoding='utf-8', newline='') as f:
        return {(f'R{row["id"]}' if row['id'].isdigit() else row['id']):row
                for row in csv.DictReader(f)}

def links(f): return [link for text in markdown(f) for link in LINK.findall(text)]

@pytest.mark.parametrize('f', NBS, ids=name)
def test_links_to_readings_lead_there(f):
    known = {*rows('readings'), *rows('deviations')}
    for shown, target, anchor in links(f):
        assert shown==anchor and shown in known, (shown, anchor)
        assert (f.parent/target if target else f).resolve()==ROOT/'nbs'/'01_paper.ipynb', target

def test_every_reading_is_linked_where_it_bites():
    linked = {f.stem:{shown for shown, *_ in links(f)} for f in NBS}
    wanted = [(key, notebook.split('/')[-1]) for key, row in rows('readings').items()
              for notebook in re.split(r'[,; ]+', row['notebook']) if notebook!='-']
    assert not [(key, stem) for key, stem in wanted if key not in linked[stem]]
    everywhere = set().union(*linked.values())
    assert not set(rows('deviations'))-everywhere

def test_readings_are_links_and_not_bare_words():
    bare = re.compile(r'(?<![\[#\w])(?:\*\*)?(?:Readings?|Deviations?) [RD]?\d+')
    found = [(name(f), ids) for f in NBS for text in markdown(f) if (ids := bare.findall(text))]
    assert not found

# --- what the committed outputs show

@pytest.mark.parametrize('notebook', RUNS)
def test_run_notebooks_show_the_published_run(notebook):
    f = ROOT/'nbs'/f'{notebook}.ipynb'
    parameters = next(c for c in cells(f) if 'parameters' in c['metadata'].get('tags', []))
    assert re.search(r"^preset:str = 'published'", ''.join(parameters['source']), re.M)
    shown = set(re.findall(r'\b(smoke|world|long)\b', said(f)))
    assert shown and 'smoke' not in shown, shown

@pytest.mark.parametrize('notebook', ['00_core', '01_paper', '02_data', '04_layers'])
def test_saved_text_is_what_the_code_says(notebook, monkeypatch):
    monkeypatch.setenv('GASCA_PROGRESS', os.devnull) # else a kernel shows bars
    f = ROOT/'nbs'/f'{notebook}.ipynb'
    nb = nbformat.read(f, as_version=4)
    where = dict(metadata=dict(path=f.parent))
    NotebookClient(nb, kernel_name='python3', resources=where).execute()
    for old, new in zip(cells(f), nb.cells):
        if old['cell_type']!='code': continue
        was, now = (list(filter(None, map(text_of, c['outputs']))) for c in (old, new))
        assert was==now, f'cell {old["id"]} is stale; execute the notebook and save it'
