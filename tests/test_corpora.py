"Of the readers, what a notebook cannot show: each fault, kill and resume, memory, exit codes."
import hashlib
import itertools
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import tracemalloc
from functools import partial
import zlib
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fixtures import (
    ODD_LABELS, bomb, face_of, make_kdef, make_oddities, make_trees, of_real_design, paste, picture,
    portrait, write)
from PIL import Image

from gasca.core import GascaError, data_dir, rng
from gasca.corpora import (
    gasca_corpora, get_corpus, prepare, read, read_corpus, recognise, stand_in, verify)
from gasca.corpora.crop import Crops, Photos, crop, find_crops, find_face
from gasca.corpora.pictures import open_picture
from gasca.corpora.prepare import subsample
from gasca.data import COLUMNS, EMOTIONS, split_images
from gasca.faces import render_corpus

ROOT = Path(__file__).parent.parent
SCRIPT = str(Path(sys.executable).with_name('gasca_corpora')) # of this environment
KEYS = ['multipie', 'kdef', 'ckplus', 'jaffe', 'feedtum', 'naofaces']
PREPARE = import_module('gasca.corpora.prepare') # the package has a function of the same name
PART = 'gasca.corpora.pictures.PART'
FIND = 'gasca.corpora.crop.find_shared'

@pytest.fixture(scope='module')
def disk(tmp_path_factory):
    folder = tmp_path_factory.mktemp('user')/'disk'
    faults = make_trees(folder)
    return folder, faults, state(folder)

@pytest.fixture(scope='module')
def prepared(disk, tmp_path_factory):
    out = tmp_path_factory.mktemp('cache')
    return {name: prepare(name, disk[0], out=out) for name in KEYS}

def put(root, *names, data=b'x'):
    for name in names:
        path = Path(root)/name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root

def reasons(skipped): return {x['file']: x['reason'] for x in skipped}

def digest(path): return hashlib.sha256(path.read_bytes()).hexdigest()

def state(folder):
    "Time, mode and contents of everything below a folder."
    def one(p):
        s = p.lstat()
        return s.st_mtime_ns, s.st_mode, digest(p) if p.is_file() else ''

    return {str(p): one(p) for p in [folder, *sorted(folder.rglob('*'))]}

def said(table, *columns):
    "Source -> what its row says."
    rows = table[['source', *columns]].itertuples(index=False)
    return {source: tuple(row) for source, *row in rows}

def names_of(table_or_reasons):
    "The same by file names without folders."
    return {Path(f).name: x for f, x in table_or_reasons.items()}

def everywhere(half):
    "Stands in for find_crops: the same box in each photograph."
    def find(photos, keep=None):
        n = len(photos)
        info = dict(missed={}, tried=0, missed_files=[])
        return Crops(np.tile([half]*3, (n, 1)), np.ones(n, int), info)

    return find

# --- tables against expectations written by hand

SHOTS = {
    'session02/multiview/108/01/05_1/108_02_01_051_17.png':
        ('108', 'F', '2', '01', 'neutral', 0, 0, '051', '17'),
    'session02/multiview/108/02/24_0/108_02_02_240_00.png':
        ('108', 'F', '2', '02', 'surprise', 90, 0, '240', '0'),
    'session03/multiview/213/03/11_0/213_03_03_110_18.png':
        ('213', '', '3', '03', 'disgust', -90, 0, '110', '18'),
    'session04/multiview/001/02/19_0/001_04_02_190_07.png':
        ('001', 'M', '4', '02', 'neutral', 45, 0, '190', '7'),
    'session01/multiview/001/02/20_0/001_01_02_200_05.png':
        ('001', 'M', '1', '02', 'smile', 60, 0, '200', '5')}
UNWANTED = {
    'session01/multiview/001/03/05_1/001_01_03_051_05.png': 'session 1 has no recording 03',
    'session01/multiview/001/01/08_1/001_01_01_081_05.png': 'elevated',
    'session01/multiview/001/01/19_1/001_01_01_191_05.png': 'elevated',
    'session01/multiview/001/01/05_1/001_01_01_051_19.png': 'light 19',
    'session01/multiview/001/01/05_1/001_01_01_051_23.png': 'unknown light',
    'session01/multiview/001/01/05_1/001_01_01_777_01.png': 'unknown camera'}

def test_multipie_table(tmp_path):
    put(tmp_path, *SHOTS, *UNWANTED, 'meta/._x', 'session01/001_01_01_51_05.png')
    people = b'108 57 Female 1 1 0 0\n1 1970 Male 1 0 0 1\n'
    put(tmp_path, 'meta/subject_list.txt', data=people)
    table, skipped = read_corpus('multipie', tmp_path)
    assert list(table.columns)==COLUMNS
    columns = 'person sex session recording expression yaw pitch camera light'.split()
    assert said(table, *columns)==SHOTS
    why = reasons(skipped)
    for file, reason in UNWANTED.items(): assert reason in why[file], file
    assert any('001_01_01_51_05' in f for f in why)

