"Half-written caches, full disks and foreign checkpoints: one line that says what to do, and nothing half-written."
import errno, json, os, subprocess, sys
from pathlib import Path
import numpy as np, pytest, torch
from gasca import core, faces
from gasca.core import GascaError
from gasca.data import Corpus
from gasca.faces import render_corpus
from gasca.models import load_gasca, shallow
from gasca.train import Discriminator, Generator

SMALL = dict(people=1, recordings=1)

@pytest.mark.parametrize('args', [dict(name='mulitpie'), dict(name='kdef', preset='fast'), dict(name='kdef', persons=3), dict(name='kdef', people=0)])
def test_unknown_names(args, tmp_path):
    with pytest.raises(GascaError) as e: render_corpus(**args, out=tmp_path)
    assert '\n' not in str(e.value) and not list(tmp_path.iterdir())

def folder(out): return next(d for d in out.iterdir() if d.is_dir() and not d.name.startswith('.'))

@pytest.mark.parametrize('harm', ['cut', 'gone', 'edited'])
def test_damaged_cache_is_rendered_again(harm, tmp_path):
    a = render_corpus('jaffe', 'smoke', out=tmp_path, **SMALL); before,d = np.array(a.images),folder(tmp_path)
    if harm=='cut': (d/'images.npy').write_bytes((d/'images.npy').read_bytes()[:500])
    if harm=='gone': (d/'corpus.json').unlink()
    if harm=='edited': (d/'table.csv').write_text((d/'table.csv').read_text()+'x')
    with pytest.raises(GascaError): Corpus.load(d)
    assert (np.array(render_corpus('jaffe', 'smoke', out=tmp_path, **SMALL).images)==before).all()

def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__): raise OSError(errno.ENOSPC, 'No space left on device', str(tmp_path/'images.npy'))
    monkeypatch.setattr(faces, 'save_json', full)
    with pytest.raises(SystemExit) as e: core.cli(render_corpus)('jaffe', 'smoke', out=tmp_path, **SMALL)
    assert e.value.code==1 and not list(tmp_path.iterdir())

def test_ctrl_c_leaves_nothing(tmp_path, monkeypatch):
    def stop(*_, **__): raise KeyboardInterrupt
    monkeypatch.setattr(faces, 'save_json', stop)
    with pytest.raises(SystemExit) as e: core.cli(render_corpus)('jaffe', 'smoke', out=tmp_path, **SMALL)
    assert e.value.code==130 and not list(tmp_path.iterdir())

def checkpoint(path, nf, px=48):
    G,D = Generator(),Discriminator()
    for k in (1,2,3,4): g,d = shallow(k, nf, px); G.add(g); D.add(d)
    core.save_model(path, {**{f'G.{k}':t for k,t in G.state_dict().items()}, **{f'D.{k}':t for k,t in D.state_dict().items()}}, sizes=dict(nf=nf, px=px, bn=False, sn=True, shift='plane'))

def test_checkpoint_of_another_shape(tmp_path):
    f = tmp_path/'g.safetensors'; checkpoint(f, 8)
    load_gasca(f); load_gasca(f, 'D')
    card = core.load_json(f.with_suffix('.json')); core.save_json(f.with_suffix('.json'), dict(card, sizes=dict(card['sizes'], nf=16)))
    with pytest.raises(GascaError, match='does not fit'): load_gasca(f)

def test_no_pickle_is_loaded():
    root = Path(__file__).parent.parent
    for f in (root/'gasca').glob('*.py'): assert 'torch.load' not in f.read_text(encoding='utf-8') and 'pickle' not in f.read_text(encoding='utf-8'), f
