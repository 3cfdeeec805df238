"Steps on a cluster: two worker processes, one of them killed, the bytes as on one machine."
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from test_replicate import ROOT, SCRIPT, UNCHECKED, finish, results

from gasca.core import load_json, save_json
from gasca.plan import Plan

distributed = pytest.importorskip(
    'distributed', reason="distributed is not installed: pip install -e '.[cluster]'")
from gasca.cluster import TOKEN, shared

STEPS = Plan('smoke', [0], Path('out')).steps()
NAMES = 'preset', 'out', 'data', 'corpora', 'model', 'seed'
PARAMETERS = '\n'.join(f"{name} = ''" for name in NAMES)
STEP = """
import hashlib
import json
import time
from pathlib import Path

from gasca.runs import save_run

step = json.loads(Path('steps.json').read_text())[NAME+model]
out = Path(out)
with open(out/'started', 'a') as f: f.write(NAME+model+'\\n')
time.sleep(3 if model else 0) # a pretraining can be killed
read = ''.join((out/f).read_text() for f in step['reads'])
for f in step['makes']:
    made = hashlib.sha256((f+read).encode()).hexdigest()
    save_run(out/f, {}, dict(made=made), {})
"""

def name_of(step): return step.notebook+step.parameters.get('model', '')

def made(step):
    "The files that a step leaves beside its notebook."
    return [name for name in step.leaves if not name.endswith('.ipynb')]

@pytest.fixture
def project(tmp_path):
    "A clone whose notebooks take no time, and fail where the files that they read are missing."
    root = tmp_path/'clone'
    (root/'nbs').mkdir(parents=True)
    (root/'settings.ini').touch()
    kernel = dict(display_name='python3', language='python', name='python3')
    for notebook in {step.notebook for step in STEPS}:
        cells = [new_code_cell(PARAMETERS), new_code_cell(f'NAME = {notebook!r}{STEP}')]
        cells[0].metadata['tags'] = ['parameters']
        nb = new_notebook(cells=cells, metadata=dict(kernelspec=kernel))
        save_json(root/'nbs'/f'{notebook}.ipynb', nb)
    reads = {name_of(s):[f for other in STEPS if other.name in s.needs for f in made(other)]
             for s in STEPS}
    told = {name_of(s):dict(makes=made(s), reads=reads[name_of(s)]) for s in STEPS}
    save_json(root/'nbs'/'steps.json', told)
    return root

def command(root, out, *more):
    "Start the console script in a clone; rendered corpora are those of the tests."
    data = os.environ.get('GASCA_DATA') or str(ROOT/'data')
    env = dict(UNCHECKED, GASCA_DATA=data, OMP_NUM_THREADS='1')
    args = [SCRIPT, '--preset', 'smoke', '--out', str(out), *more]
    return subprocess.Popen(args, cwd=root, env=env, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)

@contextmanager
def two_workers(monkeypatch):
    "A scheduler and two worker processes, started as a user does: without the tests' checks."
    monkeypatch.delenv('PYTHONPATH', raising=False)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True,
                                  dashboard_address=':0', resources=dict(slot=1)) as cluster:
        yield cluster

def started(out):
    "The steps that have begun, in their order."
    log = out/'started'
    return log.read_text().split() if log.is_file() else []

def wait_until(happens, p, seconds=300):
    "Wait for something that a command brings about."
    end = time.time()+seconds
    while not happens():
        assert p.poll() is None, p.stdout.read()
        assert time.time()<end, 'nothing happened'
        time.sleep(.1)

def kernels(root):
    "The kernels that work in the folder of a clone's notebooks, and what forks them."
    mine = [p for p in psutil.process_iter(['cwd', 'cmdline']) if p.info['cwd']==str(root/'nbs')]
    return [p for p in mine if 'gasca.kernels' in ' '.join(p.info['cmdline'] or ())]

def none_left(root):
    "Say whether all kernels end, which look for their parent once a second."
    end = time.time()+30
    while kernels(root) and time.time()<end: time.sleep(.2)
    return not kernels(root)

def busy_worker(root, cluster):
    "A worker process that has a kernel; None where all are idle."
    workers = {nanny.pid for nanny in cluster.workers.values()}
    forks = {p.pid:p.ppid() for p in kernels(root)} # a kernel's parent is what its worker began
    return next((forks[parent] for parent in forks.values() if forks.get(parent) in workers), None)

def same_bytes(one, other):
    files = results(one)
    assert files and files==results(other)
    return [str(f) for f in files if (one/f).read_bytes()!=(other/f).read_bytes()]

def test_a_killed_worker_changes_no_byte(project, monkeypatch):
    plain, out = project/'plain', project/'out'
    finish(command(project, plain))
    with two_workers(monkeypatch) as cluster:
        p = command(project, out, '--scheduler', cluster.scheduler_address)
        wait_until(lambda: len(started(out))>=3 and busy_worker(project, cluster), p)
        os.kill(busy_worker(project, cluster), signal.SIGKILL)
        said = finish(p)
    assert same_bytes(plain, out)==[]
    twice = [name for name, n in Counter(started(out)).items() if n>1]
    assert len(twice)==1 and set(started(out))=={name_of(step) for step in STEPS}
    assert len(re.findall(r'^\[\d+/\d+\] \S+: \d+:\d\d$', said, re.M))==len(STEPS), said
    assert none_left(project)
    again = finish(command(project, out)) # without a cluster
    assert again.count('done before')==len(STEPS), again

