"The committed playground is whole, small, asks for nothing, and what it says of its faces is true."
import base64
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gasca.faces import render_corpus
from gasca.faces.people import person
from gasca.faces.plans import make_take, plan
from gasca.faces.studio import capture
from gasca.use.models import EmotionClassifier
from gasca.use.page import NETS, NODE_SCRIPT, PAGE, packed, target_of

ROOT = Path(__file__).parent.parent
PLAYGROUND = ROOT/'reports'/'playground.html'
NAMES = 'chromium', 'chromium-browser', 'google-chrome'
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
PATIENCE = 300 # seconds
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

def test_it_runs_the_tested_network():
    assert (PAGE/'gasca.js').read_text(encoding='utf-8') in text()

def test_it_is_small_and_asks_for_nothing():
    assert PLAYGROUND.stat().st_size<3e6
    for request in ('http://', 'https://', 'fetch(', 'XMLHttpRequest', 'import('):
        assert request not in text(), request

def test_nobody_on_it_taught_its_classifier():
    shown = data()['person']
    known = {take.person for take in plan('kdef', 'full')[1]}
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

def test_the_light_that_gasca2_aims_at_is_shown():
    d, shown = data(), faces().astype(float)
    assert d['light'][d['target']]=="GASCA₂'s"
    frontal = render_corpus('multipie', 'full', yaws=(0,), people=20)
    aim = target_of(frontal.table, frontal.images)
    pid, lights = d['person'][0], [str(i) for i in range(19)]
    take = make_take('kdef', pid, 'A', '', 'N', lights=lights, studio='multipie')
    taken, *_ = capture(person('kdef', pid, take.sex), take, range(19))
    off = np.abs(taken-shown[0,EMOTIONS.index('neutral'),d['yaw'].index('0°'),d['target']])
    assert lights[off.mean((1, 2)).argmin()]==aim

@pytest.mark.skipif(not shutil.which('node'), reason='there is no node here')
def test_its_own_network_judges_alike(judged, tmp_path):
    one = faces()[-1].reshape(-1, 48, 48)
    (tmp_path/'weights').write_bytes(packed('cnn2a'))
    (tmp_path/'faces').write_bytes(one.tobytes())
    command = ['node', '-e', NODE_SCRIPT, PAGE/'gasca.js', tmp_path/'weights', tmp_path/'faces']
    made = subprocess.run(command, capture_output=True, check=True).stdout
    says = np.frombuffer(made, np.uint8).reshape(-1, 7) # probabilities, in 255ths
    assert np.abs(says-255*judged[-1].reshape(-1, 7)).max()<=2

@pytest.fixture
def page():
    "The page in Chromium, opened from its file."
    sync_api = pytest.importorskip(
        'playwright.sync_api', reason="playwright is not installed: pip install -e '.[browser]'")
    if not CHROMIUM: pytest.skip(f"no browser here: one of {', '.join(NAMES)}")
    with sync_api.sync_playwright() as play:
        options = dict(args=['--no-sandbox', '--disable-background-networking'])
        browser = play.chromium.launch(executable_path=CHROMIUM, **options)
        page = browser.new_page()
        page.set_default_timeout(1000*PATIENCE)
        page.goto(PLAYGROUND.as_uri())
        page.wait_for_function("document.getElementById('said').textContent")
        yield page
        browser.close()

def test_the_true_emotion_is_marked(page, tmp_path):
    bars = page.locator('#bars label')
    for i, name in enumerate(EMOTIONS):
        page.locator('#expression').fill(str(i))
        want = [e+' (true)'*(e==name) for e in EMOTIONS]
        assert bars.all_text_contents()==want
        assert page.get_by_label(f'{name} (true)').count()==1 # what a screen reader says
    Image.new('L', (96, 96), 99).save(tmp_path/'own.png')
    page.set_input_files('#file', tmp_path/'own.png')
    page.locator('#said', has_text='Your photo').wait_for()
    assert bars.all_text_contents()==EMOTIONS # nobody knows

COUNT = """() => {
  const yaws = ['-45°', '0°', '45°'].map(yaw => DATA.yaw.indexOf(yaw))
  let right = 0
  for (const person of DATA.person.keys()) for (const yaw of yaws) {
    for (const e of DATA.expression.keys()) {
      const says = GASCA.classify(cnn2a, rendered(person, yaw, 0, e))
      right += says.indexOf(Math.max(...says)) === e
    }
  }
  return right
}"""

def test_a_browser_counts_what_the_page_says(page):
    right, total = said('trained')[:2]
    assert abs(page.evaluate(COUNT)-right)<=.02*total # its JPEG decoder may differ by a grey level