def test_thirteen_cameras(tmp_path):
    cameras = '240 010 200 190 041 050 051 140 130 080 090 120 110'.split()
    put(tmp_path, *[f'001_01_01_{c}_05.png' for c in cameras])
    table = read_corpus('multipie', tmp_path).table
    assert dict(zip(table.camera, table.yaw))==dict(zip(cameras, range(90, -91, -15)))
    assert sorted(subsample(table).yaw)==list(range(-60, 61, 15))

def test_kdef_table(tmp_path):
    good = 'AF01ANFL.JPG AF01AFS.JPG BM35SUHR.jpg AM31H.JPG AF31SAHL.JPG'.split()
    bad = 'AF31V.JPG AF36ANS.JPG AF02XXS.JPG .DS_Store'.split()
    put(tmp_path, *[f'KDEF/{x[:4]}/{x}' for x in good+bad[:3]], 'KDEF/.DS_Store')
    table, skipped = read_corpus('kdef', tmp_path)
    rows = said(table, 'person', 'sex', 'session', 'expression', 'yaw', 'camera')
    assert names_of(rows)=={
        'AF01ANFL.JPG': ('F01', 'F', 'A', 'A', -90, 'FL'),
        'AF01AFS.JPG': ('F01', 'F', 'A', 'F', 0, 'S'),
        'BM35SUHR.jpg': ('M35', 'M', 'B', 'Su', 45, 'HR'),
        'AM31H.JPG': ('M31', 'M', 'A', 'Su', 45, 'HR'),
        'AF31SAHL.JPG': ('F31', 'F', 'A', 'Sa', -45, 'HL')}
    why = names_of(reasons(skipped))
    assert set(why)==set(bad)
    assert why['AF31V.JPG'].startswith('same picture as')
    assert why['.DS_Store']=='hidden file'

@pytest.mark.parametrize('labels', ['Emotion', 'emotion', 'Emotion_labels/Emotion'])
@pytest.mark.parametrize('images', [
    'cohn-kanade-images', 'Images', 'extended-cohn-kanade-images/cohn-kanade-images'])
def test_ckplus_table(tmp_path, labels, images):
    films = {'S005/001': (1, 11), 'S010/002': (1, 14), 'S011/001': (1, 3), 'S014/003': (2, 5)}
    for s, (first, last) in films.items():
        stem = f"{images}/{s}/{s.replace('/', '_')}"
        put(tmp_path, *[f'{stem}_{i:08}.png' for i in range(first, last+1)])
    codes = [('S005/001', 11, 3), ('S010/002', 14, 7), ('S011/001', 3, 2), ('S014/003', 5, 1)]
    for s, n, code in [*codes, ('S099/001', 9, 5)]:
        file = f"{labels}/{s}/{s.replace('/', '_')}_{n:08}_emotion.txt"
        put(tmp_path, file, data=f'   {code:.7e}\n'.encode())
    put(tmp_path, f'{images}/S020/001/S020_001_00000001.png', f'{images}/.DS_Store')
    (tmp_path/labels/'S020/001').mkdir(parents=True)
    table, skipped = read_corpus('ckplus', tmp_path)
    frames = zip(table.person, table.recording, table.expression, table.source.str[-6:-4])
    assert sorted(frames)==[
        ('S005', '001', 'D', '11'), ('S005', '001', 'N', '01'), ('S010', '002', 'N', '01'),
        ('S010', '002', 'Su', '14'), ('S014', '003', 'A', '05')]

    def short(file): # a sequence below the images, or a name
        return file[len(images)+1:] if file.startswith(images) else Path(file).name

    assert {short(f): r for f, r in reasons(skipped).items()}=={
        'S020/001': 'sequence without a label',
        'S014/003': 'frame 1, the neutral one, is missing',
        'S011_001_00000003_emotion.txt': 'contempt is not one of the seven',
        'S099_001_00000009_emotion.txt': 'its peak frame is missing',
        '.DS_Store': 'hidden file'}

def test_jaffe_table(tmp_path):
    put(tmp_path, 'KA.AN1.39.tiff', 'YM.FE3.67.tiff', 'NA.SU2.5.TIF', 'README_FIRST.txt')
    table, skipped = read_corpus('jaffe', tmp_path)
    assert said(table, 'person', 'sex', 'recording', 'expression')=={
        'KA.AN1.39.tiff': ('KA', 'F', '1', 'A'),
        'YM.FE3.67.tiff': ('YM', 'F', '3', 'F'),
        'NA.SU2.5.TIF': ('NA', 'F', '2', 'Su')}
    assert reasons(skipped)=={'README_FIRST.txt': 'not a picture'}

def test_feedtum_table(tmp_path):
    root = tmp_path/'FEEDTUM'
    put(root, *[f'Happiness/0001_2/p_{i}.jpg' for i in range(30)], 'Happiness/loose.jpg')
    table, skipped = read_corpus('feedtum', root)
    rows = said(table, 'person', 'recording', 'expression')
    assert rows=={'Happiness/0001_2/p_20.jpg': ('0001', '2', 'H')}
    assert table.yaw.isna().all()
    assert [*reasons(skipped)]==['Happiness/loose.jpg']

