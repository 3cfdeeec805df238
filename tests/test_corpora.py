"What a notebook cannot show of the readers: every fault by itself, kill and resume, an untouched folder, memory, exit codes."
import hashlib, itertools, json, os, shutil, signal, struct, subprocess, sys, time, tracemalloc, zlib
from pathlib import Path
import numpy as np, pandas as pd, pytest
from PIL import Image
from fixtures import bomb, make_kdef, make_trees, paste, picture
from gasca import corpora
from gasca.core import GascaError, load_json
from gasca.corpora import (get_corpus, crop, find, look, prepare, read, read_ckplus, read_feedtum, read_folder, read_jaffe, read_kdef, read_multipie, recognise,
                           stand_in, thin, verify)
from gasca.data import COLUMNS, EMOTIONS, split_images
from gasca.faces import render_corpus

ROOT = Path(__file__).parent.parent
SCRIPT = str(Path(sys.executable).with_name('gasca_corpora')) # the console script of this environment
KEYS = ['multipie','kdef','ckplus','jaffe','feedtum','naofaces']

@pytest.fixture(scope='module')
def disk(tmp_path_factory):
    d = tmp_path_factory.mktemp('user')/'disk'; faults = make_trees(d)
    return d,faults,state(d)

@pytest.fixture(scope='module')
def prepared(disk, tmp_path_factory):
    out = tmp_path_factory.mktemp('cache')
    return {n:prepare(n, disk[0], out=out) for n in KEYS}

def put(root, *names, data=b'x'):
    for n in names: p = Path(root)/n; p.parent.mkdir(parents=True, exist_ok=True); p.write_bytes(data)
    return root

def reasons(skipped): return {x['file']:x['reason'] for x in skipped}
def state(d): return {str(p):(p.lstat().st_mtime_ns, p.lstat().st_mode, hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else '') for p in [d,
    *sorted(d.rglob('*'))]}
def said(t, *cols): return {s:tuple(r) for s,*r in t[['source',*cols]].itertuples(index=False)}

# --- tables against expectations written by hand

def test_multipie_table(tmp_path):
    f = 'session{s}/multiview/{p}/{r}/{d}/{p}_{s}_{r}_{c}_{l}.png'
    names = [f.format(p=p, s=s, r=r, d=d, c=c, l=l) for p,s,r,d,c,l in [('108','02','01','05_1','051','17'), ('108','02','02','24_0','240','00'), ('213','03','03',
        '11_0','110','18'),
        ('001','04','02','19_0','190','07'), ('001','01','02','20_0','200','05'), ('001','01','03','05_1','051','05'), ('001','01','01','08_1','081','05'),
        ('001','01','01','19_1','191','05'), ('001','01','01','05_1','051','19'), ('001','01','01','05_1','051','23'), ('001','01','01','05_1','777','01')]]
    put(tmp_path, *names, 'meta/._x', 'session01/multiview/001/01/05_1/001_01_01_51_05.png')
    put(tmp_path, 'meta/subject_list.txt', data=b'108 57 Female 1 1 0 0\n1 1970 Male 1 0 0 1\n')
    t,skipped = read_multipie(tmp_path)
    assert list(t.columns)==COLUMNS
    assert said(t, 'person','sex','session','recording','expression','yaw','pitch','camera','light')=={
        names[0]:('108','F','2','01','neutral',0,0,'051','17'), names[1]:('108','F','2','02','surprise',90,0,'240','0'), names[2]:('213','','3','03','disgust',-90,0,
            '110','18'),
        names[3]:('001','M','4','02','neutral',45,0,'190','7'), names[4]:('001','M','1','02','smile',60,0,'200','5')}
    why = reasons(skipped)
    for n,w in zip(names[5:], ('session 1 has no recording 3','elevated','elevated','light 19','unknown light','unknown camera')): assert w in why[n] or w.replace('3',
        '03') in why[n], (n,why[n])
    assert any('001_01_01_51_05' in f for f in why)

