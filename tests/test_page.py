"The committed playground is whole, small, asks for nothing, and what it says of its faces is true."
import base64
import io
import json
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save

from gasca.faces import render_corpus
from gasca.faces.people import person
from gasca.faces.plans import make_take, plan
from gasca.faces.studio import capture
from gasca.pretrain import PUBLISHED, Options, load_gasca, shallow, to_front
from gasca.train import Generator
from gasca.use.models import EmotionClassifier
from gasca.use.page import NETS, NODE_SCRIPT, PAGE, packed, target_of

ROOT = Path(__file__).parent.parent
PLAYGROUND = ROOT/'reports'/'playground.html'
EMOTIONS = ['angry', 'disgusted', 'afraid', 'happy', 'neutral', 'sad', 'surprised']

def text(): return PLAYGROUND.read_text(encoding='utf-8')

def data(): return json.loads(re.search(r'^const DATA = (\{.*\})$', text(), re.M)[1])

def faces():
    "The sheet of the page, as [people,7,yaws,lights,48,48]."
    d = data()
    jpeg = base64.b64decode(d['sheet'].removeprefix('data:image/jpeg;base64,'))
    rows = len(d['person']), len(d['expression'])
    columns = len(d['yaw']), len(d['light'])
    sheet = np.asarray(Image.open(io.BytesIO(jpeg)))
    return sheet.reshape(*rows, 48, *columns, 48).transpose(0, 1, 3, 4, 2, 5)

def said(name):
    "How many are right, of how many, in per cent, as the page says it."
    found = re.search(rf'<span id="{name}">(\d+) of (\d+) \((\d+) %\)</span>', text())
    return tuple(map(int, found.groups()))

@pytest.fixture(scope='module')
def judged():
    "Probabilities of the seven emotions for every face, [people,7,yaws,lights,7], from torch."
    shown = faces()
    net = EmotionClassifier.from_pretrained('cnn2a')
    says = net.predict(shown.reshape(-1, 48, 48))[EMOTIONS].to_numpy()
    return says.reshape(*shown.shape[:4], 7)

def test_it_holds_the_published_weights():
    for model in NETS:
        assert base64.b64encode(packed(model)).decode() in text(), f'make page ({model})'

def test_it_holds_the_tested_sources():
    for name in ('gasca.js', 'page.js', 'page.css'):
        assert (PAGE/name).read_text(encoding='utf-8') in text(), f'make page ({name})'

def test_it_is_small_and_asks_for_nothing():
    assert PLAYGROUND.stat().st_size<3e6
    for request in ('http://', 'https://', 'fetch(', 'XMLHttpRequest', 'import('):
        assert request not in text(), request

def test_its_links_lead_somewhere():
    links = re.findall(r'<a [^>]*href="([^"#]+)"', text())
    assert links==['../README.md', 'README.md']
    assert all((PLAYGROUND.parent/link).is_file() for link in links)

def test_nobody_on_it_taught_its_classifier():
    shown = data()['person']
    known = {take.person for take in plan('kdef', world=0, others=None)[1]}
    assert len(known)==70 and len(shown)==len(set(shown))>=4
    assert not known&set(shown)

def test_every_emotion_can_be_chosen():
    assert data()['expression']==EMOTIONS # a row of the sheet each, in the classifier's order

def test_its_shares_are_those_of_its_own_faces(judged):
    d = data()
    right = judged.argmax(-1)==np.arange(7)[:,None,None]
    trained = np.isin(d['yaw'], ['-45°', '0°', '45°'])
    assert trained.sum()==3 and d['light'][0]=='soft boxes'
    parts = dict(trained=right[:,:,trained,0], turned=right[:,:,~trained,0],
                 flashed=right[...,1:])
    assert sum(part.size for part in parts.values())==right.size
    for name, part in parts.items():
        assert said(name)==(part.sum(), part.size, round(100*part.mean())), name
    assert 'about half' not in text()

def test_its_examples_are_the_best_the_worst_and_the_light():
    shown, d = faces(), data()
    def off(made, truth): return np.abs(made.reshape(shown.shape)-truth).mean((-1, -2))
    front = shown[:,:,[d['yaw'].index('0°')]].astype(float)
    relit = front[:,:,:,[d['target']]]
    first, second = [to_front(load_gasca(m), shown.reshape(-1, 48, 48)) for m in PUBLISHED]
    both, gain = off(first, front)+off(second, relit), off(shown, relit)-off(second, relit)
    turned = np.isin(d['yaw'], ['-60°', '60°'])[:,None]
    def at(name):
        return tuple(d['presets'][name][k] for k in ('person', 'expression', 'yaw', 'light'))
    near = partial(pytest.approx, abs=.02) # of a grey level
    assert both[at('best')]==near(np.where(turned, both, np.inf).min())
    assert both[at('worst')]==near(np.where(turned, both, 0).max())
    assert gain[at('light-only')]==near(gain[:,:,d['yaw'].index('0°')].max())
    assert d['yaw'][at('light-only')[2]]=='0°'

def test_the_light_that_gasca2_aims_at_is_shown():
    d, shown = data(), faces().astype(float)
    assert d['light'][d['target']]=="GASCA₂'s"
    frontal = render_corpus('multipie', yaws=(0,), world=0) # as the page was made
    aim = target_of(frontal.table, frontal.images)
    pid, lights = d['person'][0], [str(i) for i in range(19)]
    take = make_take('kdef', pid, 'A', '', 'N', lights=lights, studio='multipie')
    taken, *_ = capture(person('kdef', pid, take.sex), take, range(19))
    off = np.abs(taken-shown[0,EMOTIONS.index('neutral'),d['yaw'].index('0°'),d['target']])
    assert lights[off.mean((1, 2)).argmin()]==aim

def in_node(weights, shown, folder):
    "What the page's own network makes of faces, uint8 [faces,...]."
    (folder/'weights').write_bytes(weights)
    (folder/'faces').write_bytes(shown.tobytes())
    command = ['node', '-e', NODE_SCRIPT, PAGE/'gasca.js', folder/'weights', folder/'faces']
    made = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(made, np.uint8).reshape(len(shown), -1).astype(int)

needs_node = pytest.mark.skipif(not shutil.which('node'), reason='there is no node here')

@needs_node
def test_its_own_network_judges_alike(judged, tmp_path):
    says = in_node(packed('cnn2a'), faces()[-1].reshape(-1, 48, 48), tmp_path)
    assert np.abs(says-255*judged[-1].reshape(-1, 7)).max()<=2 # probabilities, in 255ths

@needs_node
@pytest.mark.parametrize('model', PUBLISHED)
def test_its_own_network_turns_alike(model, tmp_path):
    shown = faces()[-1,::3].reshape(-1, 48, 48)
    theirs = to_front(load_gasca(model), shown).reshape(len(shown), -1)
    assert np.abs(in_node(packed(model), shown, tmp_path)-theirs).max()<=1

@needs_node
def test_its_own_network_takes_an_odd_number_of_planes(tmp_path):
    G, shown = Generator(), faces()[0,0,:3,0]
    for k in (1, 2, 3, 4): G.add(shallow(k, Options(nf=3, px=48))[0])
    G.eval()
    state = {f'G.{name}':t.half().contiguous() for name, t in G.state_dict().items()}
    theirs = to_front(G, shown).reshape(3, -1)
    assert np.abs(in_node(save(state), shown, tmp_path)-theirs).max()<=1
