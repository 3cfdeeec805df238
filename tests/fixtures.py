"Small trees with the real corpora's names and faults, made of rendered faces."
import functools, itertools, os, struct, zlib
from pathlib import Path
import numpy as np
from PIL import Image
from gasca.core import rng
from gasca.data import EMOTIONS
from gasca.faces import render_corpus

SIZE = dict(multipie=(640,480,170), kdef=(562,762,330), ckplus=(640,490,210), jaffe=(256,256,190), feedtum=(320,240,150), naofaces=(640,480,200)) # width, height, face
KDEF = dict(zip(EMOTIONS, 'AN DI AF HA NE SA SU'.split()))
JAFFE = dict(KDEF, F='FE')
FOLDER = dict(zip(EMOTIONS, 'anger disgust fear happiness neutral sadness surprise'.split()))
CLASS = dict(zip(EMOTIONS, 'angry disgust fear happy neutral sad surprise'.split()))
CAMERA = {'051':'05_1', '041':'04_1', '191':'19_1'} # the rest end in _0
BLACK = 'AF01SUFR AF10AFFR AF11NEHL AF20DIHL AM25DIFL AM34DIFR BF13NEHR BM21DIFL BM22DIHL BM24DIFL'.split() # KDEF's black files

def paste(face, name, shift=(0,0)):
    "Put a face into a plain photograph of a corpus' size."
    w,h,s = SIZE[name]; im = Image.new('L', (w,h), 64)
    im.paste(Image.fromarray(face).resize((s,s), Image.BICUBIC), ((w-s)//2+int(shift[0]), (h-s)//2+int(shift[1])))
    return im

def picture(name, i=0): return np.asarray(paste(np.array(render_corpus(name,'smoke').images[i]), name)) # a photograph, uint8 [h,w]

def _put(root, f, im, **kw):
    p = Path(root)/f; p.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(im, bytes): p.write_bytes(im)
    else: im.save(p, **kw)
    return f

def _pie(p, s, r, c, l): return f"Multi-Pie/data/session{int(s):02}/multiview/{p}/{r}/{CAMERA.get(c, c[:2]+'_0')}/{p}_{int(s):02}_{r}_{c}_{int(l):02}.png"

def _multipie(root):
    c = render_corpus('multipie','smoke'); t = c.table
    for r,x in zip(t.itertuples(), c.images):
        at = rng('chair',r.person,r.session).integers(-12,13,2)
        _put(root, _pie(r.person,r.session,r.recording,r.camera,r.light), paste(x,'multipie',at).convert('RGB'), compress_level=1)
        if r.person=='001': _put(root, _pie('213','3','01',r.camera,r.light), paste(255-np.minimum(255-x,250),'multipie',at), compress_level=1) # came first in session 3
    _put(root, 'Multi-Pie/meta/subject_list.txt', b'1 1980 Male 1 1 0 0\n2 57 Female 1 0 0 0\n')

def _kdef(root):
    c = render_corpus('kdef','smoke'); t = c.table
    for r,x in zip(t.itertuples(), c.images): _put(root, f'KDEF août 2024/KDEF/{r.session}{r.person}/{r.session}{r.person}{KDEF[r.expression]}{r.camera}.JPG', paste(x,
        'kdef').convert('RGB'), quality=94)

def _ckplus(root):
    c = render_corpus('ckplus','smoke'); t = c.table
    for r,x in zip(t.itertuples(), c.images):
        k = f'{r.person}/{r.recording}/{r.person}_{r.recording}_'; at = rng('seat',r.person).integers(-15,16,2)
        _put(root, f"CK+/cohn-kanade-images/{k}{1 if r.expression=='N' else 17:08}.png", paste(x,'ckplus',at))
        if r.expression!='N':
            _put(root, f'CK+/cohn-kanade-images/{k}00000009.png', paste(x//2,'ckplus',at))
            _put(root, f'CK+/Emotion/{k}00000017_emotion.txt', f"   {['N','A','','D','F','H','Sa','Su'].index(r.expression):.7e}\n".encode())

def _others(root):
    for n,file in (('jaffe', lambda r,i: f'jaffe/{r.person}.{JAFFE[r.expression]}{r.recording}.{i+1}.tiff'), ('naofaces', lambda r,
        i: f'NAOFaces/{CLASS[r.expression]}/{r.person}.png')):
        c = render_corpus(n,'smoke')
        for i,(r,x) in enumerate(zip(c.table.itertuples(), c.images)): _put(root, file(r,i), paste(x,n))
    c = render_corpus('feedtum','smoke')
    for r,x in zip(c.table.itertuples(), c.images):
        for k,y in enumerate((x//2, x//2+20, x)): _put(root, f'feedtum/{FOLDER[r.expression]}/{r.person}_{r.recording}/p_{k:03}.jpg', paste(y,'feedtum'), quality=92)

def bomb():
    "A PNG that says it has 400 million pixels."
    chunk = lambda k,d: struct.pack('>I',len(d))+k+d+struct.pack('>I',zlib.crc32(k+d))
    return b'\x89PNG\r\n\x1a\n'+chunk(b'IHDR',struct.pack('>IIBBBBB',20000,20000,8,0,0,0,0))+chunk(b'IDAT',zlib.compress(b'\0'*99))+chunk(b'IEND',b'')

def faults(root):
    "Add every fault; return file -> part of the reason, '' where the file must be read."
    face = lambda n,i: paste(np.array(render_corpus(n,'smoke').images[i])//10*9+9, n) # a face like no other file's
    k = 'KDEF août 2024/KDEF'; flag = Image.Exif(); flag[0x112] = 3
    good = Path(root)/_put(root, _pie('014','1','01','051','8'), face('multipie',4)); half = good.read_bytes()
    out = {
        _put(root, f'{k}/AF31/AF31V.JPG', face('kdef',0), quality=94): '', # misnamed
        _put(root, f'{k}/BM09/BM09NES.JPG', face('kdef',1).rotate(180), quality=94, exif=flag): '', # upside down, and says so
        _put(root, f'{k}/AF20/AF20DIHL.JPG', Image.new('RGB',(562,762))): 'black',
        _put(root, f'{k}/AM05/AM05HAS.JPG', b'this is no picture'): 'not a picture inside',
        _put(root, f'{k}/AF01/AF01ANS copy.JPG', b'x'): 'unknown name',
        _put(root, f'{k}/ABOUT.txt', b'x'): 'not a picture',
        _put(root, _pie('014','1','01','051','7'), half[:len(half)//2]): 'truncated',
        _put(root, _pie('014','1','01','191','7'), half): 'elevated',
        _put(root, _pie('014','1','01','051','19'), half): 'light 19',
        _put(root, 'jaffe/KM.HA1.4.tiff', Image.fromarray(np.asarray(face('jaffe',3)).astype(np.uint16)*257)): '', # 16 bits
        _put(root, 'jaffe/.DS_Store', b'x'): 'hidden', _put(root, 'jaffe/README_FIRST.txt', b'x'): 'not a picture',
        _put(root, 'CK+/.DS_Store', b'x'): 'hidden', _put(root, 'notes.txt', b'x'): 'not a picture',
        _put(root, 'NAOFaces/happy/photo d’été 1.png', face('naofaces',8).convert('RGB')): '',
        _put(root, 'NAOFaces/happy/zz copy.png', (Path(root)/'NAOFaces/happy/01.png').read_bytes()): 'same picture as NAOFaces/happy/01.png',
        _put(root, 'NAOFaces/hapy/1.png', half): 'not a class', _put(root, 'NAOFaces/happy/empty.jpg', b''): 'empty', _put(root, 'NAOFaces/sad/bomb.png', bomb()): 'bomb'}
    _put(root, 'NAOFaces/fear/stray.png', face('naofaces',2)); _put(root, 'NAOFaces/sad/stray.png', (Path(root)/'NAOFaces/fear/stray.png').read_bytes())
    out |= {'NAOFaces/fear/stray.png':'another label', 'NAOFaces/sad/stray.png':'another label'}
    for s,n in (('S501',None), ('S502',2)): # an empty folder of labels; contempt
        _put(root, f'CK+/cohn-kanade-images/{s}/001/{s}_001_00000001.png', face('ckplus',0)); (Path(root)/f'CK+/Emotion/{s}/001').mkdir(parents=True)
        if n is None: out[f'CK+/cohn-kanade-images/{s}/001'] = 'without a label'
        else: out[_put(root, f'CK+/Emotion/{s}/001/{s}_001_00000001_emotion.txt', f'   {n:.7e}'.encode())] = 'contempt'
    (Path(root)/f'{k}/AF09').mkdir(); os.symlink(os.path.abspath(__file__), Path(root)/f'{k}/AF09/AF09ANS.JPG')
    return out|{f'{k}/AF09/AF09ANS.JPG':'leaves the folder'}

def make_trees(root, faulty=True):
    "Make a folder with all six corpora; return what is wrong with it, file -> part of the reason."
    Path(root).mkdir(parents=True)
    for f in (_multipie,_kdef,_ckplus,_others): f(root)
    return faults(root) if faulty else {}

def make_kdef(root):
    "Make KDEF at full size, 4900 files of 2x2 pixels, ten of them black."
    for i,(a,s,n,e,c) in enumerate(itertools.product('AB','FM',range(1,36),KDEF.values(),'FL HL S HR FR'.split())):
        stem = f'{a}{s}{n:02}{e}{c}'; x = np.zeros((2,2),np.uint8)
        if stem not in BLACK: x[:] = 100,i%256; x[0,0] = 50+i//256
        _put(root, f'KDEF/{a}{s}{n:02}/{stem}.JPG', Image.fromarray(x), format='PNG') # lossless, so that no two are alike
    return root