def test_thirteen_cameras(tmp_path):
    cams = dict(zip('240 010 200 190 041 050 051 140 130 080 090 120 110'.split(), (90,75,60,45,30,15,0,-15,-30,-45,-60,-75,-90)))
    put(tmp_path, *[f'001_01_01_{c}_05.png' for c in cams])
    t,_ = read_multipie(tmp_path); assert dict(zip(t.camera,t.yaw))==cams
    assert sorted(thin(t).yaw)==list(range(-60,61,15))

def test_kdef_table(tmp_path):
    put(tmp_path, *[f'KDEF/{x[:4]}/{x}' for x in 'AF01ANFL.JPG AF01AFS.JPG BM35SUHR.jpg AM31H.JPG AF31V.JPG AF31SAHL.JPG AF36ANS.JPG AF02XXS.JPG'.split()],
        'KDEF/.DS_Store')
    t,skipped = read_kdef(tmp_path)
    assert {Path(k).name:v for k,v in said(t,'person','sex','session','expression','yaw','camera').items()}=={
        'AF01ANFL.JPG':('F01','F','A','A',-90,'FL'), 'AF01AFS.JPG':('F01','F','A','F',0,'S'), 'BM35SUHR.jpg':('M35','M','B','Su',45,'HR'),
        'AM31H.JPG':('M31','M','A','Su',45,'HR'), 'AF31SAHL.JPG':('F31','F','A','Sa',-45,'HL')}
    why = {Path(f).name:r for f,r in reasons(skipped).items()}
    assert set(why)=={'AF31V.JPG','AF36ANS.JPG','AF02XXS.JPG','.DS_Store'} and why['AF31V.JPG'].startswith('same picture as') and why['.DS_Store']=='hidden file'

@pytest.mark.parametrize('labels', ['Emotion','emotion','Emotion_labels/Emotion'])
@pytest.mark.parametrize('images', ['cohn-kanade-images','Images','extended-cohn-kanade-images/cohn-kanade-images'])
def test_ckplus_table(tmp_path, labels, images):
    for s,n in (('S005/001',11), ('S010/002',14), ('S011/001',3), ('S014/003',5)): put(tmp_path,
        *[f"{images}/{s}/{s.replace('/','_')}_{i:08}.png" for i in range(2 if s=='S014/003' else 1,n+1)])
    for s,n,l in (('S005/001',11,3), ('S010/002',14,7), ('S011/001',3,2), ('S014/003',5,1), ('S099/001',9,5)): put(tmp_path,
        f"{labels}/{s}/{s.replace('/','_')}_{n:08}_emotion.txt", data=f'   {l:.7e}\n'.encode())
    put(tmp_path, f'{images}/S020/001/S020_001_00000001.png', f'{images}/.DS_Store'); (tmp_path/labels/'S020'/'001').mkdir(parents=True)
    t,skipped = read_ckplus(tmp_path); why = {k.split('/',images.count('/')+1)[-1] if k.startswith(images) else Path(k).name:v for k,v in reasons(skipped).items()}
    assert sorted(zip(t.person,t.recording,t.expression,t.source.str[-6:-4]))==[('S005','001','D','11'),('S005','001','N','01'),('S010','002','N','01'),('S010','002',
        'Su','14'),('S014','003','A','05')]
    assert why=={'S020/001':'sequence without a label', 'S014/003':'frame 1, the neutral one, is missing',
        'S011_001_00000003_emotion.txt':'contempt is not one of the seven',
                 'S099_001_00000009_emotion.txt':'its peak frame is missing', '.DS_Store':'hidden file'}

