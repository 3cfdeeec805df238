"Small trees with the real corpora's names and faults, made of rendered faces."
import itertools
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from gasca.core import rng
from gasca.data import EMOTIONS
from gasca.faces import render_corpus
from gasca.faces.acting import actions
from gasca.faces.camera import Cameras, photograph, pose
from gasca.faces.light import flashes
from gasca.faces.people import person, sex_of
from gasca.faces.skin import crease
from gasca.faces.studio import STUDIOS, develop

SIZE = dict( # width, height, side of the face
    multipie=(640, 480, 170), kdef=(562, 762, 330), ckplus=(640, 490, 210), jaffe=(256, 256, 190),
    feedtum=(320, 240, 150), naofaces=(640, 480, 200))
KDEF = dict(zip(EMOTIONS, 'AN DI AF HA NE SA SU'.split()))
JAFFE = dict(KDEF, F='FE')
CKPLUS = ['N', 'A', '', 'D', 'F', 'H', 'Sa', 'Su'] # '' is contempt
FOLDER = dict(zip(EMOTIONS, 'anger disgust fear happiness neutral sadness surprise'.split()))
CLASS = dict(zip(EMOTIONS, 'angry disgust fear happy neutral sad surprise'.split()))
CAMERA = {'051': '05_1', '041': '04_1', '191': '19_1'} # the rest end in _0
BLACK = ( # KDEF's black files
    'AF01SUFR AF10AFFR AF11NEHL AF20DIHL AM25DIFL AM34DIFR BF13NEHR BM21DIFL BM22DIHL BM24DIFL'
    ).split()
PEOPLE = b'1 1980 Male 1 1 0 0\n2 57 Female 1 0 0 0\n' # Multi-PIE's list of subjects
IN_KDEF = 'KDEF août 2024/KDEF'

def of_real_design(name):
    "A rendered corpus of tests, without the sessions that the real KDEF lacks."
    return render_corpus(name, 'smoke', **(dict(others=None) if name=='kdef' else {}))

