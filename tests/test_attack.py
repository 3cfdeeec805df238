"Damages that somebody did to a finished run, to a corpus or on the way: one line, nothing lost."
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from gasca.checkpoints import save_model
from gasca.core import GascaError, load_json, save_json, sha256
from gasca.corpora import read_corpus, verify
from gasca.corpora.pictures import open_picture
from gasca.data import load_corpus
from gasca.faces import render_corpus
from gasca.lock import alone
from gasca.plan import Plan, Step
from gasca.publish import publish_replication
from gasca.replicate import gasca_replicate, open_folder, weights_there
from gasca.report.write import write_report
from gasca.runs import PACKED, Runs, pack, read_run, run_path, save_run, unpack

ROOT = Path(__file__).parent.parent
WORLD = ROOT/'reports'/'world'
SCRIPT = str(Path(sys.executable).with_name('gasca_replicate')) # of this environment
UNCHECKED = {k:v for k, v in os.environ.items() if k!='PYTHONPATH'}

@pytest.fixture
def finished(tmp_path):
    "The published run as a finished replication: with what steps.json says of its files."
    out = tmp_path/'out'
    unpack(WORLD/'0', out)
    for path in WORLD.glob('*_seed*.png'): shutil.copy(path, out)
    files = {str(f.relative_to(out)):sha256(f) for f in out.rglob('*') if f.is_file()}
    save_json(out/'steps.json', {'10_report':dict(key='', files=files)})
    return out

def edit(out, name, part, value):
    "Change a field of a run file, `result.params` for one; its digest fits again."
    path = run_path(out, name, 0)
    run = read_run(path)
    *way, last = part.split('.')
    at = dict(inputs=run.inputs, result=run.result, versions=run.versions)
    for key in way: at = at[key]
    at[last] = value
    save_run(path, at if part=='inputs' else run.inputs, run.result, run.versions)

def edited(name, part, value): return lambda out: edit(out, name, part, value)

def written(name, text): return lambda out: (out/name).write_text(text)

def retold(name, part, value):
    "Change a run file and what steps.json says of it."
    def change(out):
        edit(out, name, part, value)
        (out/'steps.json').unlink()
    return change

def cut(name): return lambda out: os.truncate(out/name, 99)

def many_edited(out):
    for name in ('recon', 'cnn2b'):
        path = run_path(out, name, 0)
        path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    (out/'steps.json').unlink()

DAMAGES = { # What is done to a finished run -> what its report must say
    'all right':(edited('cnn1_image', 'result.predicted', 'x'), 'cnn1_image_seed0.json in '),
    'cut':(cut('runs/recon_seed0.json'), 'runs/recon_seed0.json in '),
    'no list of steps':(written('steps.json', '[]'), "has another type in 'steps'"),
    'null step':(written('steps.json', '{"a": null}'), "has another type in 'steps.a'"),
    'torn steps':(written('steps.json', '{"a": '), 'is not readable JSON'),
    'several edited':(many_edited, 'so it is with'),
    'params as text':(retold('cnn1_image', 'result.params', '7'), "type in 'result.params'"),
    'no macs':(retold('cnn1_image', 'result.macs', None), "type in 'result.macs'"),
    'log as text':(retold('cnn1_image', 'result.log', 'long'), "type in 'result.log'"),
    'null loss':(retold('cnn1_image', 'result.log', [dict(loss=None)]), "'result.log.0.loss'"),
    'sizes as text':(retold('pretrain_gasca2', 'inputs.sizes', 'x'), "type in 'inputs.sizes'"),
    'sizes empty':(retold('pretrain_gasca2', 'inputs.sizes', {}), "no 'inputs.sizes.nf'"),
    'no encoder':(retold('pretrain_gasca2', 'result.params', {}), "no 'result.params.encoder'"),
    'versions':(retold('recon', 'versions.torch', ['2']), "type in 'versions.torch'"),
    'error as text':(retold('recon', 'result.gasca1.mean', dict(model='0')), 'gasca1.mean.model'),
    'probes':(retold('probes', 'result.pixels', 3), "type in 'result.pixels'")}

