"The paper on made-up real corpora, killed once; and no picture of them outside the cache."
import base64
import io
from unittest.mock import patch

import cv2
import fixtures
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from test_corpora import put, state
from test_replicate import command, kill_when

from gasca.core import GascaError, load_json
from gasca.data import load_corpus
from gasca.publish import publish_replication

BOARD = np.kron(np.indices((4, 4)).sum(0)%2, np.ones((8, 8)))*255 # four by four cells
PASTE = fixtures.paste

def marked(face, name, shift=(0, 0)):
    "A photograph with a small chessboard beside the chin: every crop of the face holds it."
    photo = PASTE(face, name, shift)
    w, h, side = fixtures.SIZE[name]
    n = side//5
    board = Image.fromarray(BOARD.astype(np.uint8)).resize((n, n), Image.NEAREST)
    at = (w-side)//2+int(shift[0])+side//20, (h-side)//2+int(shift[1])+side*3//4
    photo.paste(board, at)
    return photo

def match(x, n):
    "How much a picture looks like a board of n pixels somewhere, 0 to 1."
    board = cv2.resize(BOARD.astype(np.float32), (n, n), interpolation=cv2.INTER_AREA)
    variance = cv2.blur(x*x, (n, n))-cv2.blur(x, (n, n))**2
    contrast = np.sqrt(np.maximum(variance, 0)) # the board is black and white
    r = cv2.matchTemplate(x, board, cv2.TM_CCOEFF_NORMED)
    half = n//2
    strong = contrast[half:half+r.shape[0], half:half+r.shape[1]]>40 # a faint pattern is none
    return np.nan_to_num(r*strong, posinf=0, neginf=0).max()

def mark(x):
    "How much a picture looks like the chessboard somewhere, 0 to 1."
    sides = range(7, 1+min(28, *x.shape))
    return max((match(x.astype(np.float32), n) for n in sides), default=0)

def grey(data): return np.asarray(Image.open(io.BytesIO(data)).convert('L'))

def pictures(out):
    "Every picture of a report's folder: files, and those inside executed notebooks."
    for f in out.rglob('*.png'): yield f.name, grey(f.read_bytes())
    for f in out.rglob('*.ipynb'):
        for i, cell in enumerate(load_json(f)['cells']):
            for output in cell.get('outputs', []):
                data = output.get('data', {})
                if 'image/png' not in data: continue
                yield f'{f.name} cell {i}', grey(base64.b64decode(data['image/png']))

def start(d, *more): return command(d/'out', d/'models', *more, GASCA_DATA=str(d/'cache'))

@pytest.fixture(scope='module')
def real(tmp_path_factory):
    d = tmp_path_factory.mktemp('real')
    with patch.object(fixtures, 'paste', marked): fixtures.make_trees(d/'disk')
    before = state(d/'disk')
    args = '--data', str(d/'disk'), '--corpora', 'real'
    steps = d/'out'/'steps.json'
    kill_when(start(d, *args), lambda: steps.is_file() and 'gasca1' in steps.read_text())
    p = start(d, *args)
    log, _ = p.communicate()
    assert p.returncode==0 and 'done before' in log, log
    assert state(d/'disk')==before # nothing under the user's folder was written
    return d

def test_every_run_is_of_a_real_corpus(real):
    runs = {f.stem: load_json(f)['inputs'] for f in (real/'out/runs').glob('*.json')}
    assert all(inputs['rendered'] is False for inputs in runs.values())
    assert {inputs['corpus'] for inputs in runs.values()}=={'Multi-PIE', 'KDEF', 'CFE'}
    assert runs['cnn2b_seed0']['test']=='NAOFaces'

def test_every_caption_says_real(real):
    "Only deviations and explanations tell of rendered corpora: there their effects were measured."
    deviations = '| D1', 'Rendered faces, turned by the models', '§VII explains', '| RenderedKDEF '
    for name in ('README.md', 'table1.md', 'table2.md', 'table3.md'):
        lines = (real/'out'/name).read_text(encoding='utf-8').splitlines()
        rendered = [x for x in lines if 'Rendered' in x]
        assert all(x.startswith(deviations) for x in rendered), rendered

def test_no_path_of_the_users_in_the_report(real):
    texts = [f.read_text(encoding='utf-8') for f in (real/'out').glob('*.md')]
    assert texts and not any(str(real) in text for text in texts)

def test_nothing_of_it_is_published(real, tmp_path, monkeypatch):
    (tmp_path/'nbs').mkdir()
    (tmp_path/'settings.ini').touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GascaError, match='and nothing they touched is published'):
        publish_replication(real/'out', 'smoke')
    assert not (tmp_path/'reports').exists()

def prepared(real):
    folders = [d for d in (real/'cache/real').iterdir() if (d/'corpus.json').is_file()]
    return {c.info['name']: c for c in map(load_corpus, folders)}

def test_the_prepared_faces_carry_the_board(real): # but where they are cut too small
    faces = prepared(real)
    assert len(faces)==6
    seen = {name: np.mean([mark(x)>.8 for x in c.images[::max(1, len(c)//40)]])
            for name, c in faces.items()}
    assert min(seen['Multi-PIE'], seen['KDEF'])>.7, seen
    assert np.mean([*seen.values()])>.6, seen

def test_a_drawn_face_would_be_seen(real):
    faces = prepared(real)['Multi-PIE'].images
    fig, axes = plt.subplots(1, 4, figsize=(4*.72, .74)) # as the notebooks draw them
    for ax, x in zip(axes, faces[::len(faces)//4]):
        ax.imshow(x, cmap='gray', vmin=0, vmax=255)
        ax.axis('off')
    png = io.BytesIO()
    fig.savefig(png, dpi=90)
    plt.close(fig)
    assert mark(grey(png.getvalue()))>.8

def test_no_picture_leaves_the_cache(real):
    found = {name: round(float(mark(x)), 2) for name, x in pictures(real/'out')}
    assert len(found)>8
    assert max(found.values())<.8, found
    assert not list((real/'out').rglob('*.np[yz]'))

@pytest.mark.parametrize('folder,args,says', [
    ('disk', ['--corpora', 'real'], 'Multi-PIE is not under'), ('nowhere', [], 'not a folder')])
def test_a_missing_corpus_is_not_replaced(folder, args, says, real, tmp_path):
    put(tmp_path, 'disk/KDEF/AF01/AF01ANS.JPG')
    p = start(tmp_path, '--data', str(tmp_path/folder), *args)
    log, _ = p.communicate()
    assert p.returncode!=0 and says in log
    assert not list((tmp_path/'out').rglob('*.md'))