def paste(face, name, shift=(0, 0)):
    "Put a face into a plain photograph of a corpus' size."
    w, h, side = SIZE[name]
    photo = Image.new('L', (w, h), 64)
    scaled = Image.fromarray(face).resize((side, side), Image.BICUBIC)
    photo.paste(scaled, ((w-side)//2+int(shift[0]), (h-side)//2+int(shift[1])))
    return photo

def face_of(name, i):
    "A rendered face, uint8 [48,48]."
    return np.array(of_real_design(name).images[i])

def picture(name, i=0):
    "A photograph with a rendered face, uint8 [h,w]."
    return np.asarray(paste(face_of(name, i), name))

def portrait(i, yaws):
    "Person i with shoulders, uint8 [yaws,480,480], and the true crop: centre x, y and half side."
    pid, n = f'{i:03}', len(yaws)
    p = person('multipie', pid, sex_of('multipie', pid))
    act = actions(p.actor, 'neutral smile surprise disgust'.split()[i%4], rng('portrait', pid))
    creased = replace(p, tex=crease(p.tex, p.lined, act))
    cameras = Cameras(list(yaws), 480, half=.28, rays=1)
    wall = np.full((1, 480, 480), .25)
    lin = photograph(creased, pose(p, act), cameras, flashes([7]), wall)[:, 0]
    shots = develop(lin, np.full(n, 1.2), np.arange(n), .45, STUDIOS['multipie'])
    return shots, np.array([240, 240, 240*.1/.28])

def write(root, file, content, **options):
    "Write bytes or a picture below a folder; return the file's name."
    path = Path(root)/file
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes): path.write_bytes(content)
    else: content.save(path, **options)
    return file

def images(name):
    "Row and face of each image of a rendered corpus."
    c = of_real_design(name)
    return zip(c.table.itertuples(), c.images)

def multipie_name(person, session, recording, camera, light):
    folder = CAMERA.get(camera, f'{camera[:2]}_0')
    session = f'{int(session):02}'
    shot = f'{person}_{session}_{recording}_{camera}_{int(light):02}.png'
    return f'Multi-Pie/data/session{session}/multiview/{person}/{recording}/{folder}/{shot}'

def _multipie(root):
    for r, x in images('multipie'):
        at = rng('chair', r.person, r.session).integers(-12, 13, 2)
        name = multipie_name(r.person, r.session, r.recording, r.camera, r.light)
        write(root, name, paste(x, 'multipie', at).convert('RGB'), compress_level=1)
        if r.person!='001': continue
        other = paste(255-np.minimum(255-x, 250), 'multipie', at) # 213 came first in session 3
        name = multipie_name('213', '3', '01', r.camera, r.light)
        write(root, name, other, compress_level=1)
    write(root, 'Multi-Pie/meta/subject_list.txt', PEOPLE)

def _kdef(root):
    for r, x in images('kdef'):
        who = r.session+r.person
        name = f'{IN_KDEF}/{who}/{who}{KDEF[r.expression]}{r.camera}.JPG'
        write(root, name, paste(x, 'kdef').convert('RGB'), quality=94)

def _ckplus(root):
    for r, x in images('ckplus'):
        at = rng('seat', r.person).integers(-15, 16, 2)
        film = f'{r.person}/{r.recording}/{r.person}_{r.recording}'
        number = 1 if r.expression=='N' else 17
        write(root, f'CK+/cohn-kanade-images/{film}_{number:08}.png', paste(x, 'ckplus', at))
        if r.expression=='N': continue
        write(root, f'CK+/cohn-kanade-images/{film}_00000009.png', paste(x//2, 'ckplus', at))
        code = f'   {CKPLUS.index(r.expression):.7e}\n'
        write(root, f'CK+/Emotion/{film}_00000017_emotion.txt', code.encode())

def _jaffe(root):
    for i, (r, x) in enumerate(images('jaffe')):
        name = f'jaffe/{r.person}.{JAFFE[r.expression]}{r.recording}.{i+1}.tiff'
        write(root, name, paste(x, 'jaffe'))

def _naofaces(root):
    for r, x in images('naofaces'):
        write(root, f'NAOFaces/{CLASS[r.expression]}/{r.person}.png', paste(x, 'naofaces'))

def _feedtum(root):
    for r, x in images('feedtum'):
        film = f'feedtum/{FOLDER[r.expression]}/{r.person}_{r.recording}'
        for k, frame in enumerate((x//2, x//2+20, x)):
            write(root, f'{film}/p_{k:03}.jpg', paste(frame, 'feedtum'), quality=92)

def bomb():
    "A PNG that says it has 400 million pixels."
    def chunk(kind, data):
        return struct.pack('>I', len(data))+kind+data+struct.pack('>I', zlib.crc32(kind+data))

    header = struct.pack('>IIBBBBB', 20000, 20000, 8, 0, 0, 0, 0)
    data = chunk(b'IDAT', zlib.compress(b'\0'*99))
    return b'\x89PNG\r\n\x1a\n'+chunk(b'IHDR', header)+data+chunk(b'IEND', b'')

def odd(name, i):
    "A photograph with a face like no other file's."
    return paste(face_of(name, i)//10*9+9, name)

def _kdef_faults(root):
    flag = Image.Exif()
    flag[0x112] = 3
    upside_down = odd('kdef', 1).rotate(180)
    write(root, f'{IN_KDEF}/AF31/AF31V.JPG', odd('kdef', 0), quality=94)
    write(root, f'{IN_KDEF}/BM09/BM09NES.JPG', upside_down, quality=94, exif=flag)
    write(root, f'{IN_KDEF}/AF20/AF20DIHL.JPG', Image.new('RGB', (562, 762)))
    write(root, f'{IN_KDEF}/AM05/AM05HAS.JPG', b'this is no picture')
    write(root, f'{IN_KDEF}/AF01/AF01ANS copy.JPG', b'x')
    write(root, f'{IN_KDEF}/ABOUT.txt', b'x')
    (Path(root)/IN_KDEF/'AF09').mkdir()
    os.symlink(os.path.abspath(__file__), Path(root)/IN_KDEF/'AF09/AF09ANS.JPG')
    return {
        f'{IN_KDEF}/AF31/AF31V.JPG': '', # misnamed
        f'{IN_KDEF}/BM09/BM09NES.JPG': '', # upside down, and says so
        f'{IN_KDEF}/AF20/AF20DIHL.JPG': 'black',
        f'{IN_KDEF}/AM05/AM05HAS.JPG': 'not a picture inside',
        f'{IN_KDEF}/AF01/AF01ANS copy.JPG': 'not a name of KDEF',
        f'{IN_KDEF}/ABOUT.txt': 'not a picture',
        f'{IN_KDEF}/AF09/AF09ANS.JPG': 'leaves the folder'}

def _multipie_faults(root):
    shot = '014', '1', '01'
    good = write(root, multipie_name(*shot, '051', '8'), odd('multipie', 4))
    whole = (Path(root)/good).read_bytes()
    return {
        write(root, multipie_name(*shot, '051', '7'), whole[:len(whole)//2]): 'truncated',
        write(root, multipie_name(*shot, '191', '7'), whole): 'elevated',
        write(root, multipie_name(*shot, '051', '19'), whole): 'light 19'}

def _jaffe_faults(root):
    deep = np.asarray(odd('jaffe', 3)).astype(np.uint16)*257
    return {
        write(root, 'jaffe/KM.HA1.4.tiff', Image.fromarray(deep)): '', # 16 bits
        write(root, 'jaffe/.DS_Store', b'x'): 'hidden',
        write(root, 'jaffe/README_FIRST.txt', b'x'): 'not a picture'}

def _naofaces_faults(root):
    first = (Path(root)/'NAOFaces/happy/01.png').read_bytes()
    stray = write(root, 'NAOFaces/fear/stray.png', odd('naofaces', 2))
    again = write(root, 'NAOFaces/sad/stray.png', (Path(root)/stray).read_bytes())
    photo = odd('naofaces', 8).convert('RGB')
    return {
        stray: 'another label',
        again: 'another label',
        write(root, 'NAOFaces/happy/photo d’été 1.png', photo): '',
        write(root, 'NAOFaces/happy/zz copy.png', first): 'same picture as NAOFaces/happy/01.png',
        write(root, 'NAOFaces/hapy/1.png', first): 'not a class',
        write(root, 'NAOFaces/happy/empty.jpg', b''): 'empty',
        write(root, 'NAOFaces/sad/bomb.png', bomb()): 'bomb'}

def _ckplus_faults(root):
    for s in ('S501', 'S502'):
        frame = f'CK+/cohn-kanade-images/{s}/001/{s}_001_00000001.png'
        write(root, frame, odd('ckplus', 0))
        (Path(root)/f'CK+/Emotion/{s}/001').mkdir(parents=True) # of S501 it stays empty
    label = 'CK+/Emotion/S502/001/S502_001_00000001_emotion.txt'
    write(root, label, f'   {2:.7e}'.encode())
    return {
        'CK+/cohn-kanade-images/S501/001': 'without a label',
        label: 'contempt',
        write(root, 'CK+/.DS_Store', b'x'): 'hidden',
        write(root, 'notes.txt', b'x'): 'not a picture'}

def faults(root):
    "Add every fault; return file -> part of the reason, '' where the file must be read."
    found = {}
    makers = _kdef_faults, _multipie_faults, _jaffe_faults, _naofaces_faults, _ckplus_faults
    for make in makers: found |= make(root)
    return found

def make_trees(root, faulty=True):
    "Make a folder with all six corpora; return what is wrong with it, file -> reason's part."
    Path(root).mkdir(parents=True)
    for make in (_multipie, _kdef, _ckplus, _jaffe, _naofaces, _feedtum): make(root)
    return faults(root) if faulty else {}

def make_kdef(root):
    "Make KDEF at full size, 4900 files of 2x2 pixels, ten of them black."
    angles = 'FL HL S HR FR'.split()
    names = itertools.product('AB', 'FM', range(1, 36), KDEF.values(), angles)
    for i, (session, sex, number, expression, angle) in enumerate(names):
        who = f'{session}{sex}{number:02}'
        stem = f'{who}{expression}{angle}'
        x = np.zeros((2, 2), np.uint8)
        if stem not in BLACK:
            x[:] = 100, i%256
            x[0, 0] = 50+i//256
        file = f'KDEF/{who}/{stem}.JPG'
        write(root, file, Image.fromarray(x), format='PNG') # lossless: no two are alike
    return root

ODD_LABELS = { # of CK+: sequence -> bytes of its label file, and expression; '' is refused
    'S601': ('\ufeff   3.0000000e+00\n'.encode(), 'D'),
    'S602': ('   5.0000000e+00\r\n'.encode('utf-16'), 'H'),
    'S603': ('   6.0000000e+00\n'.encode('utf-16-be'), 'Sa'),
    'S604': (b'   7,0000000e+00\r\n', 'Su'),
    'S605': (b'-0.5\n', ''),
    'S606': (b'3.7\n', ''),
    'S607': (b'3,7\n', ''),
    'S608': (b'8.0000000e+00\n', ''),
    'S609': (b'3 5\n', ''),
    'S610': (b'nan', ''),
    'S611': (b'', '')}

def _odd_ckplus(root):
    found = {}
    for i, (s, (data, expression)) in enumerate(ODD_LABELS.items()):
        frames = [f'CK+/images/{s}/001/{s}_001_{n:08}.png' for n in (1, 9)]
        for n, f in enumerate(frames): write(root, f, paste(face_of('ckplus', n)//9*9+i, 'ckplus'))
        label = write(root, f'CK+/Emotion/{s}/001/{s}_001_00000009_emotion.txt', data)
        found |= dict.fromkeys(frames, '') if expression else {label: 'not a label from 0 to 7'}
    return found

def make_oddities(root):
    "Make what people really hold; return file -> reason's part, '' where it is read."
    pie = '001_01_01_051_07'
    reasons = {
        'zip/KDEF\\AF01\\AF01ANS.JPG': '',
        'zip/Multi-Pie\\session01\\001_01_01_051_06.png': '',
        'zip/NAO\\happy\\Ann\\1.png': '',
        f'crops/{pie}_crop_128.png': 'crop beside whole',
        f'crops/{pie}_mask.png': 'not a name of Multi-PIE',
        'crops/001_01_01_051_0٧.png': 'unknown name',
        'KDEF/AF٠٢ANS.JPG': 'unknown name',
        'KDEF/AF02ANS (1).JPG': 'not a name of KDEF',
        'CK+48/anger/S010_004_00000017.png': 'CK+48',
        'CK+48/contempt/S138_008_00000007.png': 'CK+48',
        'Emotion_labels.zip': 'archive',
        'NAO/=HYPERLINK("x")/1.png': 'not a class',
        'NAO/sad/=1+1.png': '',
        '+3.png': 'unknown name',
        '=4/NAO/fear/@SUM(A1)/5.png': '',
        '-7/JAFFE/KA.AN1.39.tiff': '',
        '@6.txt': 'not a picture'}
    for i, file in enumerate(reasons):
        name = 'multipie' if '_0' in file else 'kdef'
        write(root, file, b'PK' if file.endswith(('zip', 'txt')) else odd(name, i))
    return reasons|_odd_ckplus(root)