@pytest.mark.parametrize('damage, says', DAMAGES.values(), ids=DAMAGES)
def test_a_report_names_file_and_field(damage, says, finished):
    damage(finished)
    with pytest.raises(GascaError) as e: write_report(finished)
    message = str(e.value)
    assert says in message and '.json' in message and '\n' not in message, message
    assert not (finished/'README.md').exists()

LINES = {'edited':lambda line: line.replace(b'Rendered', b'Drawn'), 'cut':lambda line: line[:-9],
         'renamed':lambda line: line.replace(b'"seed": 0,', b'"seed": 7,'),
         'empty':lambda line: b'', 'doubled':lambda line: line+b'\n'+line}

@pytest.mark.parametrize('spoil', LINES.values(), ids=LINES)
def test_a_spoilt_line_of_packed_runs_is_named(spoil, finished):
    pack(Runs.of(finished), finished)
    shutil.rmtree(finished/'runs')
    lines = (finished/PACKED).read_bytes().splitlines()
    lines[2] = spoil(lines[2])
    (finished/PACKED).write_bytes(b'\n'.join(lines)+b'\n')
    with pytest.raises(GascaError, match=r'line [34] of \S+runs.jsonl (was|is|tells)') as e:
        write_report(finished)
    assert '\n' not in str(e.value) and not (finished/'README.md').exists()

STEPS = ('[]', 'null', '{"a": null}', '{"a": {"key": "k"}}', '{"a": {"key": "k", "files": []}}',
         '{"a": {"key": "k", "files": {"../../x": "0"}}}',
         '{"a": {"key": "k", "files": {"/x": ""}}}')

@pytest.mark.parametrize('text', STEPS)
def test_a_wrong_list_of_steps_deletes_nothing(text, finished):
    before = {f for f in finished.rglob('*')}
    (finished/'steps.json').write_text(text)
    with pytest.raises(GascaError, match='does not list finished steps'): open_folder(finished)
    assert {f for f in finished.rglob('*')}==before

def test_an_edited_run_is_not_published(finished):
    edit(finished, 'cnn1_image', 'result.train', 100.)
    with pytest.raises(GascaError, match='cnn1_image_seed0.json in .* not what was made'):
        publish_replication(finished, 'long')

def test_exchanged_weights_are_put_aside_and_made_again(tmp_path, monkeypatch):
    import torch
    monkeypatch.setenv('GASCA_MODELS', str(tmp_path))
    plan = Plan('smoke', [0], tmp_path/'out')
    step = Step('05_pretrain', 1, dict(model='m', seed=0), ('pretrain_m',))
    file = tmp_path/'smoke'/'m.safetensors'
    save_model(file, dict(w=torch.ones(2)))
    save_json(plan.out/'notebooks'/f'{step.name}.ipynb', {})
    result = dict(checkpoint=file.name, sha256=sha256(file))
    save_run(run_path(plan.out, 'pretrain_m', 0), {}, result, {})
    assert weights_there(plan, step)
    save_model(file, dict(w=torch.full((2,), torch.nan))) # with a card that fits
    assert not weights_there(plan, step)
    assert not file.exists() and Path(f'{file}.damaged').is_file()

# --- pictures

def strip(path): Image.new('L', (3, 60000), 99).save(path)

def postscript(path):
    path.write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n')

def sparse(path):
    path.touch()
    os.truncate(path, 30*10**9)

def vast(path):
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    Image.new('1', (30000, 30000)).save(path)
    Image.MAX_IMAGE_PIXELS = limit

TRAPS = {strip:'a strip', postscript:'not a picture inside', sparse:'too large', vast:'bomb',
         os.mkfifo:'neither file nor folder'}

