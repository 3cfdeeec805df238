"Half-written caches, full disks and foreign checkpoints: one line, and nothing half-written."
import errno
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gasca import core
from gasca.core import GascaError, get_preset
from gasca.data import load_corpus
from gasca.faces import render_corpus
from gasca import checkpoints
from gasca.checkpoints import WEIGHTS, load_model, save_model
from gasca.pretrain import Options, load_gasca, shallow
from gasca.train import Discriminator, Generator

ROOT = Path(__file__).parent.parent
SMALL = dict(people=1, recordings=1)
UNKNOWN = [dict(name='mulitpie'), dict(name='kdef', preset='fast'),
           dict(name='kdef', persons=3), dict(name='kdef', people=0)]

@pytest.mark.parametrize('args', UNKNOWN)
def test_unknown_names(args, tmp_path):
    with pytest.raises(GascaError) as e: render_corpus(**args, out=tmp_path)
    assert '\n' not in str(e.value) and not list(tmp_path.iterdir())

def folder(out): return next(d for d in out.iterdir() if d.is_dir() and not d.name.startswith('.'))

@pytest.mark.parametrize('harm', ['cut', 'gone', 'edited'])
def test_damaged_cache_is_rendered_again(harm, tmp_path):
    before = np.array(render_corpus('jaffe', 'smoke', out=tmp_path, **SMALL).images)
    d = folder(tmp_path)
    images, table = d/'images.npy', d/'table.csv'
    if harm=='cut': images.write_bytes(images.read_bytes()[:500])
    if harm=='gone': (d/'corpus.json').unlink()
    if harm=='edited': table.write_text(table.read_text()+'x')
    with pytest.raises(GascaError): load_corpus(d)
    again = render_corpus('jaffe', 'smoke', out=tmp_path, **SMALL)
    assert (np.array(again.images)==before).all()

@pytest.mark.parametrize('error, code', [(OSError(errno.ENOSPC, 'No space left on device'), 1),
                                         (KeyboardInterrupt(), 130)])
def test_full_disk_and_ctrl_c_leave_nothing(error, code, tmp_path):
    with patch('gasca.data.save_json', side_effect=error), pytest.raises(SystemExit) as e:
        core.cli(render_corpus)('jaffe', 'smoke', out=tmp_path, **SMALL)
    assert e.value.code==code and not list(tmp_path.iterdir())

# --- weights

def checkpoint(path, nf, px=48):
    "Write untrained stacks as `pretrain` does."
    G, D = Generator(), Discriminator()
    for k in (1, 2, 3, 4):
        g, d = shallow(k, Options(nf, px))
        G.add(g)
        D.add(d)
    state = {f'{part}.{name}':t for part, net in (('G', G), ('D', D))
             for name, t in net.state_dict().items()}
    sizes = dict(nf=nf, px=px, bn=False, sn=True, shift='plane')
    save_model(path, state, sizes=sizes)

def test_weights_of_another_shape(tmp_path):
    f = tmp_path/'g.safetensors'
    checkpoint(f, 8)
    load_gasca(f)
    load_gasca(f, 'D')
    card = core.load_json(f.with_suffix('.json'))
    core.save_json(f.with_suffix('.json'), dict(card, sizes=dict(card['sizes'], nf=16)))
    with pytest.raises(GascaError, match='does not fit'): load_gasca(f)

def test_weights_cut_exchanged_or_gone(tmp_path):
    f = tmp_path/'g.safetensors'
    checkpoint(f, 8)
    whole = f.read_bytes()
    f.write_bytes(whole[:len(whole)//2])
    with pytest.raises(GascaError, match='another sha256'): load_gasca(f)
    save_file(dict(other=torch.ones(2)), f)
    with pytest.raises(GascaError, match='another sha256'): load_gasca(f)
    f.unlink()
    with pytest.raises(GascaError, match='no '): load_gasca(f)

def test_published_weights_are_whole_and_small():
    for model in ('gasca1', 'gasca2'):
        f = WEIGHTS/f'{model}.safetensors'
        load_model(f)
        assert f.stat().st_size<2_000_000
        assert core.load_json(f.with_suffix('.json'))['sizes']['px']==get_preset('published')['px']

def test_missing_published_weights_offer_training(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, 'WEIGHTS', tmp_path)
    with pytest.raises(GascaError) as e: load_gasca(tmp_path/'gasca1.safetensors')
    assert 'train your own with gasca_replicate' in str(e.value) and '\n' not in str(e.value)

def test_no_pickle_is_loaded():
    for f in (ROOT/'gasca').rglob('*.py'):
        text = f.read_text(encoding='utf-8')
        assert 'torch.load' not in text and 'pickle' not in text, f