def test_folder_table(tmp_path):
    photos = 'Été 2024/Surprised/moi et toi.png', 'Sa/Ann/y.png', 'Été 2024/hapy/x.png'
    put(tmp_path, *photos)
    table, skipped = read_corpus('folder', tmp_path)
    assert said(table, 'person', 'expression')=={photos[0]: ('', 'Su'), photos[1]: ('Ann', 'Sa')}
    assert [*reasons(skipped)]==[photos[2]]

@pytest.mark.parametrize('name', ['multipie', 'kdef', 'ckplus', 'jaffe'])
def test_rendered_and_real_tables_say_the_same(name, prepared):
    same = ['person', 'session', 'recording', 'expression', 'camera', 'light', 'yaw']
    tables = of_real_design(name).table, prepared[name].table
    rendered, real = (set(map(tuple, t[same].astype(str).values)) for t in tables)
    assert not rendered-real

# --- faults

def test_every_fault(disk):
    folder, faults, _ = disk
    got = {}
    for table, skipped in recognise(folder).values():
        more = verify(table, folder).skipped if len(table) else []
        got |= reasons(skipped+more)
    for file, reason in faults.items():
        if reason: assert reason in got[file], file
    assert set(got)=={f for f, r in faults.items() if r}

def test_prepare_lists_every_fault(disk, prepared):
    faults = {f: r for f, r in disk[1].items() if r}
    got = {}
    for c in prepared.values(): got |= reasons(c.info['skipped'])
    assert not set(faults)-set(got)-{'notes.txt', 'CK+/.DS_Store'}
    for file, reason in faults.items():
        if file in got: assert reason in got[file] or got[file]=='no face found'

@pytest.mark.parametrize('name', KEYS)
def test_corpus_is_whole(name, prepared):
    c = prepared[name]
    assert c.images.dtype==np.uint8
    assert c.images.shape==(len(c.table), 48, 48)
    assert c.info['rendered'] is False
    assert c.info['counts']['images']==len(c)
    assert c.table.sha256.str.len().eq(64).all() and c.table.sha256.is_unique
    assert set(c.info)>={'missed', 'missed_files', 'tried', 'skipped', 'crop', 'counts'}

def likeness(a, b):
    "Correlation of two faces' middles, at the best of some shifts."
    def standard(x): return (x-x.mean())/(x.std()+1e-9)

    def small(x): return Image.fromarray(np.array(x)).resize((24, 24), Image.BOX)

    a, b = (np.asarray(small(x)).astype(float) for x in (a, b))
    middle = standard(a[6:18, 6:18])
    shifts = itertools.product(range(-3, 4), repeat=2)
    return max((middle*standard(b[6+i:18+i, 6+j:18+j])).mean() for i, j in shifts)

@pytest.mark.parametrize('name,step', [('multipie', 16), ('kdef', 6)])
def test_each_face_is_most_like_the_one_it_was_made_of(name, step, prepared):
    c, r = prepared[name], of_real_design(name)
    keys = ['person', 'session', 'recording', 'expression', 'yaw', 'light']
    rows = c.table.assign(i=range(len(c))).merge(r.table.assign(j=range(len(r))), on=keys)
    rows = rows.iloc[::step]
    alike = np.array([[likeness(c.images[i], r.images[j]) for j in rows.j] for i in rows.i])
    assert np.median(np.diag(alike))>.85
    assert np.mean(alike.argmax(1)==np.arange(len(alike)))>.8

def test_rows_and_images_stay_together(tmp_path, monkeypatch):
    "A picture's grey is in its name; every ninth is broken, black, or repeats its neighbour."
    monkeypatch.setattr(PART, 7)
    monkeypatch.setattr(PREPARE, 'find_crops', everywhere(4.))
    root = tmp_path/'NAO'
    (root/'happy').mkdir(parents=True)
    for i in range(40):
        file = root/f'happy/{i:03}.png'
        grey = 0 if i%9==5 else 20+5*(i-(i%9==7))
        if i%9==4: file.write_bytes(b'x'*i)
        else: Image.new('L', (8, 8), grey).save(file)
    c = prepare('naofaces', root, px=4, out=tmp_path/'o')
    kept = [i for i in range(40) if i%9 not in (4, 5, 7)]
    assert [int(Path(f).stem) for f in c.table.source]==kept
    assert c.images[:, 0, 0].tolist()==[20+5*i for i in kept]
    assert c.table.sha256.tolist()==[digest(root/f) for f in c.table.source]
    assert len(c.info['skipped'])==40-len(kept)

def test_upside_down_colour_and_16_bits_are_the_same_picture(tmp_path):
    x = picture('jaffe')
    flag = Image.Exif()
    flag[0x112] = 3
    Image.fromarray(x.astype(np.uint16)*257).save(tmp_path/'a.tiff')
    Image.fromarray(x[::-1, ::-1].copy()).save(tmp_path/'b.png', exif=flag)
    Image.fromarray(x).save(tmp_path/'c.gif')
    Image.fromarray(np.stack([x]*3, -1)).save(tmp_path/'d.png')
    for file in tmp_path.iterdir(): assert (open_picture(file).grey==x).all(), file.name

