"Pictures of any kind from Python: one reading, answers of the kind given, one-line errors."
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fixtures import bomb, portrait
from PIL import Image, ImageCms
from safetensors.torch import load_file

from gasca import GASCA, EmotionClassifier
from gasca.checkpoints import WEIGHTS, save_model
from gasca.core import GascaError, load_json
from gasca.corpora.crop import crop
from gasca.corpora.pictures import BEHIND, open_picture
from gasca.pretrain import to_front
from gasca.use.models import ORDINARY, read_pictures

PX = 48

@pytest.fixture(scope='module')
def faces():
    "Three rendered faces, cut as in training: uint8 [3,48,48]."
    shots, true = portrait(4, [-45, 0, 30])
    return np.stack([crop(x, true, PX) for x in shots])

@pytest.fixture(scope='module')
def gasca(): return GASCA.from_pretrained('gasca2')

@pytest.fixture(scope='module')
def cnn2a(): return EmotionClassifier.from_pretrained('cnn2a')

@pytest.fixture(autouse=True)
def quietly():
    "Let no library warn."
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        yield

# --- what comes back

def tensor(x): return torch.from_numpy(x.copy())

def grad(x): return (tensor(x)/255)[:,None].requires_grad_()

def strided(x): return (tensor(x)/255)[:,None].expand(-1, 3, -1, -1).permute(0, 2, 3, 1)

def coarse(x): return (tensor(x)[:,None]/255).bfloat16()

GIVEN = { # kind -> (what is made of faces [3,h,w], shape and type that come back, off by)
    'uint8 hw':(lambda x: x[0], (PX, PX), np.uint8, 0),
    'uint8 1hw':(lambda x: x[:1], (1, PX, PX), np.uint8, 0),
    'uint8 nhw':(lambda x: np.concatenate([x, x]), (6, PX, PX), np.uint8, 0),
    'uint8 hw1':(lambda x: x[0][...,None], (PX, PX, 1), np.uint8, 0),
    'uint8 hw3':(lambda x: np.stack([x[0]]*3, -1), (PX, PX, 1), np.uint8, 0),
    'uint8 n1hw':(lambda x: x[:,None], (3, 1, PX, PX), np.uint8, 0),
    'uint8 nhw3':(lambda x: np.stack([x]*3, -1), (3, PX, PX, 1), np.uint8, 0),
    'uint8 nhw4':(lambda x: np.stack([x]*3+[x|255], -1), (3, PX, PX, 1), np.uint8, 0),
    'int64 hw':(lambda x: x[0].astype(int), (PX, PX), np.int64, 0),
    'float64 hw':(lambda x: x[0]/255, (PX, PX), np.float64, 0),
    'float32 n3hw':(lambda x: np.stack([x]*3, 1)/np.float32(255), (3, 1, PX, PX), np.float32, 0),
    'float16 hw':(lambda x: (x[0]/255).astype(np.float16), (PX, PX), np.float16, 0),
    'big-endian hw':(lambda x: (x[0]/255).astype('>f4'), (PX, PX), '>f4', 0),
    'overshoot':(lambda x: np.where(x[0]>150, 1.0009, x[0]/255), (PX, PX), np.float64, None),
    'torch uint8 hw':(lambda x: tensor(x[0]), (PX, PX), torch.uint8, 0),
    'torch uint8 1hw':(lambda x: tensor(x[:1]), (1, PX, PX), torch.uint8, 0),
    'torch int64 n1hw':(lambda x: tensor(x).long()[:,None], (3, 1, PX, PX), torch.int64, 0),
    'torch float n1hw':(lambda x: tensor(x)[:,None]/255, (3, 1, PX, PX), torch.float32, 0),
    'torch double hw':(lambda x: tensor(x[0]).double()/255, (PX, PX), torch.float64, 0),
    'torch half n1hw':(lambda x: (tensor(x)[:,None]/255).half(), (3, 1, PX, PX), torch.half, 0),
    'torch bfloat16':(coarse, (3, 1, PX, PX), torch.bfloat16, 1),
    'torch grad':(grad, (3, 1, PX, PX), torch.float32, 0),
    'torch strided nhw3':(strided, (3, PX, PX, 1), torch.float32, 0),
}