def test_jaffe_feedtum_folder_tables(tmp_path):
    put(tmp_path/'j', 'KA.AN1.39.tiff', 'YM.FE3.67.tiff', 'NA.SU2.5.TIF', 'README_FIRST.txt')
    t,skipped = read_jaffe(tmp_path/'j')
    assert said(t,'person','sex','recording','expression')=={'KA.AN1.39.tiff':('KA','F','1','A'), 'YM.FE3.67.tiff':('YM','F','3','F'), 'NA.SU2.5.TIF':('NA','F','2','Su')}
    assert reasons(skipped)=={'README_FIRST.txt':'not a picture'}
    put(tmp_path/'FEEDTUM', *[f'Happiness/0001_2/p_{i}.jpg' for i in range(30)], 'Happiness/loose.jpg')
    t,skipped = read_feedtum(tmp_path/'FEEDTUM')
    assert said(t,'person','recording','expression')=={'Happiness/0001_2/p_20.jpg':('0001','2',
        'H')} and t.yaw.isna().all() and [*reasons(skipped)]==['Happiness/loose.jpg']
    put(tmp_path/'own', 'Été 2024/Surprised/moi et toi.png', 'Été 2024/hapy/x.png', 'Sa/Ann/y.png')
    t,skipped = read_folder(tmp_path/'own')
    assert said(t,'person','expression')=={'Été 2024/Surprised/moi et toi.png':('','Su'), 'Sa/Ann/y.png':('Ann','Sa')} and [*reasons(skipped)]==['Été 2024/hapy/x.png']

def test_rendered_and_real_tables_say_the_same(disk, prepared):
    same = ['person','session','recording','expression','camera','light','yaw']
    for n in ('multipie','kdef','ckplus','jaffe'):
        t,r = prepared[n].table,render_corpus(n,'smoke').table
        assert not set(map(tuple, r[same].astype(str).values))-set(map(tuple, t[same].astype(str).values)), n

# --- faults

def test_every_fault(disk):
    d,faults,_ = disk; got = {}
    for t,s in recognise(d).values(): got |= reasons(s+(verify(t,d)[1] if len(t) else []))
    for f,r in faults.items(): assert (r in got.get(f,'')) if r else f not in got, (f,r,got.get(f))
    assert set(got)=={f for f,r in faults.items() if r}

def test_prepare_lists_every_fault(disk, prepared):
    d,faults,_ = disk; got = {}
    for c in prepared.values(): got |= reasons(c.info['skipped'])
    assert not {f for f,r in faults.items() if r}-set(got)-{'notes.txt','CK+/.DS_Store'}
    assert all(r in got[f] or got[f]=='no face found' for f,r in faults.items() if r and f in got)

@pytest.mark.parametrize('name', KEYS)
def test_corpus_is_whole(name, prepared):
    c = prepared[name]
    assert c.images.dtype==np.uint8 and c.images.shape==(len(c.table),48,48) and c.info['rendered'] is False and c.info['counts']['images']==len(c)
    assert c.table.sha256.str.len().eq(64).all() and c.table.sha256.is_unique and set(c.info)>={'missed','missed_files','tried','skipped','crop','counts'}

def likeness(a, b): # correlation of two faces' middles, at the best of some shifts
    z = lambda x: (x-x.mean())/(x.std()+1e-9); a,b = (np.asarray(Image.fromarray(np.array(x)).resize((24,24), Image.BOX)).astype(float) for x in (a,b))
    return max((z(a[6:18,6:18])*z(b[6+i:18+i,6+j:18+j])).mean() for i in range(-3,4) for j in range(-3,4))

@pytest.mark.parametrize('name,step', [('multipie',16),('kdef',6)])
def test_images_belong_to_their_rows(name, step, prepared): # each face is most like the rendered one it was made of
    c,r = prepared[name],render_corpus(name,'smoke'); k = ['person','session','recording','expression','yaw','light']
    m = c.table.assign(i=range(len(c))).merge(r.table.assign(j=range(len(r))), on=k)[['i','j']].iloc[::step]
    C = np.array([[likeness(c.images[i],r.images[j]) for j in m.j] for i in m.i])
    assert np.median(np.diag(C))>.85 and np.mean(C.argmax(1)==np.arange(len(C)))>.8, (np.median(np.diag(C)), np.mean(C.argmax(1)==np.arange(len(C))))