def test_upside_down_and_16_bits_are_prepared(prepared):
    assert prepared['kdef'].table.source.str.contains('BM09NES').any()
    assert prepared['jaffe'].table.source.str.contains('KM.HA1').any()

@pytest.mark.parametrize('data,why', [
    (b'', 'empty'), (b'no picture', 'not a picture inside'), (bomb(), 'bomb')])
def test_bad_bytes(data, why, tmp_path):
    put(tmp_path, 'NAO/happy/a.png', data=data)
    skipped = verify(read(tmp_path)['naofaces'], tmp_path).skipped
    assert why in reasons(skipped)['NAO/happy/a.png']

def test_large_but_no_attack(tmp_path): # between one and two times the limit Pillow only warns
    b = bytearray(bomb())
    b[16:24] = struct.pack('>II', 10000, 10000)
    b[29:33] = struct.pack('>I', zlib.crc32(bytes(b[12:29])))
    put(tmp_path, 'NAO/happy/a.png', data=bytes(b))
    skipped = verify(read(tmp_path)['naofaces'], tmp_path).skipped
    assert 'bomb' in skipped[0]['reason']

def test_wrong_class_folder(tmp_path):
    put(tmp_path, 'faces/happy/AF01HAS.JPG', 'faces/happy/AF02ANS.JPG')
    table, skipped = read_corpus('kdef', tmp_path)
    assert table.source.tolist()==['faces/happy/AF01HAS.JPG']
    why = {'faces/happy/AF02ANS.JPG': 'its name says A, its folder H'}
    assert reasons(skipped)==why

def test_links_are_not_followed(tmp_path):
    put(tmp_path/'in/KDEF', 'AF01ANS.JPG')
    put(tmp_path/'out', 'AF02ANS.JPG')
    links = {
        'AF02ANS.JPG': ('../../out/AF02ANS.JPG', 'link that leaves the folder'),
        'more': ('../../out', 'link that leaves the folder'),
        'AF03ANS.JPG': ('AF01ANS.JPG', 'link within the folder'),
        'AF04ANS.JPG': ('nowhere', 'link that leads nowhere'),
        'loop': ('..', 'link within the folder')}
    for name, (to, _) in links.items(): os.symlink(to, tmp_path/'in/KDEF'/name)
    table, skipped = read_corpus('kdef', tmp_path/'in')
    assert table.source.tolist()==['KDEF/AF01ANS.JPG']
    assert names_of(reasons(skipped))=={name: why for name, (_, why) in links.items()}

def test_two_versions(tmp_path):
    files = [f'{d}/KDEF/AF{i:02}ANS.JPG' for d in ('old', 'new') for i in range(1, 9)]
    put(tmp_path, *files, 'x/KA.AN1.1.tiff')
    with pytest.raises(GascaError, match='two versions of KDEF: (new and old|old and new)'):
        read(tmp_path)

def test_one_file_twice_is_no_version(tmp_path):
    put(tmp_path, *[f'KDEF/AF{i:02}ANS.JPG' for i in range(1, 20)], 'copy/AF01ANS.JPG')
    table, skipped = read_corpus('kdef', tmp_path)
    assert len(table)==19
    assert sum(r.startswith('same picture as') for r in reasons(skipped).values())==1

def test_odd_names(tmp_path):
    put(tmp_path, 'a b/ünï/AF01ANS.JPG')
    (tmp_path/'a b'/os.fsdecode(b'AF02ANS\xff.JPG')).write_bytes(b'x')
    assert read_corpus('kdef', tmp_path).table.source.tolist()==['a b/ünï/AF01ANS.JPG']
    found = recognise(tmp_path)
    assert 'name is not UTF-8' in reasons(found['kdef'].skipped+found[''].skipped).values()

def test_kdef_at_full_size(tmp_path):
    table, skipped = verify(read_corpus('kdef', make_kdef(tmp_path)).table, tmp_path)
    assert len(table)==4890
    assert {x['reason'] for x in skipped}=={'black'}
    front = subsample(table)
    assert len(front)==2936
    n = front.expression[split_images(front)['test']].value_counts()[EMOTIONS].tolist()
    assert n==[126, 125, 126, 126, 125, 126, 126]
    assert sum(n)==880

# --- what people really hold

@pytest.fixture(scope='module')
def oddities(tmp_path_factory):
    folder = tmp_path_factory.mktemp('odd')/'disk'
    return folder, make_oddities(folder)

def test_every_oddity_is_read_or_has_its_reason(oddities):
    folder, wanted = oddities
    got, read_as = {}, set()
    for table, skipped in recognise(folder).values():
        usable, more = verify(table, folder)
        got |= reasons(skipped+more)
        read_as |= {*usable.source}
    assert read_as=={f for f, why in wanted.items() if not why}
    assert {*got}=={f for f, why in wanted.items() if why}
    for file, why in got.items(): assert wanted[file] in why, file