def grey(y): # an answer as grey levels [n,px,px]
    floats = y.is_floating_point() if isinstance(y, torch.Tensor) else y.dtype.kind=='f'
    y = y.double().numpy() if isinstance(y, torch.Tensor) else np.asarray(y, float)
    return np.round(y*255 if floats else y).reshape(-1, PX, PX)

@pytest.mark.parametrize('kind', GIVEN)
def test_an_array_comes_back_as_it_went_in(kind, faces, gasca):
    make, shape, dtype, off = GIVEN[kind]
    x = make(faces)
    y = gasca.normalize(x)
    assert type(y) is type(x) and tuple(y.shape)==shape and y.dtype==dtype
    if isinstance(y, torch.Tensor): assert not y.requires_grad and y.device==x.device
    if off is None: return
    n = len(grey(y))
    seen = np.concatenate([faces, faces])[:n]
    assert abs(gasca.faces(x).astype(int)-seen).max()<=off
    gap = abs(grey(y)-to_front(gasca.net, gasca.faces(x)))
    assert gap.max()<=off # what bfloat16 can tell
    assert len(gasca.encode(x))==n

def test_numpy_and_torch_are_read_alike(gasca):
    for shape in ((20, 30), (1, 20, 30), (20, 30, 3), (5, 20, 30), (5, 3, 20, 30), (5, 20, 30, 4)):
        x = np.random.default_rng(0).random(shape)
        assert (gasca.faces(x)==gasca.faces(torch.from_numpy(x))).all(), shape

def test_pictures_and_paths_give_pictures(faces, gasca, tmp_path):
    im = Image.fromarray(faces[1])
    im.save(tmp_path/'x.png')
    for x in (im, im.convert('RGB'), tmp_path/'x.png', str(tmp_path/'x.png')):
        y = gasca.normalize(x)
        assert isinstance(y, Image.Image) and (y.mode, y.size)==('L', (PX, PX))
        assert (np.asarray(y)==gasca.normalize(faces[1])).all()

def mixed(faces, path):
    Image.fromarray(faces[0]).save(path)
    colour = tensor(np.stack([faces[0]]*3)) # [3,h,w]: in a list, one picture
    return [Image.fromarray(faces[0]), path, faces[0], faces[0]/255, colour, colour[:1]/255]

def test_lists_and_generators_may_mix_kinds(faces, gasca, cnn2a, tmp_path):
    items = mixed(faces, tmp_path/'x.png')
    for given in (items, tuple(items), (x for x in items)):
        y = gasca.normalize(given)
        kinds = [Image.Image]*2+[np.ndarray]*2+[torch.Tensor]*2
        assert type(y) is list and all(map(isinstance, y, kinds))
        shapes = [(PX, PX)]*4+[(1, PX, PX)]*2
        assert [np.asarray(x).shape for x in y]==shapes
        assert all((grey(np.asarray(x) if isinstance(x, Image.Image) else x)==grey(y[2])).all()
                   for x in y)
    assert len(cnn2a.predict(x for x in items))==len(gasca.encode(iter(items)))==len(items)

@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device here')
def test_answers_lie_where_questions_lay(faces, gasca):
    y = gasca.normalize((tensor(faces)[:,None]/255).cuda())
    assert y.is_cuda and (grey(y.cpu())==gasca.normalize(faces[:,None])[:,0]).all()

def test_small_pictures_are_scaled(gasca):
    assert gasca.normalize(np.full((1, 1), 99, np.uint8)).shape==(PX, PX)
    assert gasca.normalize(Image.new('RGB', (1, 1))).size==(PX, PX)

# --- what is refused