def test_rows_and_images_stay_together(tmp_path, monkeypatch): # a picture's grey is in its name; unusable ones lie between
    monkeypatch.setattr(corpora, 'PART', 7); root = tmp_path/'NAO'; (root/'happy').mkdir(parents=True)
    monkeypatch.setattr(corpora, 'frames', lambda n,r,t,keep: (np.tile([4.,4.,4.],(len(t),1)), np.ones(len(t),int), dict(missed={},tried=0,missed_files=[])))
    for i in range(40):
        f = root/'happy'/f'{i:03}.png'
        if i%9==4: f.write_bytes(b'x'*i)
        else: Image.new('L', (8,8), 0 if i%9==5 else 20+5*(i-(i%9==7))).save(f) # every ninth is black, every ninth repeats its neighbour
    c = prepare('naofaces', root, px=4, out=tmp_path/'o'); kept = [i for i in range(40) if i%9 not in (4,5,7)]
    assert [int(Path(f).stem) for f in c.table.source]==kept and c.images[:,0,0].tolist()==[20+5*i for i in kept]
    assert [h==hashlib.sha256((root/f).read_bytes()).hexdigest() for h,f in zip(c.table.sha256,c.table.source)]==[True]*len(c) and len(c.info['skipped'])==40-len(kept)

def test_upside_down_and_16_bits(disk, prepared):
    x = picture('jaffe'); d = disk[0]
    for im in (Image.fromarray(x.astype(np.uint16)*257),):
        f = d.parent/'a.tiff'; im.save(f); assert (look(f)[1]==x).all()
    f = d.parent/'b.png'; e = Image.Exif(); e[0x112] = 3; Image.fromarray(x[::-1,::-1].copy()).save(f, exif=e); assert (look(f)[1]==x).all()
    f = d.parent/'c.gif'; Image.fromarray(x).save(f); assert (look(f)[1]==x).all()
    f = d.parent/'d.png'; Image.fromarray(np.stack([x]*3,-1)).save(f); assert (look(f)[1]==x).all()
    for n in ('kdef','jaffe'): assert any('BM09NES' in s or 'KM.HA1' in s for s in prepared[n].table.source)

@pytest.mark.parametrize('data,why', [(b'', 'empty'), (b'no picture', 'not a picture inside'), (bomb(), 'bomb')])
def test_bad_bytes(data, why, tmp_path):
    f = put(tmp_path, 'NAO/happy/a.png', data=data); assert why in reasons(verify(*[read(f)['naofaces'],f])[1])['NAO/happy/a.png']

def test_large_but_no_attack(tmp_path): # between one and two times the limit Pillow only warns
    b = bytearray(bomb())
    b[16:24] = struct.pack('>II',10000,10000); b[29:33] = struct.pack('>I',zlib.crc32(bytes(b[12:29]))); put(tmp_path, 'NAO/happy/a.png', data=bytes(b))
    assert 'bomb' in verify(read(tmp_path)['naofaces'], tmp_path)[1][0]['reason']

def test_wrong_class_folder(tmp_path):
    put(tmp_path, 'faces/happy/AF01HAS.JPG', 'faces/happy/AF02ANS.JPG')
    t,skipped = read_kdef(tmp_path)
    assert t.source.tolist()==['faces/happy/AF01HAS.JPG'] and reasons(skipped)=={'faces/happy/AF02ANS.JPG':'its name says A, its folder H'}

def test_links(tmp_path):
    put(tmp_path/'in'/'KDEF', 'AF01ANS.JPG'); put(tmp_path/'out', 'AF02ANS.JPG')
    for a,b in (('AF02ANS.JPG','../../out/AF02ANS.JPG'), ('more','../../out'), ('AF03ANS.JPG','AF01ANS.JPG'), ('AF04ANS.JPG','nowhere'), ('loop','..')): os.symlink(b,
        tmp_path/'in'/'KDEF'/a)
    t,s = read_kdef(tmp_path/'in'); assert t.source.tolist()==['KDEF/AF01ANS.JPG']
    assert {Path(f).name:r for f,r in reasons(s).items()}=={'AF02ANS.JPG':'link that leaves the folder', 'more':'link that leaves the folder',
        'AF03ANS.JPG':'link within the folder',
        'AF04ANS.JPG':'link that leads nowhere', 'loop':'link within the folder'}