@pytest.mark.parametrize('sequence', ODD_LABELS)
def test_labels_are_whole_numbers_in_any_encoding(sequence, oddities):
    table = read_corpus('ckplus', oddities[0]).table
    last = table[(table.person==sequence)&table.source.str.endswith('09.png')]
    expression = ODD_LABELS[sequence][1]
    assert last.expression.tolist()==[expression]*bool(expression)

@pytest.mark.parametrize('names,key,why', [
    (['images/S005/001/S005_001_00000011.png'], 'ckplus', 'Emotion_labels.zip is missing'),
    (['Emotion/S005/001/S005_001_00000011_emotion.txt'], 'ckplus', 'peak frame is missing'),
    (['fear/S010_004_00000017.png'], 'ckplus', 'CK+48'),
    (['001_01_01_051_07_crop_128_mask.png'], 'multipie', 'not a name of Multi-PIE'),
    (['session01\\001_01_01_081_07.png'], 'multipie', 'elevated camera'),
    (['AF01XXS.JPG'], 'kdef', 'not a name of KDEF'),
    (['Copy of AF01ANS.JPG'], 'kdef', 'not a name of KDEF'),
    (['KA.AN1.39 (2).tiff'], 'jaffe', 'not a name of JAFFE'),
    (['feedtum/happy/1.jpg'], 'feedtum', 'not <emotion>/<sequence>/<frame>'),
    (['NAOFaces/hapy/1.jpg'], 'naofaces', 'not a class: hapy')])
def test_a_corpus_without_a_picture_says_why(names, key, why, tmp_path, capsys):
    put(tmp_path/'d', *names)
    found = recognise(tmp_path/'d')
    assert not len(found[key].table) and not found[''].skipped
    assert why in found[key].skipped[0]['reason']
    assert read(tmp_path/'d')=={}
    assert get_corpus(key, 'smoke', tmp_path/'d').info['rendered']
    with pytest.raises(GascaError, match='is not under') as e:
        get_corpus(key, 'smoke', tmp_path/'d', 'real')
    assert why in str(e.value)
    with pytest.raises(SystemExit): gasca_corpora(str(tmp_path/'d'), out=str(tmp_path/'m.csv'))
    said = capsys.readouterr().out
    assert why in said and 'belongs to no corpus' not in said
    assert said.count(': missing')==6

def test_a_file_is_left_out_by_one_corpus_only(tmp_path):
    put(tmp_path/'nao', 'KDEF/AF01ANS.JPG', 'pie/001_01_01_081_07.png')
    found = recognise(tmp_path/'nao')
    assert len(found['kdef'].table)==1
    assert [key for key, (_, skipped) in found.items() if skipped]==['multipie']

def test_crops_of_multipie_are_read_and_cut(tmp_path):
    yaws = {'140': -15, '051': 0, '050': 15}
    for i in (1, 2, 3):
        shots, box = portrait(i, yaws.values())
        for camera, shot in zip(yaws, shots):
            face = Image.fromarray(crop(shot, box*[1, 1, 1.4], 128))
            write(tmp_path/'d', f'{i:03}_01_01_{camera}_07_crop_128.png', face)
    c = prepare('multipie', tmp_path/'d', out=tmp_path/'o')
    assert len(c)==9 and not c.info['missed']
    assert dict(zip(c.table.camera, c.table.yaw))==yaws
    straight = c.table[c.table.yaw==0].reset_index()
    wholes = [crop(shots[0], box, 48) for shots, box in (portrait(i, [0]) for i in (1, 2, 3))]
    for i, row in straight.iterrows():
        alike = [likeness(c.images[row['index']], whole) for whole in wholes]
        assert np.argmax(alike)==i and max(alike)>.7

def test_a_photograph_exchanged_with_size_and_time_kept_is_noticed(tmp_path):
    file = write(tmp_path/'NAO', 'happy/1.bmp', paste(face_of('naofaces', 0), 'naofaces'))
    write(tmp_path/'NAO', 'sad/2.bmp', paste(face_of('naofaces', 9), 'naofaces'))
    path = tmp_path/'NAO'/file
    first, at = prepare('naofaces', tmp_path/'NAO', out=tmp_path/'o'), path.stat()
    paste(face_of('naofaces', 4), 'naofaces').save(path)
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns)==(at.st_size, at.st_mtime_ns)
    second = prepare('naofaces', tmp_path/'NAO', out=tmp_path/'o')
    assert second.table.sha256[0]==digest(path)!=first.table.sha256[0]
    assert (second.images[0]!=first.images[0]).any()

def test_no_cell_of_the_manifest_is_a_formula(oddities, tmp_path):
    folder, wanted = oddities
    gasca_corpora(str(folder), out=str(tmp_path/'m.csv'))
    m = pd.read_csv(tmp_path/'m.csv', dtype=str, keep_default_na=False)
    cells = pd.Series(m.drop(columns=['yaw', 'pitch']).values.ravel())
    assert not cells.str.match(r'[=+@\t\r-]').any()
    assert {os.path.normpath(f) for f in m.source}=={*wanted}
    for r in m[m.reason==''].itertuples(): assert digest(folder/r.source)==r.sha256

