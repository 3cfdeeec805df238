"Photographs in, normalised faces out: what is found, what is refused, and nothing else written."
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures import bomb, portrait
from PIL import Image, ImageFile
from test_corpora import put, state

from gasca.core import load_json, rng
from gasca.corpora.detector import crop_box, find_faces
from gasca.corpora.pictures import no_bombs, open_picture
from gasca.faces.studio import clutter
from gasca.use import photo
from gasca.use.models import GASCA, EmotionClassifier
from gasca.use.photo import TURNED, find_photos, gasca_normalize, look, normalize_photos

ROOT = Path(__file__).parent.parent
YAWS = (-60, -45, -30, -15, 0, 15, 30, 45, 60)
SHARE = .15 # of the true crop's side: as far may each edge of a crop be off

@pytest.fixture(scope='module')
def people():
    "Rendered people at nine yaws, and the true crop."
    shots = [portrait(i, YAWS) for i in (31, 32, 33)] # nobody who was measured with
    return np.stack([x for x, _ in shots]), shots[0][1]

def in_a_room(x, at, seed=0):
    "Paste a photograph on a larger, cluttered background."
    page = np.uint8(255*clutter(rng('photo', seed), 900))
    left, top = at
    page[top:top+len(x),left:left+len(x)] = x
    return page

def test_people_in_a_room_are_found_and_cut_as_in_training(people):
    shots, true = people
    for i, yaw in np.ndindex(shots.shape[:2]):
        at = 50+90*i, 300-35*yaw
        faces = find_faces(in_a_room(shots[i,yaw], at, i))
        assert len(faces)==1, (i, YAWS[yaw])
        x, y, half = crop_box(faces[0])-[*at, 0]
        edges = np.array([x-half, y-half, x+half, y+half])
        expected = true[[0, 1, 0, 1]]+true[2]*np.array([-1, -1, 1, 1])
        assert abs(edges-expected).max()<SHARE*2*true[2], (i, YAWS[yaw])
        assert abs(faces[0].yaw-YAWS[yaw])<20, (i, YAWS[yaw])

def turned_in_plane(x, tilt, filler=128):
    return np.asarray(Image.fromarray(x).rotate(-tilt, Image.BICUBIC, fillcolor=filler))

@pytest.mark.parametrize('tilt', (-40, -25, -12, 12, 25, 40))
def test_a_tilted_head_is_set_upright(people, gasca, namer, tilt):
    "Its crop is that of the upright head, within some grey levels; Pillow turned it."
    shots, true = people
    for i, yaw in np.ndindex(3, 9):
        straight, = look(shots[i,yaw], gasca, namer)
        leaning, = look(turned_in_plane(shots[i,yaw], tilt), gasca, namer)
        assert abs(leaning.face.tilt-tilt)<15, (i, YAWS[yaw])
        assert abs(leaning.face.yaw-YAWS[yaw])<20, (i, YAWS[yaw])
        a = np.radians(tilt)
        there = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])@(true[:2]-240)+240
        assert abs(leaning.box[:2]-there).max()<SHARE*2*true[2], (i, YAWS[yaw])
        assert abs(leaning.box[2]-straight.box[2])<.2*true[2], (i, YAWS[yaw])

def test_a_face_that_lies_is_left_out_and_named(people, gasca, namer, tmp_path):
    Image.fromarray(turned_in_plane(people[0][1,4], 60)).save(tmp_path/'lying.png')
    report, = normalize_photos(tmp_path/'lying.png', tmp_path/'out')
    assert report.picture is None and 'turn the photograph upright' in report.says[0]

@pytest.fixture(scope='module')
def gasca(): return GASCA.from_pretrained('gasca2')

@pytest.fixture(scope='module')
def namer(): return EmotionClassifier.from_pretrained('cnn2a')

