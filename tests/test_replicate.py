"What a notebook cannot show: the whole paper in one command, killed on the way, and the same bytes again."
import filecmp, json, os, shutil, signal, subprocess, sys, time
from pathlib import Path
import pytest
from gasca.core import GascaError, load_json
from gasca.paper import PAPER
from gasca.train import LITERAL, RECIPE

ROOT = Path(__file__).parent.parent
SCRIPT = str(Path(sys.executable).with_name('gasca_replicate')) # the console script of this environment

def command(out, models, *more, **env):
    "The console script, with its own checkpoints; rendered corpora are shared."
    env = dict(os.environ, GASCA_MODELS=str(models), OMP_NUM_THREADS='1', **env)
    return subprocess.Popen([SCRIPT, '--preset', 'smoke', '--out', str(out), *more],
                            cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

def results(out): return sorted(p.relative_to(out) for p in out.rglob('*') if p.suffix in ('.md','.csv','.png') or p.parent.name=='runs')

@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    "A replication that nobody disturbed."
    d = tmp_path_factory.mktemp('whole')
    p = command(d/'out', d/'models'); log,_ = p.communicate()
    assert p.returncode==0, log
    return d

def test_report_and_run_files(whole):
    out = whole/'out'
    text = (out/'README.md').read_text(encoding='utf-8')
    assert 'rendered' in text.split('##')[0].lower() # the first page says so
    for t in ('table1','table2','table3'): assert (out/f'{t}.md').is_file() and (out/f'{t}.csv').is_file()
    for f in (out/'runs').glob('*.json'):
        run = load_json(f)
        assert set(run)=={'inputs','result','versions'} and str(ROOT) not in f.read_text(encoding='utf-8')
        if 'confusion' in run['result']: assert sum(map(sum, run['result']['confusion']))==run['result']['n']==len(run['result']['predicted'])

def test_second_start_does_nothing(whole):
    p = command(whole/'out', whole/'models'); log,_ = p.communicate()
    assert p.returncode==0 and log.count('done before')==len(load_json(whole/'out'/'steps.json')), log

def test_killed_and_resumed_gives_the_same_bytes(whole, tmp_path):
    out,models = tmp_path/'out',tmp_path/'models'
    for stop in ('05_pretrain_gasca2_seed0', '07_classify_seed0'): # killed in the middle of training, and again later
        p = command(out, models)
        for line in p.stdout:
            if stop in line and 'left' in line: break
        time.sleep(6 if 'pretrain' in stop else 8)
        os.killpg(p.pid, signal.SIGKILL); p.wait()
    p = command(out, models); log,_ = p.communicate()
    assert p.returncode==0 and 'done before' in log, log
    a,b = results(whole/'out'),results(out)
    assert a==b
    different = [str(f) for f in a if not filecmp.cmp(whole/'out'/f, out/f, shallow=False)]
    assert not different

@pytest.mark.parametrize('args,says', [(['--preset','fast'], 'unknown preset'), (['--seeds','x'], 'not a list of numbers'), (['--seeds','3-1'], 'empty')])
def test_bad_arguments(args, says):
    p = subprocess.run([SCRIPT, *args], cwd=ROOT, capture_output=True, text=True)
    assert p.returncode!=0 and says in p.stderr and len(p.stderr.strip().splitlines())==1

def test_constants_are_the_papers():
    assert LITERAL['lr_G']==PAPER['lr_G'][:4] and LITERAL['lr_D']==PAPER['lr_D'] and LITERAL['lr_TG']==LITERAL['lr_TD']==PAPER['lr_finetune']
    assert LITERAL['w']==PAPER['w_adv']==1 and RECIPE['lr_TG']==PAPER['lr_finetune']

def test_seeds_side_by_side_are_the_seeds_alone(tmp_path, monkeypatch):
    from gasca.core import get_preset
    from gasca.faces import render_corpus
    from gasca.models import load_gasca, pretrain, to_front
    c,p = render_corpus('multipie', 'smoke'),get_preset('smoke'); monkeypatch.setenv('GASCA_MODELS', str(tmp_path/'a'))
    pretrain('gasca2', c, p, 0, tmp_path/'many', together=[0,1])
    assert load_json(tmp_path/'many'/'runs'/'pretrain_gasca2_seed1.json')['inputs']['seed']==1
    for s in (0,1):
        a = load_json(tmp_path/'many'/'runs'/f'pretrain_gasca2_seed{s}.json'); monkeypatch.setenv('GASCA_MODELS', str(tmp_path/'b'))
        b = pretrain('gasca2', c, p, s, tmp_path/'one'); assert load_json(tmp_path/'one'/'runs'/f'pretrain_gasca2_seed{s}.json')['inputs']==a['inputs']
        assert [(o['step'],o['phase'],o['epoch']) for o in a['result']['log']]==[(o['step'],o['phase'],o['epoch']) for o in b['log']]
        assert abs(a['result']['log'][-1]['l1']-b['log'][-1]['l1'])<.002 # rounding, amplified by Adam; in float64 they are equal (03a_replicas)
        x,y = (to_front(load_gasca(tmp_path/d/'smoke'/r['checkpoint']), c.images[:9]).astype(int) for d,r in (('a',a['result']),('b',b)))
        assert abs(x-y).mean()<2