# --- the user's folder, kill and resume, memory

@pytest.mark.parametrize('out', ['x', ''])
def test_nothing_is_prepared_inside_the_folder(out, disk):
    with pytest.raises(GascaError, match='never written'):
        prepare('jaffe', disk[0], out=disk[0]/out)

def test_no_manifest_inside_the_folder(disk):
    with pytest.raises(SystemExit): gasca_corpora(str(disk[0]), out=str(disk[0]/'m.csv'))

def bytes_of(folder): return {f.name: f.read_bytes() for f in folder.iterdir()}

def folder_of(c): return Path(c.images.filename).parent

def visible(folder): return [d for d in folder.iterdir() if not d.name.startswith('.')]

@pytest.mark.parametrize('when', [0, 1, 3])
def test_stopped_and_resumed_gives_the_same_bytes(when, disk, prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(PART, 4)
    calls = []

    def stop(*args):
        calls.append(1)
        if len(calls)>4*when+2: raise KeyboardInterrupt
        return crop(*args)

    def counted(*args):
        calls.append(1)
        return crop(*args)

    monkeypatch.setattr(PREPARE, 'crop', stop)
    with pytest.raises(KeyboardInterrupt): prepare('jaffe', disk[0], out=tmp_path)
    assert not visible(tmp_path)
    calls.clear()
    monkeypatch.setattr(PREPARE, 'crop', counted)
    c = prepare('jaffe', disk[0], out=tmp_path)
    assert bytes_of(folder_of(c))==bytes_of(folder_of(prepared['jaffe']))
    assert len(calls)==len(c)-4*when
    assert list(tmp_path.iterdir())==[folder_of(c)]

def test_killed_and_resumed_gives_the_same_bytes(disk, prepared, tmp_path):
    folder, out = str(disk[0]), str(tmp_path)
    code = ('from gasca.corpora import pictures, prepare; pictures.PART = 8; '
            f'prepare("kdef", {folder!r}, out={out!r})')
    args = dict(cwd=ROOT, env=dict(os.environ, OMP_NUM_THREADS='1'), stderr=subprocess.DEVNULL)
    p = subprocess.Popen([sys.executable, '-c', code], **args)
    while p.poll() is None and len(list(tmp_path.glob('.*/0*.npz')))<3: time.sleep(.002)
    assert p.poll() is None, 'it was not killed in time'
    p.send_signal(signal.SIGKILL)
    p.wait()
    assert 3<=len(list(tmp_path.glob('.*/0*.npz')))<16
    assert not visible(tmp_path)
    subprocess.run([sys.executable, '-c', code], check=True, **args)
    assert bytes_of(next(tmp_path.iterdir()))==bytes_of(folder_of(prepared['kdef']))

def test_faces_that_were_found_are_not_looked_for_again(disk, prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(PART, 2)
    whole = import_module('gasca.corpora.crop').find_shared
    calls = []

    def stop(*args):
        calls.append(1)
        if len(calls)>5: raise KeyboardInterrupt
        return whole(*args)

    def counted(*args):
        calls.append(1)
        return whole(*args)

    monkeypatch.setattr(FIND, stop)
    with pytest.raises(KeyboardInterrupt): prepare('jaffe', disk[0], out=tmp_path)
    n = len(list(tmp_path.glob('.*/faces*.npz')))
    assert n
    calls.clear()
    monkeypatch.setattr(FIND, counted)
    prepare('jaffe', disk[0], out=tmp_path)
    assert bytes_of(next(tmp_path.iterdir()))==bytes_of(folder_of(prepared['jaffe']))
    assert len(calls)==len(read_corpus('jaffe', disk[0]).table)-2*n

def test_cache_is_used_and_follows_the_files(tmp_path, monkeypatch):
    root, out = tmp_path/'NAO', tmp_path/'o'
    (root/'happy').mkdir(parents=True)
    for i in range(3): paste(face_of('naofaces', i), 'naofaces').save(root/f'happy/{i}.png')
    first = prepare('naofaces', root, out=out)
    with monkeypatch.context() as m:
        m.setattr(PREPARE, 'find_crops', lambda *_: pytest.fail('prepared again'))
        assert prepare('naofaces', root, out=out).info==first.info
    Path(first.images.filename).write_bytes(b'x') # a damaged one is made again
    assert prepare('naofaces', root, out=out).info==first.info
    paste(face_of('naofaces', 5), 'naofaces').save(root/'happy/5.png')
    assert len(prepare('naofaces', root, out=out))==len(first)+1

def test_memory_does_not_grow(tmp_path, monkeypatch):
    monkeypatch.setattr(PART, 64)
    monkeypatch.setattr(PREPARE, 'find_crops', everywhere(12.))
    peak = []
    for n in (300, 1200):
        root = tmp_path/f'NAO{n}'
        (root/'happy').mkdir(parents=True)
        for i in range(n):
            x = np.arange(24*24, dtype=np.uint8).reshape(24, 24)
            x[0, :2] = i%256, i//256
            Image.fromarray(x).save(root/f'happy/{i}.png')
        tracemalloc.start()
        prepare('naofaces', root, px=256, out=tmp_path/'o')
        peak.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peak[1]<64e6 # 300 pictures are 20 MB, 1200 are 79 MB
    assert peak[1]<1.5*peak[0]

def test_the_time_it_will_take_is_announced(disk, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(PART, 5)
    prepare('jaffe', disk[0], out=tmp_path)
    err = capsys.readouterr().err
    assert 'JAFFE: 10 pictures to go' in err
    assert 'a second' in err and 'MB of disk' in err

def test_a_full_disk_is_refused(disk, tmp_path, monkeypatch):
    class Full: free = 10

    monkeypatch.setattr(PART, 5)
    monkeypatch.setattr('shutil.disk_usage', lambda _: Full)
    with pytest.raises(GascaError, match='make room'): prepare('jaffe', disk[0], out=tmp_path)

# --- faces

def plain(seed, size=(480, 640)):
    "A photograph without a face."
    x = np.random.default_rng(seed).integers(90, 110, (480, 640), dtype=np.uint8)
    return Image.fromarray(x).resize(size[::-1])

def test_missed_faces_are_counted_and_listed(tmp_path):
    put(tmp_path, 'NAO/happy/a.png', 'NAO/sad/b.png')
    plain(1).save(tmp_path/'NAO/happy/a.png')
    paste(face_of('ckplus', 0), 'naofaces').save(tmp_path/'NAO/sad/b.png')
    c = prepare('naofaces', tmp_path/'NAO', out=tmp_path/'o')
    assert len(c)==1
    assert c.info['missed']=={'unknown': 1}
    assert c.info['missed_files']==['happy/a.png']
    assert reasons(c.info['skipped'])=={'happy/a.png': 'no face found'}

def test_in_a_studio_a_missed_face_is_cut_where_the_others_are(tmp_path):
    put(tmp_path/'jaffe', 'KA.AN1.1.tiff', 'KA.AN2.2.tiff')
    paste(face_of('ckplus', 0), 'jaffe').save(tmp_path/'jaffe/KA.AN1.1.tiff')
    plain(2, (256, 256)).save(tmp_path/'jaffe/KA.AN2.2.tiff')
    c = prepare('jaffe', tmp_path/'jaffe', out=tmp_path/'o')
    assert len(c)==2
    assert c.info['missed']=={'0': 1}
    assert c.info['missed_files']==['KA.AN2.2.tiff']
    assert not c.info['skipped']

@pytest.mark.parametrize('left,right,mirrored', [
    ('HL', 'HR', []), ('HR', 'HL', ['HL', 'HR'])])
def test_kdef_side_is_measured(left, right, mirrored, tmp_path):
    table = of_real_design('kdef').table
    for i, (yaw, angle) in itertools.product(range(6), ((-45, left), (45, right))):
        face = face_of('kdef', table.index[table.yaw==yaw][i*7])
        put(tmp_path, f'disk/AF{i+1:02}AN{angle}.JPG')
        paste(face, 'kdef').save(tmp_path/f'disk/AF{i+1:02}AN{angle}.JPG', quality=94)
    c = prepare('kdef', tmp_path/'disk', out=tmp_path/'o')
    assert c.info['crop']['mirrored']==mirrored
    assert dict(zip(c.table.camera, c.table.yaw))=={left: -45, right: 45}

def test_one_crop_for_all_lights(disk):
    table = read_corpus('multipie', disk[0]).table
    box = find_crops(Photos('multipie', disk[0], table)).box
    t = table.assign(x=box[:, 0], y=box[:, 1], half=box[:, 2])
    moments = t.groupby(['person', 'session', 'recording', 'camera'])
    assert moments[['x', 'y']].nunique().max(axis=None)==1
    assert t.groupby('camera').half.nunique().max()==1

def test_framing_is_the_rendered_one(disk):
    table = read_corpus('multipie', disk[0]).table
    table = table[table.person!='014'].reset_index(drop=True)
    box = find_crops(Photos('multipie', disk[0], table)).box
    side = 85 # half of the face that was pasted
    who = zip(table.person, table.session)
    at = np.array([rng('chair', p, s).integers(-12, 13, 2) for p, s in who])+[320, 240]
    at[table.person=='213'] = at[(table.person=='001').values][0]
    off = pd.DataFrame(np.c_[(box[:, :2]-at)/side, box[:, 2]/side])
    off = off.groupby(table.yaw.values).median()
    assert off[[0, 1]].abs().max(axis=None)<.15
    assert off[2].between(.85, 1.2).all()

def test_crop_beyond_the_edge():
    x = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert (crop(x, (5, 5, 5), 10)==x).all()
    assert (crop(x, (0, 0, 2), 4)[:2, :2]==x[0, 0]).all()
    assert crop(x, (3.2, 4.9, .1), 6).shape==(6, 6)

def test_no_face_in_a_blank_picture():
    assert find_face(np.full((40, 30), 7, np.uint8)) is None
    assert find_face(np.zeros((2, 2), np.uint8), 45.) is None

# --- one call, and the command

@pytest.fixture
def only(disk, tmp_path, monkeypatch):
    "A folder that holds JAFFE only; rendered corpora are still shared."
    shared = data_dir()/'rendered'
    monkeypatch.setenv('GASCA_DATA', str(tmp_path/'data'))
    drawn = partial(render_corpus, out=shared)
    monkeypatch.setattr(PREPARE, 'render_corpus', lambda *names, **sizes: drawn(*names, **sizes))
    put(tmp_path/'only', 'notes.txt')
    shutil.copytree(disk[0]/'jaffe', tmp_path/'only/jaffe')
    return tmp_path/'only'

def test_what_is_there_is_read_and_the_rest_rendered(only):
    c = get_corpus('jaffe', 'smoke', only)
    assert not c.info['rendered'] and c.info['name']=='JAFFE'
    assert c.images.shape[1]==48
    rendered = [('jaffe', 'smoke', only, 'rendered'), ('kdef', 'smoke', only), ('kdef', 'smoke')]
    assert all(get_corpus(*args).info['rendered'] for args in rendered)

@pytest.mark.parametrize('corpora,where,says', [
    ('real', True, 'KDEF is not under'), ('real', False, 'KDEF is not under'),
    ('fake', True, 'unknown corpora')])
def test_a_real_corpus_is_never_replaced_unasked(corpora, where, says, only):
    with pytest.raises(GascaError, match=says):
        get_corpus('kdef', 'smoke', only if where else '', corpora)

def test_a_rendered_corpus_stands_in(only):
    c = stand_in(get_corpus('jaffe', 'smoke', only), 'smoke')
    assert c.info['rendered'] and c.info['name']=='RenderedJAFFE'
    assert stand_in(c) is c

def command(*args):
    return subprocess.run([SCRIPT, *map(str, args)], capture_output=True, text=True, cwd=ROOT)

def test_the_command_names_every_fault(disk, tmp_path):
    folder, faults, _ = disk
    p = command(folder, '--out', tmp_path/'m.csv')
    assert p.returncode==0, p.stderr
    for file, reason in faults.items():
        if reason: assert file in p.stdout, file
    for words in ('(recalled)', '5 of 249', 'AF31V.JPG is read as AF31SAHL'):
        assert words in p.stdout
    assert ': missing' not in p.stdout
    m = pd.read_csv(tmp_path/'m.csv', dtype=str, keep_default_na=False)
    for r in m[m.reason==''].sample(20, random_state=0).itertuples():
        assert r.sha256==digest(folder/r.source)
        assert int(r.bytes)==(folder/r.source).stat().st_size
    bad = dict(zip(m.source, m.reason!=''))
    assert {f: bad[f] for f in faults}=={f: bool(r) for f, r in faults.items()}

def test_the_command_names_what_is_missing(tmp_path):
    put(tmp_path/'d', 'KA.AN1.39.tiff')
    Image.fromarray(picture('jaffe')).save(tmp_path/'d/KA.AN1.39.tiff')
    p = command(tmp_path/'d', '--out', tmp_path/'m.csv')
    assert p.returncode==0
    assert p.stdout.count(': missing')==5
    trees = 'session01/multiview/001/01/05_1/001_01_01_051_07.png', 'S005_001_00000011_emotion.txt'
    for words in ('licence:', 'kdef.se', *trees): assert words in p.stdout, words

@pytest.mark.parametrize('make,says', [
    (lambda d: None, 'not a folder'),
    (lambda d: d.mkdir(), 'is empty'),
    (lambda d: put(d, 'holiday.jpg'), 'nothing usable'),
    (lambda d: put(d, 'KDEF/AF01ANS.JPG'), 'nothing usable'),
    (lambda d: put(d.parent, 'd'), 'not a folder'),
    (lambda d: put(d, 'a/KDEF/AF01ANS.JPG', 'b/KDEF/AF01ANS.JPG'), 'two versions')])
def test_the_command_refuses_in_one_line(make, says, tmp_path, capsys):
    make(tmp_path/'d')
    with pytest.raises(SystemExit) as e:
        gasca_corpora(str(tmp_path/'d'), out=str(tmp_path/'m.csv'))
    err = capsys.readouterr().err
    assert e.value.code==1
    assert says in err and len(err.strip().splitlines())==1

def test_unreadable_folders(tmp_path, monkeypatch):
    scandir = os.scandir

    def locked(path):
        if str(path).rstrip('/').endswith(('locked', 'closed')):
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    put(tmp_path, 'KDEF/AF01ANS.JPG', 'KDEF/locked/AF02ANS.JPG')
    monkeypatch.setattr(os, 'scandir', locked)
    table, skipped = read_corpus('kdef', tmp_path)
    assert len(table)==1
    assert reasons(skipped)=={'KDEF/locked': 'folder cannot be read (Permission denied)'}
    (tmp_path/'closed').mkdir()
    with pytest.raises(GascaError, match='cannot be read'): read(tmp_path/'closed')

def test_the_folder_is_as_it_was(disk, prepared): # the last: times, modes, contents are the same
    assert state(disk[0])==disk[2]