@pytest.fixture(scope='module')
def run(tmp_path_factory):
    "Run the command as a user does."
    script = tmp_path_factory.mktemp('bin')/'gasca_normalize'
    script.write_text('from gasca.use.photo import gasca_normalize\ngasca_normalize()\n')
    env = dict(os.environ, PYTHONPATH=f"{ROOT}:{os.environ['PYTHONPATH']}")
    def called(*args):
        command = [sys.executable, str(script), *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, env=env)
    return called

@pytest.fixture(scope='module')
def folder(people, tmp_path_factory):
    "A folder of photographs, good and bad."
    top = tmp_path_factory.mktemp('user')/'photos'
    (top/'more').mkdir(parents=True)
    shots, _ = people
    Image.fromarray(np.hstack(shots[0,[1, 4]])).save(top/'two.jpg', quality=95)
    Image.fromarray(shots[1,4]).save(top/'more/two.png')
    Image.fromarray(portrait(31, [90])[0][0]).save(top/'profile.png')
    Image.fromarray(np.full((300, 400), 120, np.uint8)).save(top/'wall.png')
    whole = (top/'two.jpg').read_bytes()
    put(top, 'cut.jpg', data=whole[:len(whole)//2])
    put(top, 'empty.png', data=b'')
    put(top, 'text.png', data=b'this is no picture')
    put(top, 'script.jpg', data=b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n')
    put(top, 'bomb.png', data=bomb())
    put(top, 'notes.txt', data=b'x')
    return top

BAD = {'wall.png':'no face found', 'cut.jpg':'truncated', 'empty.png':'empty file',
       'text.png':'not a picture', 'script.jpg':'not a picture', 'bomb.png':'over 89 million',
       'profile.png':f'beyond ±{TURNED:.0f}°'}

def test_a_folder_is_gone_through_and_left_as_it_was(folder, run, tmp_path):
    before = state(folder)
    p = run(folder, '--out', tmp_path/'out')
    assert p.returncode==0 and not p.stderr, p.stderr
    lines = p.stdout.splitlines()
    assert len(lines)==10 and sum('notes.txt: not a picture' in line for line in lines)==1
    for name, why in BAD.items():
        assert [why in line for line in lines if f'/{name}:' in line]==[True], name
    assert sum('face' in line and '-normalised.png' in line for line in lines)==2
    assert state(folder)==before
    made = sorted(f.name for f in (tmp_path/'out').iterdir())
    names = 'two-2-normalised', 'two-normalised'
    assert made==[f'{name}.{kind}' for name in names for kind in ('json', 'png')]

def test_the_json_says_what_was_seen(folder, people, tmp_path):
    report, = normalize_photos(folder/'two.jpg', tmp_path)
    said = load_json(report.picture.with_suffix('.json'))
    assert said['photo']==str(folder/'two.jpg') and len(said['faces'])==2
    for i, face in enumerate(said['faces']):
        assert face['normalised'] and abs(sum(face['emotions'].values())-1)<1e-5
        middle = face['crop']['left']+face['crop']['side']/2
        assert abs(middle-480*i-240)<SHARE*2*people[1][2]
    with Image.open(report.picture) as picture: assert min(picture.size)>200

@pytest.mark.parametrize('name', BAD)
def test_alone_each_costs_one_line_and_the_exit_code(name, folder, tmp_path, capsys):
    with pytest.raises(SystemExit) as e:
        gasca_normalize([str(folder/name)], out=str(tmp_path/'out'))
    said = capsys.readouterr()
    lines = (said.out+said.err).splitlines()
    assert e.value.code==1 and len(lines)==1 and BAD[name] in lines[0]
    assert not (tmp_path/'out').exists()

def test_what_is_not_there_is_said(tmp_path):
    (tmp_path/'bare').mkdir()
    os.mkfifo(tmp_path/'pipe.png')
    with open(tmp_path/'huge.png', 'wb') as f: f.truncate(10**9) # takes no room
    names = 'bare', 'gone.jpg', 'pipe.png', 'huge.png'
    reports = normalize_photos([tmp_path/x for x in names], tmp_path/'out')
    for r, words in zip(reports, ('no picture', 'no such file', 'neither', 'too large')):
        assert len(r.says)==1 and words in r.says[0]
    found = find_photos([tmp_path/x for x in names])
    assert [bool(why) for _, why in found]==[True, True, False, False]

def test_nothing_is_written_where_photographs_are(folder, run):
    for out in (folder, folder/'below'):
        p = run(folder, '--out', out)
        lines = p.stderr.splitlines()
        assert p.returncode==1 and len(lines)==1 and 'nothing is written' in lines[0]

def test_odd_names_do_not_reach_the_terminal(folder, tmp_path):
    odd = tmp_path/'in'/'a\x1b[31m\nb.png'
    put(tmp_path, f'in/{odd.name}', data=b'')
    report, = normalize_photos(odd, tmp_path/'out')
    assert report.says[0].isprintable() and 'empty file' in report.says[0]

# --- a folder with every hostile file at once

def encoded(x, kind='JPEG', **options):
    "A picture file's bytes."
    f = io.BytesIO()
    Image.fromarray(x).convert('RGB').save(f, kind, **options)
    return f.getvalue()

FLAG = b'MM\0*\0\0\0\x08\0\2\1\x12\0\3\0\0\0\1\0\6\0\0' # lies on its side
EXIF = dict(junk=b'junk', rest=b'Exif\0\0junk', count=b'Exif\0\0II*\0\x08\0\0\0\xff\xff'+bytes(7),
            far=b'Exif\0\0'+FLAG+b'\1\x0f\0\2\x7f\xff\xff\xff\x7f\xff\xff\xff\0\0\0\0')
PHONE = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic'+bytes(999)
ODD_NAME = os.fsdecode(b'caf\xe9.jpg')

@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('exif', EXIF)
def test_malformed_exif_is_no_damage(exif, kind, people, tmp_path):
    x = people[0][0,4]
    data = encoded(x, kind, exif=EXIF[exif], **dict(lossless=True) if kind=='WEBP' else {})
    put(tmp_path, 'x', data=data)
    with no_bombs(): opened = open_picture(tmp_path/'x')
    assert not opened.reason, opened.reason
    seen = np.rot90(opened.grey) if exif=='far' else opened.grey # that flag is sound
    assert abs(seen.astype(int)-x).mean()<3

SAVED = dict(plain={}, progressive=dict(progressive=True), marked=dict(restart_marker_rows=1),
             fine=dict(quality=95, subsampling=0))

@pytest.mark.parametrize('how', SAVED)
def test_a_jpeg_without_its_last_bytes_is_read(how, people, tmp_path):
    data = encoded(people[0][0,4], **SAVED[how])
    put(tmp_path, 'whole.jpg', data=data)
    whole = open_picture(tmp_path/'whole.jpg').grey.astype(int)
    for n in (1, 2, 3, 9):
        put(tmp_path, 'short.jpg', data=data[:-n])
        opened = open_picture(tmp_path/'short.jpg')
        assert not opened.reason, (n, opened.reason)
        assert (abs(opened.grey-whole)>8).mean()<.01
    for share in (.3, .5, .7):
        put(tmp_path, 'half.jpg', data=data[:int(share*len(data))])
        assert open_picture(tmp_path/'half.jpg').reason=='truncated', share
    assert not ImageFile.LOAD_TRUNCATED_IMAGES

def test_faces_of_150_pixels_are_found_in_4000_by_3000(people):
    page = np.uint8(255*clutter(rng('photo', 5), 1000)).repeat(4, 0).repeat(4, 1)[:3000]
    side = round(150/people[1][2]/2*480)
    for i, x in enumerate(people[0][0,1:8]):
        small = np.asarray(Image.fromarray(x).resize((side, side), Image.LANCZOS))
        page[300*i+100:,500*i+100:][:side,:side] = small
    faces = sorted(find_faces(page))
    assert len(faces)==7
    for i, face in enumerate(faces):
        x, y, half = crop_box(face)
        assert abs(np.array([x-500*i, y-300*i])-100-side/2).max()<.15*150 and 55<half<95

@pytest.fixture(scope='module')
def hostile(people, tmp_path_factory):
    "A folder of files each of which went wrong once."
    top = tmp_path_factory.mktemp('user')/'hostile'
    x = people[0][0,4]
    whole = encoded(x)
    for name, data in {
        'a.jfif':whole, 'b.jpe':whole, 'c.avif':encoded(x, 'AVIF'), 'd.heic':PHONE,
        'd.jpg':PHONE, 'e.txt':b'x', 'f.mp4':b'x', '.hidden.jpg':whole, 'h.jpg':whole[:-1],
        'i.jpg':whole[:len(whole)//2], 'j.png':encoded(x, 'PNG', exif=b'junk'),
        'k.png':bomb(), 'l'*240+'.jpg':whole, ODD_NAME:whole, 'n.avif':encoded(x, 'AVIF')[:900],
        'o.jp2':encoded(x, 'JPEG2000'), 'p.png':encoded(x, 'JPEG2000'),
        'm.jpg':encoded(x, exif=EXIF['count']), 'z.jpg':whole}.items(): put(top, name, data=data)
    return top

READ = 'a.jfif', 'b.jpe', 'c.avif', 'h.jpg', 'j.png', 'l'*240+'.jpg', 'm.jpg', 'z.jpg'
NAMED = {'d.heic':'save it as JPEG', 'd.jpg':'save it as JPEG', 'i.jpg':'truncated',
         'n.avif':'truncated', 'o.jp2':'JPEG 2000', 'p.png':'JPEG 2000',
         'e.txt':'not a picture, by its name, and 1 more like it', 'k.png':'make it smaller',
         '.hidden.jpg':'hidden', ascii(ODD_NAME)[1:-1]:'not UTF-8'}

def test_a_hostile_folder_is_gone_through(hostile, run, tmp_path):
    p = run(hostile, '--out', tmp_path/'out')
    assert p.returncode==0 and not p.stderr, p.stderr
    lines = p.stdout.splitlines()
    assert len(lines)==len(READ)+len(NAMED)
    for name in READ: assert any(f'/{name}: 1 face' in line for line in lines), name
    for name, why in NAMED.items():
        assert [why in line for line in lines if f'/{name}:' in line]==[True], name
    assert len([*(tmp_path/'out').glob('*.png')])==len(READ)

def test_a_name_that_is_not_utf_8_is_read_where_it_is_given(hostile, run, tmp_path):
    p = run(hostile/ODD_NAME, hostile/'z.jpg', '--out', tmp_path/'out')
    assert p.returncode==0 and not p.stderr, p.stderr
    assert [': 1 face' in line for line in p.stdout.splitlines()]==[True]*2
    assert load_json(tmp_path/'out/caf\\udce9-normalised.json')['photo'].endswith('caf\\udce9.jpg')

def test_one_photograph_stops_no_other_and_each_has_its_line_at_once(hostile, tmp_path,
                                                                     monkeypatch, capsys):
    real, said = photo.draw, []
    def drawn(turned):
        said.append(capsys.readouterr().out) # what was printed before this photograph
        if len(said)==2: raise MemoryError('no room')
        return real(turned)
    monkeypatch.setattr(photo, 'draw', drawn)
    names = 'a.jfif', 'h.jpg', 'z.jpg'
    gasca_normalize([str(hostile/x) for x in names], out=str(tmp_path/'out'))
    said.append(capsys.readouterr().out)
    assert ['a.jfif: 1 face' in said[1], 'h.jpg: failed (no room)' in said[2]]==[True]*2
    assert 'z.jpg: 1 face' in said[3]