def test_two_versions(tmp_path):
    put(tmp_path, *[f'{d}/KDEF/AF{i:02}ANS.JPG' for d in ('old','new') for i in range(1,9)], 'x/KA.AN1.1.tiff')
    with pytest.raises(GascaError, match='two versions of KDEF: (new and old|old and new)'): read(tmp_path)

def test_one_file_twice_is_no_version(tmp_path):
    put(tmp_path, *[f'KDEF/AF{i:02}ANS.JPG' for i in range(1,20)], 'copy/AF01ANS.JPG'); t,s = read_kdef(tmp_path)
    assert len(t)==19 and len([r for r in reasons(s).values() if r.startswith('same picture as')])==1

def test_odd_names(tmp_path):
    put(tmp_path, 'a b/ünï/AF01ANS.JPG'); (tmp_path/'a b').joinpath(os.fsdecode(b'AF02ANS\xff.JPG')).write_bytes(b'x')
    t,s = read_kdef(tmp_path); assert t.source.tolist()==['a b/ünï/AF01ANS.JPG'] and 'name is not UTF-8' in reasons(recognise(tmp_path)['kdef'][1]+recognise(tmp_path)[''][1]).values()

def test_kdef_full(tmp_path):
    t,skipped = verify(read_kdef(make_kdef(tmp_path))[0], tmp_path)
    assert len(t)==4890 and {x['reason'] for x in skipped}=={'black'}
    t = thin(t); n = t.expression[split_images(t)['test']].value_counts()[EMOTIONS].tolist()
    assert len(t)==2936 and n==[126,125,126,126,125,126,126] and sum(n)==880

# --- the user's folder, kill and resume, memory

def test_nothing_is_written_into_the_folder(disk):
    for f in (lambda: prepare('jaffe', disk[0], out=disk[0]/'x'), lambda: prepare('jaffe', disk[0], out=disk[0])):
        with pytest.raises(GascaError, match='never written'): f()
    with pytest.raises(SystemExit): corpora.gasca_corpora(str(disk[0]), out=str(disk[0]/'m.csv'))

def bytes_of(c): d = Path(c.images.filename).parent; return {f.name:f.read_bytes() for f in d.iterdir()}

@pytest.mark.parametrize('when', [0,1,3])
def test_stopped_and_resumed_gives_the_same_bytes(when, disk, prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, 'PART', 4); calls = []; crop0 = corpora.crop
    def stop(*a): calls.append(1); return crop0(*a) if len(calls)<=4*when+2 else (_ for _ in ()).throw(KeyboardInterrupt)
    with monkeypatch.context() as m:
        m.setattr(corpora, 'crop', stop)
        with pytest.raises(KeyboardInterrupt): prepare('jaffe', disk[0], out=tmp_path)
    assert not [d for d in tmp_path.iterdir() if not d.name.startswith('.')]
    n = []; monkeypatch.setattr(corpora, 'crop', lambda *a: n.append(1) or crop0(*a))
    c = prepare('jaffe', disk[0], out=tmp_path)
    assert bytes_of(c)==bytes_of(prepared['jaffe']) and len(n)==len(c)-4*when and [d.name for d in tmp_path.iterdir()]==[Path(c.images.filename).parent.name]

def test_killed_and_resumed_gives_the_same_bytes(disk, prepared, tmp_path):
    code = f'from gasca import corpora; corpora.PART = 8; corpora.prepare("kdef", {str(disk[0])!r}, out={str(tmp_path)!r})'
    p = subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, env=dict(os.environ, OMP_NUM_THREADS='1'), stderr=subprocess.DEVNULL)
    while p.poll() is None and len(list(tmp_path.glob('.*/0*.npz')))<3: time.sleep(.002)
    assert p.poll() is None, 'it was not killed in time'
    p.send_signal(signal.SIGKILL); p.wait(); left = {f:f.stat().st_mtime_ns for f in tmp_path.glob('.*/0*.npz') if not f.name.endswith('.part')}
    assert 3<=len(left)<16 and not [d for d in tmp_path.iterdir() if not d.name.startswith('.')]
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True, env=dict(os.environ, OMP_NUM_THREADS='1'), stderr=subprocess.DEVNULL)
    d = next(tmp_path.iterdir()); assert {f.name:f.read_bytes() for f in d.iterdir()}==bytes_of(prepared['kdef'])

