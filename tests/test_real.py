"The paper on made-up real corpora, through the real readers, killed once; and no picture of them outside the cache."
import base64, io, os, signal, time
from pathlib import Path
import cv2, matplotlib.pyplot as plt, numpy as np, pytest
from PIL import Image
import fixtures
from gasca.core import load_json
from gasca.data import load_corpus
from test_corpora import put, state
from test_replicate import command

CHECKS = np.kron(np.indices((4,4)).sum(0)%2, np.ones((8,8)))*255 # four by four cells

def marked(face, name, shift=(0,0), paste=fixtures.paste):
    "A photograph with a small chessboard beside the chin, where every crop of the face holds it."
    im,(w,h,s) = paste(face, name, shift),fixtures.SIZE[name]; n = s//5
    im.paste(Image.fromarray(CHECKS.astype(np.uint8)).resize((n,n), Image.NEAREST), ((w-s)//2+int(shift[0])+s//20, (h-s)//2+int(shift[1])+s*3//4))
    return im

def mark(x):
    "How much a picture looks like the chessboard somewhere, 0 to 1."
    x = x.astype(np.float32); best = 0
    for n in range(7, 29): # sides of the board in pixels
        t = cv2.resize(CHECKS.astype(np.float32), (n,n), interpolation=cv2.INTER_AREA)
        if min(x.shape)<n: continue
        sd = np.sqrt(np.maximum(cv2.blur(x*x, (n,n))-cv2.blur(x, (n,n))**2, 0)) # the board is black and white: a faint pattern is none
        r = cv2.matchTemplate(x, t, cv2.TM_CCOEFF_NORMED); o = n//2; r = r*(sd[o:o+r.shape[0],o:o+r.shape[1]]>40)
        best = max(best, np.nan_to_num(r, posinf=0, neginf=0).max())
    return best

def grey(b): return np.asarray(Image.open(io.BytesIO(b)).convert('L'))

def pictures(out):
    "Every picture of a report's folder: files, and those inside executed notebooks."
    for f in out.rglob('*.png'): yield f.name,grey(f.read_bytes())
    for f in out.rglob('*.ipynb'):
        for i,c in enumerate(load_json(f)['cells']):
            for o in c.get('outputs', []):
                if 'image/png' in o.get('data', {}): yield f'{f.name} cell {i}',grey(base64.b64decode(o['data']['image/png']))

def start(d, *more): return command(d/'out', d/'models', *more, GASCA_DATA=str(d/'cache'))

@pytest.fixture(scope='module')
def real(tmp_path_factory):
    d,whole = tmp_path_factory.mktemp('real'),fixtures.paste
    fixtures.paste = marked
    try: fixtures.make_trees(d/'disk')
    finally: fixtures.paste = whole
    before = state(d/'disk'); args = '--data',str(d/'disk'),'--corpora','real'
    p = start(d, *args)
    for line in p.stdout:
        if '05_pretrain_gasca2_seed0' in line and 'left' in line: break
    time.sleep(5); os.killpg(p.pid, signal.SIGKILL); p.wait()
    p = start(d, *args); log,_ = p.communicate()
    assert p.returncode==0 and 'done before' in log, log
    assert state(d/'disk')==before # nothing under the user's folder was written
    return d

def test_every_caption_says_real(real):
    runs = {f.stem:load_json(f) for f in (real/'out'/'runs').glob('*.json')}
    assert all(r['inputs']['rendered'] is False for r in runs.values())
    assert {r['inputs']['corpus'] for r in runs.values()}=={'Multi-PIE','KDEF','CFE'} and runs['cnn2b_seed0']['inputs']['test']=='NAOFaces'
    for f in ('README.md','table1.md','table2.md','table3.md'): # only the deviations tell of rendered corpora: that is where their effects were measured
        said = [l for l in (real/'out'/f).read_text(encoding='utf-8').splitlines() if 'Rendered' in l]; assert all(l.startswith(('| D1','Rendered faces, turned by the models')) for l in said), said
    assert all(str(real) not in f.read_text(encoding='utf-8') for f in (real/'out').glob('*.md'))

def test_no_picture_leaves_the_cache(real):
    faces = [load_corpus(d) for d in (real/'cache'/'real').iterdir() if (d/'corpus.json').is_file()]; assert len(faces)==6
    seen = {c.info['name']:np.mean([mark(x)>.8 for x in c.images[::max(1,len(c)//40)]]) for c in faces}
    assert min(seen['Multi-PIE'],seen['KDEF'])>.7 and np.mean([*seen.values()])>.6, seen # the crops do carry the board, but where they are cut too small
    fig,ax = plt.subplots(1, 4, figsize=(4*.72,.74)) # as the notebooks draw them
    pie = next(c for c in faces if c.info['name']=='Multi-PIE')
    for a,x in zip(ax, pie.images[::len(pie)//4]): a.imshow(x, cmap='gray', vmin=0, vmax=255); a.axis('off')
    b = io.BytesIO(); fig.savefig(b, dpi=90); plt.close(fig); assert mark(grey(b.getvalue()))>.8 # and a drawn one would be seen
    found = {n:round(float(mark(x)), 2) for n,x in pictures(real/'out')}
    assert len(found)>8 and max(found.values())<.8, found
    assert not list((real/'out').rglob('*.np[yz]'))

def test_a_missing_corpus_is_not_replaced(real, tmp_path):
    put(tmp_path, 'disk/KDEF/AF01/AF01ANS.JPG')
    p = start(tmp_path, '--data', str(tmp_path/'disk'), '--corpora', 'real'); log,_ = p.communicate()
    assert p.returncode!=0 and 'Multi-PIE is not under' in log and not list((tmp_path/'out').rglob('*.md'))
    p = start(tmp_path, '--data', str(tmp_path/'nowhere')); log,_ = p.communicate()
    assert p.returncode!=0 and 'not a folder' in log