REFUSED = { # kind -> (what is made of a face [h,w], words of the line)
    'floats to 255':(lambda x: x.astype(np.float32), 'divide them by 255'),
    'tensor to 255':(lambda x: tensor(x)[None,None].float(), 'divide them by 255'),
    'floats from -1':(lambda x: x/127.5-1, 'add 1 and divide by 2'),
    'a picture of floats from -1':(lambda x: Image.fromarray(np.float32(x/127.5-1)), 'from -0.'),
    'NaN':(lambda x: np.where(x>90, np.nan, .5), 'not finite'),
    'inf':(lambda x: tensor(np.where(x>90, np.inf, .5)), 'not finite'),
    'NaN in a picture':(lambda x: Image.fromarray(np.float32(x)*np.nan), 'not finite'),
    'a mask':(lambda x: x>90, 'type bool'),
    'a mask of torch':(lambda x: tensor(x)>90, 'type bool'),
    'complex':(lambda x: x*1j, 'type complex128'),
    'complex tensor':(lambda x: tensor(x)*1j, 'type complex64'),
    'int8':(lambda x: (x//2).astype(np.int8), 'type int8'),
    'texts':(lambda x: np.array([['a', 'b']]), 'type <U1'),
    'objects':(lambda x: np.array([[None]]), 'type object'),
    '16 bits':(lambda x: x.astype(np.uint16)*257, 'divide them by 257'),
    'negative':(lambda x: x.astype(int)-99, 'not from 0 to 255'),
    '8 bits in mode I':(lambda x: Image.fromarray(x).convert('I'), 'convert it to L'),
    '3hw':(lambda x: np.stack([x]*3), 'shape [3, 48, 48] may be [c,h,w] or [n,h,w]; give [x]'),
    'torch 3hw':(lambda x: tensor(np.stack([x]*3)), 'shape [3, 48, 48] may be [c,h,w] or [n,h,w]'),
    '4hw':(lambda x: np.stack([x]*4), 'shape [4, 48, 48] may be [c,h,w] or [n,h,w]'),
    '3h3':(lambda x: np.zeros((3, 9, 3)), 'shape [3, 9, 3] may be [c,h,w] or [h,w,c]'),
    '3h3 in a list':(lambda x: [np.zeros((3, 9, 3))], 'picture 0 (the first is 0): an array of'),
    'n2hw':(lambda x: np.stack([x, x])[None], 'shape [1, 2, 48, 48] is no picture'),
    'h':(lambda x: x[0], 'shape [48] is no picture'),
    'nothing':(lambda x: np.array(3), 'shape [] is no picture'),
    'a batch in a list':(lambda x: [x[None,None]], 'is no picture'),
    'sparse':(lambda x: tensor(x).to_sparse(), 'without plain numbers'),
    'meta':(lambda x: torch.zeros(9, 9, device='meta'), 'without plain numbers'),
    'a strip':(lambda x: np.zeros((2, 99), np.uint8), 'a strip of 99 x 2 pixels'),
    'empty':(lambda x: x[:0], 'is empty'),
    'empty picture':(lambda x: Image.new('L', (0, 9)), '0 x 9 pixels is empty'),
    'no batch':(lambda x: torch.zeros(0, 1, 9, 9), 'no picture was given'),
    'no list':(lambda x: [], 'no picture was given'),
    'no generator':(lambda x: iter(()), 'no picture was given'),
    'None':(lambda x: None, 'NoneType is no picture'),
    'a number':(lambda x: 3, 'int is no picture'),
    'a number of NumPy':(lambda x: np.float32(.5), 'float32 is no picture'),
    'a dict':(lambda x: dict(x=x), 'dict is no picture'),
    'bytes':(lambda x: x.tobytes(), 'bytes is no picture'),
    'nested lists':(lambda x: x.tolist(), 'picture 0 (the first is 0): list is no picture'),
    'None in a list':(lambda x: [x, None], 'picture 1 (the first is 0): NoneType is no picture'),
    'floats in a list':(lambda x: [x, x.astype(float)], 'picture 1 (the first is 0): floats from'),
    'no file':(lambda x: 'faces/absent.png', 'faces/absent.png: cannot be read (No such file'),
    'no text':(lambda x: '', 'the path of a picture is empty'),
    'a folder':(lambda x: Path(__file__).parent, 'is a folder'),
    'no name':(lambda x: 'a\0b', 'no name of a file'),
}

@pytest.mark.parametrize('kind', REFUSED)
def test_what_is_not_understood_is_one_line(kind, faces, gasca, cnn2a):
    make, words = REFUSED[kind]
    for ask in (gasca.normalize, gasca.encode, cnn2a.predict):
        with pytest.raises(GascaError) as e: ask(make(faces[1]))
        assert words in str(e.value) and '\n' not in str(e.value), e.value

BAD = {'cut.jpg':'truncated', 'text.png':'not a picture inside', 'empty.png':'empty file',
       'bomb.png':'bomb', 'black.png':'black'}

def test_bad_files_are_refused_as_by_the_command(faces, gasca, tmp_path):
    Image.fromarray(faces[0]).resize((300, 300)).save(tmp_path/'x.jpg', quality=95)
    whole = (tmp_path/'x.jpg').read_bytes()
    (tmp_path/'cut.jpg').write_bytes(whole[:len(whole)//2])
    (tmp_path/'text.png').write_bytes(b'hello')
    (tmp_path/'empty.png').write_bytes(b'')
    (tmp_path/'bomb.png').write_bytes(bomb())
    Image.new('L', (9, 9)).save(tmp_path/'black.png')
    for name, why in BAD.items():
        with pytest.raises(GascaError, match=f'{name}: .*{why}'): gasca.normalize(tmp_path/name)
    with Image.open(tmp_path/'cut.jpg') as im, pytest.raises(GascaError, match='truncated'):
        gasca.normalize(im)

# --- pictures of Pillow's: the same from Python as from a file

def lab(x):
    rgb, to = (ImageCms.createProfile(name) for name in ('sRGB', 'LAB'))
    return ImageCms.profileToProfile(Image.fromarray(x).convert('RGB'), rgb, to, outputMode='LAB')

MODES = { # mode -> (what is made of a face, name of a file that can hold it, off by)
    '1':(lambda x: Image.fromarray(x).convert('1'), 'x.png', 255),
    'P':(lambda x: Image.fromarray(x).convert('P'), 'x.png', 0),
    'CMYK':(lambda x: Image.fromarray(x).convert('CMYK'), 'x.tif', 0),
    'RGBA':(lambda x: Image.fromarray(x).convert('RGBA'), 'x.png', 0),
    'LA':(lambda x: Image.fromarray(x).convert('LA'), 'x.png', 0),
    'LAB':(lab, 'x.tif', 2),
    'I;16':(lambda x: Image.fromarray(x.astype(np.uint16)*257), 'x.png', 0),
    'I':(lambda x: Image.fromarray(x.astype(np.int32)*257), 'x.tif', 0),
    'F':(lambda x: Image.fromarray(np.float32(x/255)), 'x.tif', 0),
    'F to 255':(lambda x: Image.fromarray(np.float32(x)), 'x.tif', 0)}

@pytest.mark.parametrize('mode', MODES)
def test_modes_are_read_as_from_a_file(mode, faces, gasca, tmp_path):
    make, name, off = MODES[mode]
    im = make(faces[1])
    assert im.mode==mode.split()[0]
    im.save(tmp_path/name)
    seen, = gasca.faces(im)
    assert (seen==open_picture(tmp_path/name).grey).all()
    assert (seen==gasca.faces(Image.open(tmp_path/name))).all()
    assert (seen==gasca.faces(tmp_path/name)).all()
    assert abs(seen.astype(int)-faces[1]).max()<=off

@pytest.mark.parametrize('flag', range(1, 9))
def test_pictures_are_turned_upright(flag, faces, gasca, tmp_path):
    exif = Image.Exif()
    exif[0x112] = flag
    Image.fromarray(faces[1]).save(tmp_path/'x.png', exif=exif)
    with Image.open(tmp_path/'x.png') as im:
        turned, = gasca.faces(im)
        stored = np.asarray(im)
    assert (turned==open_picture(tmp_path/'x.png').grey).all()
    assert (turned==stored).all()==(flag==1)

def cut_out(x, mode): # with hidden pixels in the left half
    opacity = Image.new('L', (PX, PX), 255)
    opacity.paste(0, (0, 0, PX//2, PX))
    if mode=='P': # a colour that is a hole
        left = Image.fromarray(np.where(np.arange(PX)<PX//2, 7, x.clip(8)).astype(np.uint8))
        left.info['transparency'] = 7
        return left
    im = Image.fromarray(x).convert(mode)
    im.putalpha(opacity)
    return im

@pytest.mark.parametrize('mode', ['RGBA', 'LA', 'P'])
def test_hidden_pixels_stay_hidden(mode, faces, gasca, tmp_path):
    im = cut_out(faces[1], mode)
    im.save(tmp_path/'x.png')
    for seen in (*gasca.faces(im), open_picture(tmp_path/'x.png').grey):
        assert (seen[:,:PX//2]==BEHIND[0]).all() and seen[:,PX//2:].std()>9

def test_opacity_in_arrays_is_obeyed(faces, gasca):
    x = np.asarray(cut_out(faces[1], 'RGBA'))
    for y in (x, x/255, [torch.from_numpy(x.copy()).permute(2, 0, 1)]):
        assert (gasca.faces(y)[0]==gasca.faces(cut_out(faces[1], 'RGBA'))[0]).all()

def test_a_picture_is_left_as_it_was(faces, gasca):
    x = faces.astype(float)/255
    before = x.copy()
    y = gasca.normalize(x[:,None])
    y[:] = 0
    assert (x==before).all()

# --- weights, and the model as a module

def changed(tmp_path, name, change):
    "Copy published weights with each tensor changed."
    state = {key:change(t) for key, t in load_file(WEIGHTS/f'{name}.safetensors').items()}
    card = load_json(WEIGHTS/f'{name}.json')
    path = tmp_path/f'{name}.safetensors'
    save_model(path, state, **{key:x for key, x in card.items() if key!='sha256'})
    return path

ODD = {'huge':(lambda t: t*1e9, 'beyond'), 'long':(lambda t: t.long(), 'type int64'),
       'complex':(lambda t: t.to(torch.complex64), 'type complex64'),
       'a thousandfold':(lambda t: t*1e3, 'beyond')}

@pytest.mark.parametrize('model', ['gasca1', 'cnn1'])
@pytest.mark.parametrize('kind', ODD)
def test_weights_that_no_training_makes_are_refused(kind, model, tmp_path):
    change, words = ODD[kind]
    load = (GASCA if model=='gasca1' else EmotionClassifier).from_pretrained
    with pytest.raises(GascaError) as e: load(changed(tmp_path, model, change))
    assert words in str(e.value) and '\n' not in str(e.value)

def test_published_weights_are_far_below_the_limit():
    for f in WEIGHTS.glob('*.safetensors'):
        assert max(t.abs().max() for t in load_file(f).values())<ORDINARY/100

VAST = """
import resource, sys, time
from gasca import GASCA, EmotionClassifier, GascaError
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e3 # MB
model = dict(gasca1=GASCA, cnn1=EmotionClassifier)[sys.argv[1]]
model.from_pretrained(sys.argv[1])
before = peak()
for path in sys.argv[2:]:
    try: model.from_pretrained(path)
    except GascaError as e: print(peak()-before, e)
"""

CARDS = dict(nf=1024, px=512), dict(px=512), dict(nf=1024)

@pytest.mark.parametrize('model', ['gasca1', 'cnn1'])
def test_vast_cards_are_refused_before_memory_is_taken(model, tmp_path):
    state, card = load_file(WEIGHTS/f'{model}.safetensors'), load_json(WEIGHTS/f'{model}.json')
    paths = [tmp_path/f'{i}.safetensors' for i in range(len(CARDS))]
    for path, sizes in zip(paths, CARDS): save_model(path, state, sizes=card['sizes']|sizes)
    command = [sys.executable, '-c', VAST, model, *map(str, paths)]
    p = subprocess.run(command, capture_output=True, text=True)
    lines = p.stdout.splitlines()
    assert len(lines)==len(CARDS), p.stderr
    for line in lines: assert 'does not fit' in line and float(line.split()[0])<30

def test_a_model_is_a_module(faces, gasca, cnn2a):
    x = tensor(faces)[:,None]/255
    assert gasca(x).shape==(3, 1, PX, PX) and cnn2a(x).shape==(3, 7)
    assert (grey(gasca(x).detach())==to_front(gasca.net, faces)).all()
    for model in (gasca, cnn2a): assert not any(m.training for m in model.modules())
    assert repr(gasca)=="GASCA('gasca2': 48 px, 267,629 parameters)"
    assert repr(cnn2a).startswith("EmotionClassifier('cnn2a': 48 px, ")

def test_one_reading_serves_all(faces, gasca, cnn2a, monkeypatch):
    asked = []
    def noted(images, px):
        asked.append(px)
        return read_pictures(images, px)
    monkeypatch.setattr('gasca.use.models.read_pictures', noted)
    for ask in (gasca.normalize, gasca.encode, cnn2a.predict): ask(faces[0])
    assert asked==[PX]*3

@pytest.mark.parametrize('kind', ['half', 'double', 'bfloat16'])
def test_numbers_of_another_kind_are_refused_in_a_line(faces, kind):
    model = getattr(GASCA.from_pretrained('gasca1'), kind)()
    for ask in (model.normalize, model.encode, model.faces):
        with pytest.raises(GascaError, match=r'model\.float\(\)'): ask([*faces])
    model.float().normalize([*faces])

def test_autocast_changes_nothing(faces, gasca, cnn2a):
    def answers(): return [np.array(ask([*faces])) for ask in (gasca.normalize, gasca.encode)]
    plain, says = answers(), cnn2a.predict([*faces])
    with torch.autocast('cpu'):
        for one, other in zip(plain, answers()): assert (one==other).all()
        assert cnn2a.predict([*faces]).equals(says)

@pytest.mark.parametrize('name', [None, 5, '', b'gasca1'])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(GascaError, match='no model'): GASCA.from_pretrained(name)

def test_a_model_of_the_other_kind_is_named():
    with pytest.raises(GascaError, match='cnn1 is not for GASCA; it holds classifier'):
        GASCA.from_pretrained('cnn1')
    with pytest.raises(GascaError, match='gasca1 is not for EmotionClassifier; it holds gen'):
        EmotionClassifier.from_pretrained('gasca1')

def test_nobody_is_told_to_delete_weights_of_their_own(tmp_path, gasca, monkeypatch):
    def said(folder):
        gasca.save_pretrained(folder)
        with open(folder/'model.safetensors', 'ab') as f: f.write(b'x')
        with pytest.raises(GascaError) as e: GASCA.from_pretrained(folder)
        return str(e.value)
    own = said(tmp_path/'own')
    assert 'delete it' not in own and own.endswith('get the model again from where it came')
    monkeypatch.setenv('GASCA_MODELS', str(tmp_path/'models'))
    assert 'delete it and run gasca_replicate again' in said(tmp_path/'models/world')

@pytest.mark.parametrize('data, reason', [
    (b'\0\0\0\x0cjP  \r\n\x87\n', 'JPEG 2000'), (b'%PDF-1.7', 'PDF'), (b'MM\0*', 'TIFF'),
    (b'\0\0\0\x1cftypheic', 'HEIC'), (b'hello', 'not a picture inside')])
def test_a_file_of_a_foreign_kind_is_named(tmp_path, gasca, data, reason):
    (tmp_path/'x.png').write_bytes(data+bytes(99))
    with pytest.raises(GascaError, match=reason): gasca.normalize(tmp_path/'x.png')

def test_an_avif_that_was_cut_is_truncated(tmp_path, gasca, faces):
    Image.fromarray(faces[0]).resize((96, 96)).save(tmp_path/'x.avif')
    whole = (tmp_path/'x.avif').read_bytes()
    assert gasca.faces(tmp_path/'x.avif').shape==(1, PX, PX)
    for n in (40, len(whole)//2):
        (tmp_path/'cut.avif').write_bytes(whole[:n])
        with pytest.raises(GascaError, match='truncated|damaged'): gasca.faces(tmp_path/'cut.avif')

def test_colours_multiplied_by_their_opacity(gasca, faces):
    im = Image.fromarray(faces[0])
    for mode in ('LA', 'RGBA'):
        assert (gasca.faces(im.convert(mode).convert(mode[:-1]+'a'))==gasca.faces(im)).all()

def test_what_holds_no_pictures_is_named_itself(tmp_path, gasca, faces):
    Image.fromarray(faces[0]).save(tmp_path/'x.png')
    f = (tmp_path/'x.png').open('rb')
    for x in (f, bytearray(9), memoryview(faces), pd.DataFrame(faces[0])):
        with pytest.raises(GascaError, match=f'^{type(x).__name__} is no picture'): gasca.encode(x)
    f.close()