def test_faces_that_were_found_are_not_looked_for_again(disk, prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, 'PART', 2); whole,calls = corpora._group_box,[]
    def box(name, root, t, rows, *a):
        calls.append(int(rows[0]))
        if len(calls)>5: raise KeyboardInterrupt
        return whole(name, root, t, rows, *a)
    monkeypatch.setattr(corpora, '_group_box', box)
    with pytest.raises(KeyboardInterrupt): prepare('jaffe', disk[0], out=tmp_path)
    n = len(list(tmp_path.glob('.*/faces*.npz'))); assert n
    calls.clear(); monkeypatch.setattr(corpora, '_group_box', lambda *a: (calls.append(0), whole(*a))[1])
    prepare('jaffe', disk[0], out=tmp_path)
    d = next(tmp_path.iterdir()); assert {f.name:f.read_bytes() for f in d.iterdir()}==bytes_of(prepared['jaffe'])
    assert len(calls)==len(read_jaffe(disk[0])[0])-2*n

def test_cache_is_used_and_follows_the_files(tmp_path, monkeypatch):
    root = tmp_path/'NAO'; c0 = render_corpus('naofaces','smoke')
    for i in range(3): (root/'happy').mkdir(parents=True, exist_ok=True); paste(np.array(c0.images[i]),'naofaces').save(root/'happy'/f'{i}.png')
    a = prepare('naofaces', root, out=tmp_path/'o'); monkeypatch.setattr(corpora, 'frames', lambda *_: pytest.fail('prepared again'))
    assert prepare('naofaces', root, out=tmp_path/'o').info==a.info
    (Path(a.images.filename)).write_bytes(b'x'); monkeypatch.undo()
    assert prepare('naofaces', root, out=tmp_path/'o').info==a.info # a damaged one is made again
    paste(np.array(c0.images[5]),'naofaces').save(root/'happy'/'5.png'); assert len(prepare('naofaces', root, out=tmp_path/'o'))==len(a)+1

def test_memory_does_not_grow(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, 'PART', 64); x = np.arange(24*24, dtype=np.uint8).reshape(24,24)
    monkeypatch.setattr(corpora, 'frames', lambda n,r,t,keep: (np.tile([12.,12.,12.],(len(t),1)), np.ones(len(t),int), dict(missed={},tried=0,missed_files=[])))
    peak = []
    for n in (300,1200):
        root = tmp_path/f'NAO{n}'; (root/'happy').mkdir(parents=True)
        for i in range(n): y = x.copy(); y[0,:2] = i%256,i//256; Image.fromarray(y).save(root/'happy'/f'{i}.png')
        tracemalloc.start(); prepare('naofaces', root, px=256, out=tmp_path/'o'); peak.append(tracemalloc.get_traced_memory()[1]); tracemalloc.stop()
    assert peak[1]<64e6 and peak[1]<1.5*peak[0] # 300 pictures are 20 MB, 1200 are 79 MB