def test_stopped_or_left_alone_it_says_one_line(project, monkeypatch):
    def end(out, cluster, how):
        p = command(project, out, '--scheduler', cluster.scheduler_address)
        wait_until(lambda: started(out), p)
        how(p)
        said, _ = p.communicate(timeout=300)
        assert p.returncode and 'Traceback' not in said, said
        return said.strip().splitlines()[-1]

    with two_workers(monkeypatch) as cluster:
        stopped = end(project/'one', cluster, lambda p: p.send_signal(signal.SIGINT))
        lost = end(project/'two', cluster, lambda p: cluster.close())
    assert stopped.startswith('gasca_replicate: stopped; what was finished is kept')
    assert re.match('gasca_replicate: the scheduler at .* is gone; what was finished', lost), lost
    assert none_left(project)

def test_a_worker_elsewhere_says_that_it_sees_nothing(project, monkeypatch):
    with two_workers(monkeypatch) as cluster:
        p = command(project, project/'out', '--scheduler', cluster.scheduler_address)
        token = project/'out'/'.shared'
        wait_until(token.is_file, p)
        token.write_text('of another folder')
        said, _ = p.communicate(timeout=300)
    assert p.returncode==1 and 'as gasca_replicate does; start workers where' in said
    assert 'Traceback' not in said

# --- the commands that the notebook prints

RECIPES = '\n'.join(''.join(c['source']) for c in load_json(
    ROOT/'nbs'/'machine'/'06a_cluster.ipynb')['cells'] if c['cell_type']=='markdown')
RECIPES = RECIPES.replace('\\\n', ' ') # commands of two lines
SUM = """
from gasca.cluster import connected
with connected(ADDRESS) as client:
    client.wait_for_workers(1, timeout=60)
    print(client.submit(sum, [1, 2]).result())
"""

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

@contextmanager
def scheduled(scheduler, worker, folder):
    "Run the notebook's line for a scheduler and that for a worker; yields their processes."
    port, dashboard = free_port(), free_port()
    own = re.search(r'^own="(.+)"$', RECIPES, re.M)[1]
    running = []
    for start in (scheduler, worker):
        line = re.search(rf'^ *(?:CUDA\S+ )?({start}.*) &$', RECIPES, re.M)[1]
        for word, right in {'$own':own, 'HOST':'127.0.0.1', ':8787':f':{dashboard}',
                            ':8786':f':{port}'}.items(): line = line.replace(word, right)
        if start==scheduler: line += f' --port {port}'
        running.append(subprocess.Popen(
            [str(Path(SCRIPT).with_name('dask')), *shlex.split(line)[1:]], cwd=folder,
            env=UNCHECKED, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try: yield port, [psutil.Process(p.pid) for p in running]
    finally:
        for p in reversed(running):
            p.terminate()
            p.wait()

def sum_on(address, folder, **env):
    "Have a scheduler's worker add 1 and 2: what that says."
    code = SUM.replace('ADDRESS', repr(address))
    env = dict(UNCHECKED, PYTHONPATH=str(ROOT))|env
    done = subprocess.run([sys.executable, '-c', code], cwd=folder, env=env, text=True,
                          capture_output=True)
    return done.stdout+done.stderr

def test_the_commands_for_one_machine_listen_to_it_alone(tmp_path):
    with scheduled('dask scheduler --host', 'dask worker 127', tmp_path) as (port, processes):
        assert sum_on(f'127.0.0.1:{port}', tmp_path)=='3\n'
        every = [q for p in processes for q in (p, *p.children(recursive=True))]
        heard = {c.laddr.ip for q in every for c in q.net_connections() if c.status=='LISTEN'}
    assert heard=={'127.0.0.1'}

@pytest.mark.skipif(not shutil.which('openssl'), reason='openssl is not installed')
def test_the_commands_with_a_certificate_let_nobody_else_in(tmp_path):
    make = re.search(r'^mkdir.*\nopenssl.*$', RECIPES, re.M)[0]
    subprocess.run(make, shell=True, cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
    assert (tmp_path/'tls').stat().st_mode&0o077==0
    mine = dict(re.findall(r'^export (DASK\w+)=(\S+)$', RECIPES, re.M))
    with scheduled('dask scheduler --protocol', 'dask worker tls', tmp_path) as (port, _):
        address = f'tls://127.0.0.1:{port}'
        assert sum_on(address, tmp_path, **mine)=='3\n'
        assert 'asks for a certificate' in sum_on(address, tmp_path)
        lost = mine|dict(DASK_DISTRIBUTED__COMM__TLS__CA_FILE='nowhere.pem')
        assert 'asks for a certificate' in sum_on(address, tmp_path, **lost)
        assert 'no scheduler answers at' in sum_on(f'tcp://127.0.0.1:{port}', tmp_path)

def test_a_link_in_place_of_the_token_is_not_followed(tmp_path):
    (tmp_path/'mine').write_text('the only copy')
    (tmp_path/TOKEN).symlink_to('mine')
    with shared(Plan('smoke', [0], tmp_path)) as place:
        assert (tmp_path/TOKEN).read_text()==place.token
    assert (tmp_path/'mine').read_text()=='the only copy'

@pytest.mark.slow
def test_all_of_smoke_on_two_workers(tmp_path, monkeypatch):
    def smoke(out, *more):
        env = dict(UNCHECKED, GASCA_MODELS=str(tmp_path/f'{out}-models'), OMP_NUM_THREADS='1')
        args = [SCRIPT, '--preset', 'smoke', '--out', str(tmp_path/out), *more]
        return subprocess.run(args, cwd=ROOT, env=env, check=True)

    smoke('plain')
    with two_workers(monkeypatch) as cluster:
        smoke('cluster', '--scheduler', cluster.scheduler_address)
    assert same_bytes(tmp_path/'plain', tmp_path/'cluster')==[]
