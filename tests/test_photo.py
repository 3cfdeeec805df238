"Photographs in, normalised faces out: what is found, what is refused, and nothing else written."
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures import bomb, portrait
from PIL import Image
from test_corpora import put, state

from gasca.core import load_json, rng
from gasca.corpora.detector import crop_box, find_faces
from gasca.faces.studio import clutter
from gasca.use.photo import TURNED, find_photos, gasca_normalize, normalize_photos

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
       'text.png':'not a picture', 'script.jpg':'not a picture', 'bomb.png':'bomb',
       'profile.png':f'beyond ±{TURNED:.0f}°'}

def test_a_folder_is_gone_through_and_left_as_it_was(folder, run, tmp_path):
    before = state(folder)
    p = run(folder, '--out', tmp_path/'out')
    assert p.returncode==0 and not p.stderr, p.stderr
    lines = p.stdout.splitlines()
    assert len(lines)==9
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
