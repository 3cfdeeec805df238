"Whoever adds an experiment touches two files: its notebook and its template."
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbdev.export import nb_export

from gasca.runs import Runs, run_path, save_run

ROOT = Path(__file__).parent.parent
RECORD = '''#| export
from gasca.experiments.record import NUMBER, Experiment

def tables(runs): return dict(answer=runs.first('toy').result['answer'])

toy = Experiment('toy', '09e_toy', 1, ('recognition',), ('toy',),
                 schema=dict(toy=({}, dict(answer=NUMBER))),
                 sound=lambda run: run.result['answer']>0, tables=tables, template='toy.md')'''
TEMPLATE = '## A toy\n\nIts answer is {{ toy.answer }}.\n'
ASK = '''
from pathlib import Path
from gasca.plan import Plan
from gasca.report.write import write_report
steps = [step.name for step in Plan('smoke', [0], Path('out').resolve()).steps()]
print('09e_toy_seed0' in steps, steps.index('09e_toy_seed0')>steps.index('07_classify_seed0'))
print(write_report('reports/world').with_name('beyond.md').read_text())'''

def clone(to):
    "Copy what a report needs, and add the two files."
    shutil.copytree(ROOT/'gasca', to/'gasca')
    (to/'nbs').mkdir()
    shutil.copy(ROOT/'settings.ini', to)
    cells = [nbformat.v4.new_code_cell(s) for s in ('#| default_exp experiments.toy', RECORD)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), to/'nbs'/'09e_toy.ipynb')
    nb_export(to/'nbs'/'09e_toy.ipynb', lib_path=to/'gasca')
    registry = to/'gasca'/'registry'
    (registry/'report'/'toy.md').write_text(TEMPLATE)

def test_a_toy_experiment_is_run_checked_and_told(tmp_path):
    clone(tmp_path)
    folder = tmp_path/'reports'/'world'
    runs = Runs.of(ROOT/'reports'/'world')
    for run in runs.all():
        save_run(run_path(folder, run.name, run.seed), run.inputs, run.result, run.versions)
    first = runs.first('recon')
    told = {k:first.inputs[k] for k in ('seed', 'preset', 'corpus', 'rendered', 'code',
                                        'corpus_sha256')}
    save_run(run_path(folder, 'toy', 0), dict(told, what='toy'), dict(answer=42), first.versions)
    for path in (ROOT/'reports'/'world').glob('*_seed*.png'): shutil.copy(path, folder)
    env = dict(os.environ, PYTHONPATH=str(tmp_path), MPLBACKEND='Agg')
    done = subprocess.run([sys.executable, '-c', ASK], cwd=tmp_path, env=env, capture_output=True,
                          text=True)
    assert done.returncode==0, done.stderr
    assert done.stdout.startswith('True True\n')
    assert '## A toy\n\nIts answer is 42.' in done.stdout