@pytest.mark.parametrize('make', TRAPS, ids=lambda make: make.__name__)
def test_a_trap_is_not_opened(make, tmp_path):
    make(tmp_path/'x.png')
    assert TRAPS[make] in open_picture(tmp_path/'x.png').reason

NAMES = {'a\nb.png':'a\\nb.png', 'c\x1b[31m.png':'c\\x1b[31m.png', 'd\x9b2J.png':'d\\x9b2J.png',
         'e\u202egnp.png':'e\\u202egnp.png', 'f\x7f.png':'f\\x7f.png'}

def test_escape_codes_in_names_are_left_out_and_shown_escaped(tmp_path):
    for name in (*NAMES, 'good.png'):
        (tmp_path/'happy').mkdir(exist_ok=True)
        (tmp_path/'happy'/name).write_bytes(b'x')
    os.symlink('happy/loop.png', tmp_path/'happy'/'loop.png')
    table, skipped = read_corpus('folder', tmp_path)
    assert table.source.tolist()==['happy/good.png']
    said = {x['file']:x['reason'] for x in skipped}
    assert all(said[f'happy/{shown}']=='control characters in its name' for shown in NAMES.values())
    assert all(f.isprintable() for f in said)
    assert len(verify(table, tmp_path).table)==0

# --- the command

DEMO = {'seed = 0':['parameters'], 'import time':[], 'time.sleep(60)':[]}
STUB = '''
import sys
from pathlib import Path
import gasca.replicate as command
from gasca import runner
class Short(command.Plan):
    def steps(self): return [command.Step('demo', 1)]
command.Plan, command.corpora_key, runner.QUIET = Short, lambda plan: '', 1
command.compared = lambda plan: ''
command.gasca_replicate()
'''

@pytest.fixture
def project(tmp_path):
    "A clone with one notebook, which sleeps."
    (tmp_path/'nbs').mkdir()
    (tmp_path/'settings.ini').touch()
    cells = [new_code_cell(code, metadata=dict(tags=tags)) for code, tags in DEMO.items()]
    kernel = dict(kernelspec=dict(display_name='python3', language='python', name='python3'))
    save_json(tmp_path/'nbs'/'demo.ipynb', new_notebook(cells=cells, metadata=kernel))
    (tmp_path/'run.py').write_text(STUB)
    return tmp_path

def begin(project, *more):
    "Start a replication of that notebook."
    args = [sys.executable, 'run.py', '--preset', 'smoke', '--out', 'out', *more]
    env = dict(UNCHECKED, PYTHONPATH=str(ROOT), GASCA_MODELS=str(project/'models'))
    return subprocess.Popen(args, cwd=project, env=env, text=True, start_new_session=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

def until(p, words):
    "Read what a process says up to a line with those words."
    said = []
    while not said or words not in said[-1]:
        line = p.stdout.readline()
        assert line, said
        said.append(line)
    return said

def kernels(project):
    "The kernels that run in a project's folder, and the process that forks them."
    every = [f for f in Path('/proc').glob('[0-9]*') if f.name!=str(os.getpid())]
    found = []
    for f in every:
        try:
            mine = os.readlink(f/'cwd')==str(project/'nbs')
            if mine and b'gasca.kernels' in (f/'cmdline').read_bytes(): found.append(int(f.name))
        except OSError: pass # it has ended, or is somebody else's
    return found

def refuses_a_second(project):
    "Check that nobody else may work in the folder."
    p = begin(project)
    said, _ = p.communicate()
    assert p.returncode==1 and len(said.splitlines())==1 and 'wait until it has ended' in said

@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL])
def test_a_stop_is_one_line_leaves_no_kernel_and_the_lock_is_free(number, project):
    p = begin(project)
    until(p, 'demo: about')
    until(p, '[1/1] demo') # a line in the log while it runs
    if number==signal.SIGKILL: refuses_a_second(project)
    os.kill(p.pid, number)
    said, _ = p.communicate(timeout=60)
    lines = [line for line in said.splitlines() if not line.startswith('[1/1]')]
    if number==signal.SIGINT:
        assert p.returncode==130 and len(lines)==1 and 'stopped; what' in lines[0], said
        assert not (project/'out'/'.lock').exists()
    ends = time.time()+30
    while kernels(project) and time.time()<ends: time.sleep(.2)
    assert not kernels(project)
    with alone(project/'out'/'.lock', 'busy') as sure: assert sure