def test_projection(disk, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(corpora, 'PART', 5); prepare('jaffe', disk[0], out=tmp_path); said = capsys.readouterr().err
    assert 'JAFFE: 10 pictures to go' in said and 'a second' in said and 'MB of disk' in said
    class Full: free = 10
    monkeypatch.setattr(corpora.shutil, 'disk_usage', lambda _: Full)
    with pytest.raises(GascaError, match='make room'): prepare('jaffe', disk[0], out=tmp_path/'b')

# --- faces

def test_missed_faces_are_counted_and_listed(tmp_path):
    plain = lambda k: Image.fromarray(np.random.default_rng(k).integers(90,110,(480,640),dtype=np.uint8)); face = np.array(render_corpus('ckplus','smoke').images[0])
    for n in (('NAO/happy/a.png', None), ('NAO/sad/b.png', face)): p = tmp_path/n[0]; p.parent.mkdir(parents=True); (plain(1) if n[1] is None else paste(face,
        'naofaces')).save(p)
    c = prepare('naofaces', tmp_path/'NAO', out=tmp_path/'o')
    assert c.info['missed']=={'unknown':1} and c.info['missed_files']==['happy/a.png'] and reasons(c.info['skipped'])=={'happy/a.png':'no face found'} and len(c)==1
    j = tmp_path/'jaffe'; j.mkdir(); paste(face,'jaffe').save(j/'KA.AN1.1.tiff'); plain(2).resize((256,256)).save(j/'KA.AN2.2.tiff')
    c = prepare('jaffe', j, out=tmp_path/'o'); assert len(c)==2 and c.info['missed']=={'0':1} and c.info['missed_files']==['KA.AN2.2.tiff'] and not c.info['skipped']

def test_kdef_side_is_measured(tmp_path):
    r = render_corpus('kdef','smoke')
    for f,a in (('as','HL HR'), ('other','HR HL')):
        for i,yaw in itertools.product(range(6),(-45,45)):
            k = r.table.index[(r.table.yaw==yaw)][i*7]; p = tmp_path/f/f"AF{i+1:02}AN{a.split()[yaw>0]}.JPG"; p.parent.mkdir(exist_ok=True)
            paste(np.array(r.images[k]),'kdef').save(p, quality=94)
    one,other = (prepare('kdef', tmp_path/f, out=tmp_path/'o') for f in ('as','other'))
    assert one.info['crop']['mirrored']==[] and other.info['crop']['mirrored']==['HL','HR']
    assert dict(zip(one.table.camera,one.table.yaw))=={'HL':-45,'HR':45} and dict(zip(other.table.camera,other.table.yaw))=={'HL':45,'HR':-45}

def test_one_crop_for_all_lights(disk):
    t = read_multipie(disk[0])[0]; box,_,_ = corpora.frames('multipie', disk[0], t); g = t.assign(x=box[:,0], y=box[:,1], h=box[:,2])
    assert g.groupby(['person','session','recording','camera'])[['x','y']].nunique().max(axis=None)==1 and g.groupby('camera').h.nunique().max()==1

def test_framing_is_the_rendered_one(disk):
    d = disk[0]; t = read_multipie(d)[0]; t = t[t.person!='014'].reset_index(drop=True); box,_,_ = corpora.frames('multipie', d, t)
    side = 85 # half of the face that was pasted
    at = np.array([np.array([320,240])+rng_chair(p,s) for p,s in zip(t.person,t.session)]); at[t.person=='213'] = at[(t.person=='001').values][0]
    off = pd.DataFrame(np.c_[(box[:,:2]-at)/side, box[:,2]/side]).groupby(t.yaw.values).median()
    assert off[[0,1]].abs().max(axis=None)<.15 and off[2].between(.85,1.2).all()

def rng_chair(p, s):
    from gasca.core import rng
    return rng('chair',p,s).integers(-12,13,2)

def test_crop_beyond_the_edge():
    x = np.arange(100, dtype=np.uint8).reshape(10,10)
    assert (crop(x, (5,5,5), 10)==x).all() and (crop(x, (0,0,2), 4)[:2,:2]==x[0,0]).all() and crop(x, (3.2,4.9,.1), 6).shape==(6,6)
    assert find(np.full((40,30),7,np.uint8)) is None and find(np.zeros((2,2),np.uint8), 45) is None

# --- one call, and the command

def test_corpus_auto_real_rendered(disk, prepared, tmp_path, monkeypatch):
    monkeypatch.setenv('GASCA_DATA', str(tmp_path)); put(tmp_path/'only', 'notes.txt')
    shutil.copytree(disk[0]/'jaffe', tmp_path/'only'/'jaffe'); only = tmp_path/'only'
    monkeypatch.setattr(corpora, 'render_corpus', lambda n,s: render_corpus(n, s, out=ROOT/'data'/'rendered'))
    a = get_corpus('jaffe','smoke',only); assert not a.info['rendered'] and a.info['name']=='JAFFE' and a.images.shape[1]==48
    assert get_corpus('jaffe','smoke',only,'rendered').info['rendered'] and get_corpus('kdef','smoke',only).info['rendered'] and get_corpus('kdef','smoke').info['rendered']
    for args in ((only,'real'),('','real')):
        with pytest.raises(GascaError, match='KDEF is not under'): get_corpus('kdef','smoke',*args)
    with pytest.raises(GascaError, match='unknown corpora'): get_corpus('kdef','smoke',only,'fake')
    s = stand_in(a,'smoke'); assert s.info['rendered'] and s.info['name']=='RenderedJAFFE' and stand_in(s) is s

def command(*args): return subprocess.run([SCRIPT, *map(str,args)], capture_output=True, text=True, cwd=ROOT)

def test_command(disk, tmp_path):
    d,faults,_ = disk; p = command(d, '--out', tmp_path/'m.csv'); assert p.returncode==0, p.stderr
    for f,r in faults.items():
        if r: assert f in p.stdout, f
    assert '(recalled)' in p.stdout and '5 of 249' in p.stdout and 'AF31V.JPG is read as AF31SAHL' in p.stdout and ': missing' not in p.stdout
    m = pd.read_csv(tmp_path/'m.csv', dtype=str, keep_default_na=False)
    for r in m[m.reason==''].sample(20, random_state=0).itertuples():
        assert r.sha256==hashlib.sha256((d/r.source).read_bytes()).hexdigest() and int(r.bytes)==(d/r.source).stat().st_size
    assert dict(zip(m.source,m.reason!=''))|{f:bool(r) for f,r in faults.items()}==dict(zip(m.source,m.reason!=''))

def test_command_names_what_is_missing(tmp_path):
    Image.fromarray(picture('jaffe')).save(put(tmp_path/'d', 'KA.AN1.39.tiff')/'KA.AN1.39.tiff'); p = command(tmp_path/'d', '--out', tmp_path/'m.csv')
    assert p.returncode==0 and p.stdout.count(': missing')==5
    for w in ('licence:', 'kdef.se', 'session01/multiview/001/01/05_1/001_01_01_051_07.png', 'S005_001_00000011_emotion.txt'): assert w in p.stdout, w

@pytest.mark.parametrize('make,says', [(lambda d: None, 'not a folder'), (lambda d: d.mkdir(), 'is empty'), (lambda d: put(d,'holiday.jpg'), 'nothing usable'),
    (lambda d: put(d,'KDEF/AF01ANS.JPG'), 'nothing usable'), (lambda d: put(d.parent,'d'), 'not a folder'),
    (lambda d: put(d,'a/KDEF/AF01ANS.JPG','b/KDEF/AF01ANS.JPG'), 'two versions')])
def test_command_refuses(make, says, tmp_path, monkeypatch, capsys):
    make(tmp_path/'d')
    with pytest.raises(SystemExit) as e: corpora.gasca_corpora(str(tmp_path/'d'), out=str(tmp_path/'m.csv'))
    err = capsys.readouterr().err; assert e.value.code==1 and says in err and len(err.strip().splitlines())==1

def test_unreadable_folders(tmp_path, monkeypatch):
    put(tmp_path, 'KDEF/AF01ANS.JPG', 'KDEF/locked/AF02ANS.JPG'); real = os.scandir
    def scandir(p):
        if str(p).rstrip('/').endswith(('locked','closed')): raise PermissionError(13,'Permission denied',str(p))
        return real(p)
    monkeypatch.setattr(corpora.os, 'scandir', scandir); t,s = read_kdef(tmp_path)
    assert len(t)==1 and reasons(s)=={'KDEF/locked':'folder cannot be read (Permission denied)'}
    (tmp_path/'closed').mkdir()
    with pytest.raises(GascaError, match='cannot be read'): read(tmp_path/'closed')

def test_the_folder_is_as_it_was(disk, prepared): # the last test: after all the others, contents, times and modes are the same
    assert state(disk[0])==disk[2]
