"What a notebook cannot show: the whole paper in one command, killed on the way, and again."
import filecmp
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gasca.core import GascaError, load_json, save_json
from gasca.paper import PAPER
from gasca.plan import Plan
from gasca.publish import publish_replication
from gasca.replicate import open_folder
from gasca.runs import Runs, read_run, run_path
from gasca.train import LITERAL_RECIPE, RECIPE

ROOT = Path(__file__).parent.parent
SCRIPT = str(Path(sys.executable).with_name('gasca_replicate')) # of this environment
# checks of types cost each process ten seconds; nbdev_test runs the same cells with them
UNCHECKED = {k:v for k, v in os.environ.items() if k!='PYTHONPATH'}

def command(out, models, *more, **env):
    "Start the console script with its own checkpoints, a step at a time; corpora are shared."
    env = dict(UNCHECKED, GASCA_MODELS=str(models), OMP_NUM_THREADS='1')|env
    args = [SCRIPT, '--preset', 'smoke', '--out', str(out), *more]
    return subprocess.Popen(args, cwd=ROOT, env=env, text=True, start_new_session=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

def finish(p):
    "Wait for a command; return what it said."
    said, _ = p.communicate()
    assert p.returncode==0, said
    return said

def kill_when(p, happens):
    "Kill a command and its kernel as soon as something has happened."
    while not happens():
        assert p.poll() is None, p.stdout.read()
        time.sleep(.05)
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()

def trains(out):
    "Say whether the step that runs shows a bar of epochs."
    bar = out/'.progress'
    return bar.is_file() and 'epoch' in bar.read_text(errors='ignore')

def results(out):
    "What a replication is: report, figures and run files."
    return sorted(f.relative_to(out) for f in out.rglob('*')
                  if f.suffix in ('.md', '.csv', '.png') or f.parent.name=='runs')

@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    "A replication that nobody disturbed, two steps at a time."
    d = tmp_path_factory.mktemp('whole')
    said = finish(command(d/'out', d/'models', OMP_NUM_THREADS='2'))
    assert 'to compare with' in said and 'The report is in' in said
    return d

def test_report_and_run_files(whole):
    out = whole/'out'
    text = (out/'README.md').read_text(encoding='utf-8')
    assert 'rendered' in text.split('##')[0].lower() # the first page says so
    tables = [f'table{i}.{suffix}' for i in (1, 2, 3) for suffix in ('md', 'csv')]
    assert all((out/t).is_file() for t in tables)
    for f in (out/'runs').glob('*.json'):
        result = read_run(f).result
        assert str(ROOT) not in f.read_text(encoding='utf-8')
        if 'confusion' not in result: continue
        assert sum(map(sum, result['confusion']))==result['n']==len(result['predicted'])

def test_plan_names_every_run_file(whole):
    plan = Plan('smoke', [0], whole/'out')
    planned = {run_path(plan.out, name, 0) for step in plan.steps() for name in step.makes}
    assert planned==set((whole/'out'/'runs').glob('*.json'))

def test_second_start_does_nothing(whole):
    said = finish(command(whole/'out', whole/'models'))
    assert said.count('done before')==len(load_json(whole/'out'/'steps.json')), said

def test_lost_files_are_made_again(whole):
    lost = [run_path(whole/'out', 'resnet34_person', 0), whole/'out'/'notebooks'/'10_report.ipynb']
    before = lost[0].read_bytes()
    for f in lost: f.unlink()
    said = finish(command(whole/'out', whole/'models'))
    steps = load_json(whole/'out'/'steps.json')
    assert said.count('done before')==len(steps)-4 # ResNet-34 and the three after it
    assert lost[0].read_bytes()==before and lost[1].is_file()

def test_killed_and_resumed_gives_the_same_bytes(whole, tmp_path):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    out, models = tmp_path/'out', tmp_path/'models'
    beside = 'pretrain_gasca1', 'resnet34', 'small' # what needs no GASCA₂
    kept = [f for f in results(out) if f.suffix=='.json' and f.name.startswith(beside)]
    for f in set(results(out))-set(kept): (out/f).unlink()
    for f in models.rglob('gasca2*'): f.unlink()
    kill_when(command(out, models), lambda: trains(out))
    assert not run_path(out, 'pretrain_gasca2', 0).exists()
    kill_when(command(out, models), run_path(out, 'cnn1_image', 0).exists)
    assert not run_path(out, 'cnn2b', 0).exists()
    said = finish(command(out, models))
    assert said.count('done before')>=4 # pretrainings, and what needs none
    assert results(whole/'out')==results(out)
    different = [str(f) for f in results(out)
                 if not filecmp.cmp(whole/'out'/f, out/f, shallow=False)]
    assert not different

def test_files_of_others_are_refused_and_kept(tmp_path):
    file = run_path(tmp_path, 'recon', 0)
    save_json(file, dict(mine=True))
    with pytest.raises(GascaError, match='choose another folder'): open_folder(tmp_path)
    assert load_json(file)==dict(mine=True)
    p = command(tmp_path, tmp_path/'models')
    said, _ = p.communicate()
    assert p.returncode==1 and 'choose another folder' in said and file.is_file()

def test_publish_needs_a_finished_replication(whole, tmp_path, monkeypatch):
    (tmp_path/'nbs').mkdir()
    (tmp_path/'settings.ini').touch()
    monkeypatch.chdir(tmp_path)
    publish_replication(whole/'out', 'smoke')
    published = tmp_path/'reports'/'smoke'
    made = {f.relative_to(published).as_posix() for f in published.rglob('*.*')}
    assert made=={'0/runs.jsonl', 'figure3_seed0.png', 'worst_seed0.png'}
    assert Runs.of(published)==Runs.of(whole/'out')
    half = shutil.copytree(whole/'out', tmp_path/'half')
    steps = load_json(half/'steps.json')
    steps.pop('10_report')
    save_json(half/'steps.json', steps)
    with pytest.raises(GascaError, match='no finished replication'):
        publish_replication(half, 'smoke')

BAD = [(['--preset', 'fast'], 'unknown preset'), (['--preset', 'published'], 'unknown preset'),
       (['--world', 'x'], 'not a list of numbers'), (['--world', '3-1'], 'empty')]

@pytest.mark.parametrize('args, says', BAD)
def test_bad_arguments(args, says):
    p = subprocess.run([SCRIPT, *args], cwd=ROOT, env=UNCHECKED, capture_output=True,
                       text=True)
    assert p.returncode!=0 and says in p.stderr and len(p.stderr.strip().splitlines())==1

def test_constants_are_the_papers():
    assert LITERAL_RECIPE['lr_G']==PAPER['lr_G'][:4]
    assert LITERAL_RECIPE['lr_D']==PAPER['lr_D']
    assert LITERAL_RECIPE['lr_TG']==LITERAL_RECIPE['lr_TD']==PAPER['lr_finetune']
    assert LITERAL_RECIPE['w']==PAPER['w_adv']==1
    for ours, printed in zip(RECIPE['lr_G'], PAPER['lr_G']): assert round(100*ours, 9)==printed