def test_a_stop_while_torch_is_imported_is_one_line(tmp_path):
    script = 'from gasca.command import gasca_replicate; gasca_replicate()'
    p = subprocess.Popen([sys.executable, '-c', script], cwd=tmp_path, text=True,
                         env=dict(UNCHECKED, PYTHONPATH=str(ROOT)), stderr=subprocess.PIPE)
    loaded = Path(f'/proc/{p.pid}/maps')
    while 'libtorch_cpu' not in loaded.read_text(): time.sleep(.01)
    p.send_signal(signal.SIGINT)
    _, said = p.communicate(timeout=60)
    assert p.returncode==130 and len(said.splitlines())==1, said
    assert 'stopped before it had begun' in said

REFUSED = [(dict(world='0-99999999999'), 'not a list of numbers'),
           (dict(world='0-999999999'), 'more than 1000'),
           (dict(data='faces', out='faces/out'), 'which is never written'),
           (dict(data='faces'), 'choose another GASCA_MODELS'),
           (dict(out='file'), 'file'), (dict(out='file/out'), 'file')]

@pytest.mark.parametrize('args, says', REFUSED)
def test_a_refusal_is_one_line(args, says, tmp_path, monkeypatch, capsys):
    for name in ('faces', 'nbs'): (tmp_path/name).mkdir() # a clone
    (tmp_path/'settings.ini').touch()
    (tmp_path/'file').touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('GASCA_MODELS', 'faces/models')
    with pytest.raises(SystemExit) as e: gasca_replicate(preset='smoke', **args)
    said = capsys.readouterr().err
    assert e.value.code==1 and says in said and len(said.splitlines())==1, said
    assert not list((tmp_path/'faces').iterdir())

# --- what lies where the lock is to be

MINE = 'the only copy'

def link(lock):
    (lock.parent/'mine').write_text(MINE)
    lock.symlink_to('mine')

def text(lock): lock.write_text(MINE)

def link_to_nothing(lock): lock.symlink_to('nowhere')

def look(folder):
    "What a folder holds: kind and, of plain files, text."
    return {f.name:(f.lstat().st_mode, f.read_text() if f.is_file() else '')
            for f in folder.iterdir()}

@pytest.mark.parametrize('make', [link, text, link_to_nothing, os.mkfifo, os.mkdir],
                         ids=lambda make: make.__name__)
