"Two replications in one clone train the same networks at once: both finish, with the same bytes."
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRAIN = """
import sys
from gasca.checkpoints import device
from gasca.classify import Recipe, adam_from, classifier, fresh_encoder, kdef_runs
from gasca.core import get_preset
from gasca.corpora import get_corpus
from gasca.data import within
from gasca.pretrain import pretrain

out, p = sys.argv[1], get_preset('smoke')
pie = get_corpus('multipie', 'smoke', corpora='rendered')
kdef = within(get_corpus('kdef', 'smoke', corpora='rendered'), 45)
def build(): return classifier(fresh_encoder(p['nf'], p['px']).to(device()), p['px'])
sizes = {name:p[name] for name in ('nf', 'px')}
for model in ('gasca1', 'gasca2'): pretrain(model, pie, p, 0, out)
recipe = Recipe('cnn', build, 2, adam_from(.001), facts=dict(preset='smoke'), sizes=sizes)
kdef_runs(recipe, kdef, 0, out)
"""

@pytest.fixture(scope='module')
def both(tmp_path_factory):
    "Run the same training in two processes, each with a folder of its own for run files."
    d = tmp_path_factory.mktemp('two')
    env = dict(os.environ, GASCA_MODELS=str(d/'models'), OMP_NUM_THREADS='1')
    started = [subprocess.Popen([sys.executable, '-c', TRAIN, str(d/out)], env=env, cwd=ROOT,
                                stderr=subprocess.PIPE, text=True) for out in ('a', 'b')]
    told = [process.communicate(timeout=900)[1] for process in started]
    assert [process.returncode for process in started]==[0, 0], told
    return d, told

def test_both_have_the_same_run_files(both):
    d, _ = both
    a, b = ({f.name:f.read_bytes() for f in (d/out/'runs').iterdir()} for out in ('a', 'b'))
    assert a==b and len(a)==4

def test_one_waited_for_the_other_and_nothing_half_trained_is_left(both):
    d, told = both
    assert 'another process is training pretrain_gasca1_seed0' in ''.join(told)
    assert not any((d/'models'/'running').iterdir())
    assert len(list((d/'models'/'smoke').glob('*.safetensors')))==4