def test_what_is_no_lock_is_left_alone(make, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('gasca.replicate.replicate', lambda *args: None)
    make(tmp_path/'.lock')
    before = look(tmp_path)
    with pytest.raises(SystemExit) as e: gasca_replicate(preset='smoke', out=str(tmp_path))
    said = capsys.readouterr().err
    assert e.value.code==1 and '.lock is in the way' in said and len(said.splitlines())==1, said
    assert look(tmp_path)==before

@pytest.mark.parametrize('number', [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_worked_in(number, tmp_path):
    with patch('fcntl.flock', side_effect=OSError(number, 'no locks here')):
        with alone(tmp_path/'.lock', 'busy') as sure: assert not sure
    assert not list(tmp_path.iterdir())

def test_a_folder_that_may_not_be_written_is_one_line(tmp_path, capsys):
    refuse = PermissionError(errno.EACCES, 'Permission denied', str(tmp_path/'.lock'))
    with patch('os.open', side_effect=refuse), pytest.raises(SystemExit):
        gasca_replicate(preset='smoke', out=str(tmp_path))
    said = capsys.readouterr().err
    assert '.lock' in said and len(said.splitlines())==1, said

def test_who_waits_for_a_lock_gets_it(tmp_path):
    lock = tmp_path/'.lock'
    code = f"""
from gasca.lock import alone
with alone({str(lock)!r}, 'busy', wait=True) as sure: print(sure)
"""
    env = dict(UNCHECKED, PYTHONPATH=str(ROOT))
    with alone(lock, 'busy'):
        p = subprocess.Popen([sys.executable, '-c', code], env=env, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert p.stderr.readline()=='busy\n'
    assert p.communicate(timeout=60)==('True\n', '') and not lock.exists()

# --- what takes minutes: make attack

@pytest.mark.slow
def test_a_kill_while_rendering_leaves_litter_that_the_next_start_removes(tmp_path):
    code = f'from gasca.faces import *; render_corpus("kdef", "smoke", {str(tmp_path)!r})'
    env = dict(UNCHECKED, PYTHONPATH=str(ROOT))
    p = subprocess.Popen([sys.executable, '-c', code], env=env)
    while not list(tmp_path.glob('.*.part/images.npy')): time.sleep(.01)
    p.kill()
    p.wait()
    assert list(tmp_path.glob('.*.part'))
    render_corpus('kdef', 'smoke', tmp_path)
    assert [f.name[:4] for f in tmp_path.iterdir()]==['kdef']
    load_corpus(next(tmp_path.iterdir()))

@pytest.mark.slow
@pytest.mark.parametrize('step', ['06_recon', '07_classify', '07a_probes', '09_baseline_resnet34',
                                  '08_results', '09a_compare', '10_report'])
def test_killed_in_any_step_and_resumed_gives_the_same_bytes(step, smoke, tmp_path):
    out, models = tmp_path/'out', tmp_path/'models'
    for name in ('out', 'models'): shutil.copytree(smoke/name, tmp_path/name)
    whole = {f.relative_to(out):sha256(f) for f in out.rglob('*')
             if f.suffix in ('.md', '.csv') or f.parent.name=='runs'}
    name = next(name for name in load_json(out/'steps.json') if name.startswith(step+'_seed')
                or name==step)
    for file in load_json(out/'steps.json')[name]['files']: (out/file).unlink()
    p = replicate_smoke(out, models)
    until(p, f'{name}: about')
    time.sleep(4)
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()
    said, _ = replicate_smoke(out, models).communicate()
    assert 'The report is in' in said, said
    assert {f:sha256(out/f) for f in whole}==whole
    assert not list(out.rglob('.*.part')) and not (out/'.lock').exists()

@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_next_start_goes_on(smoke, tmp_path):
    for name in ('out', 'models'): shutil.copytree(smoke/name, tmp_path/name)
    out = tmp_path/'out'
    before = (out/'table1.md').read_bytes()
    (out/'table1.md').unlink()
    full = ['bash', '-c', 'ulimit -f 20; exec "$@"', 'full'] # no file above 20 kB
    p = replicate_smoke(out, tmp_path/'models', full)
    said, _ = p.communicate()
    assert p.returncode==1 and 'Traceback' not in said, said
    assert said.splitlines()[-1].startswith('gasca_replicate: ')
    said, _ = replicate_smoke(out, tmp_path/'models').communicate()
    assert (out/'table1.md').read_bytes()==before, said

def replicate_smoke(out, models, before=()):
    "Start the command."
    env = dict(UNCHECKED, PYTHONPATH=str(ROOT), GASCA_MODELS=str(models), OMP_NUM_THREADS='1')
    args = [*before, SCRIPT, '--preset', 'smoke', '--out', str(out)]
    return subprocess.Popen(args, cwd=ROOT, env=env, text=True, start_new_session=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

@pytest.fixture(scope='module')
def smoke(tmp_path_factory):
    "A finished smoke run."
    d = tmp_path_factory.mktemp('smoke')
    said, _ = replicate_smoke(d/'out', d/'models').communicate()
    assert 'The report is in' in said, said
    assert json.loads((d/'out'/'steps.json').read_text())
    return d
