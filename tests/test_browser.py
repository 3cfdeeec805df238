"The page as a reader uses it: in Chromium, with mouse, touch and keyboard."
import shutil
import time
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from test_page import EMOTIONS, PLAYGROUND, data, said

NAMES = 'chromium', 'chromium-browser', 'google-chrome'
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
PATIENCE = 300 # seconds
WIDE, NARROW = dict(width=1280, height=900), dict(width=390, height=844)

def until(page, truth, *about):
    "Wait until a script's value is true; the page's own policy forbids it to poll by eval."
    end = time.monotonic()+PATIENCE
    while not page.evaluate(truth, *about):
        assert time.monotonic()<end, truth
        page.wait_for_timeout(50)

@pytest.fixture(scope='module')
def browser():
    sync_api = pytest.importorskip(
        'playwright.sync_api', reason="playwright is not installed: pip install -e '.[browser]'")
    if not CHROMIUM: pytest.skip(f"no browser here: one of {', '.join(NAMES)}")
    with sync_api.sync_playwright() as play:
        options = dict(args=['--no-sandbox', '--disable-background-networking'])
        browser = play.chromium.launch(executable_path=CHROMIUM, **options)
        yield browser
        browser.close()

@pytest.fixture
def visit(browser):
    "Open the page from its file; a script may run before it."
    contexts = []
    def visit(link='', script='', **options):
        options = dict(reduced_motion='reduce', viewport=WIDE)|options
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(1000*PATIENCE)
        page.add_init_script(script)
        page.goto(PLAYGROUND.as_uri()+link)
        until(page, "document.getElementById('said').textContent")
        return page
    yield visit
    for context in contexts: context.close()

@pytest.fixture
def page(visit): return visit()

def choose_photo(page, folder, width=300, height=400):
    "Give the page a photo that grows lighter from left to right."
    ramp = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
    Image.fromarray(ramp).save(folder/'own.png')
    page.set_input_files('#file', folder/'own.png')
    until(page, 'own')
    return page

def text(page, name): return page.locator(f'#{name}').text_content()

def caption(page, name): return page.locator(f'#{name} + figcaption').text_content()

def square(page): return page.evaluate('box')

def moved(page, before):
    "Wait until the networks have looked at another part of the photo."
    until(page, 'before => own && own.some((x, at) => x !== before[at])', before)

def seen(page): return page.evaluate('Array.from(own)')

def test_the_true_emotion_is_marked(page, tmp_path):
    bars = page.locator('#bars label')
    for i, name in enumerate(EMOTIONS):
        page.locator('#expression').fill(str(i))
        want = [e+' (true)'*(e==name) for e in EMOTIONS]
        assert bars.all_text_contents()==want
        assert page.get_by_label(f'{name} (true)').count()==1 # what a screen reader says
    choose_photo(page, tmp_path)
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

# --- your own photo

def test_results_stand_beside_a_photo(visit, tmp_path):
    page = choose_photo(visit(), tmp_path)
    photo, *made = [page.locator(f'#{name}').bounding_box() for name in
                    ('photo', 'input', 'gasca1', 'gasca2')]
    for box in made:
        assert box['x']>=photo['x']+photo['width']
        assert photo['y']<=box['y'] and box['y']+box['height']<=photo['y']+photo['height']

def test_results_stand_under_a_photo_on_a_telephone(visit, tmp_path):
    page = choose_photo(visit(viewport=NARROW), tmp_path)
    photo, *made = [page.locator(f'#{name}').bounding_box() for name in
                    ('photo', 'input', 'gasca1', 'gasca2')]
    end = photo['y']+photo['height']
    assert photo['y']>=0 # in sight
    for box in made: assert end<=box['y']<=end+40 and box['y']+box['height']<=NARROW['height']

@pytest.mark.parametrize('size', [(300, 400), (800, 200), (2000, 1500), (20, 30)], ids=str)
def test_the_first_square_is_in_the_middle(page, tmp_path, size):
    choose_photo(page, tmp_path, *size)
    box, photo = square(page), page.evaluate("[by('photo').width, by('photo').height]")
    assert max(photo)<=1024 and .4*min(photo)<box['side']<.9*min(photo)
    for at, whole in zip((box['left'], box['top']), photo):
        assert abs(at+box['side']/2-whole/2)<=1
    assert abs(np.mean(seen(page))-.5)<.05 # the middle of the ramp

def test_a_mouse_moves_and_resizes_the_square(page, tmp_path):
    choose_photo(page, tmp_path)
    before, face = square(page), seen(page)
    where = page.locator('#square').bounding_box()
    zoom = before['side']/where['width'] # dots of the photo in a pixel of the page
    x, y = where['x']+where['width']/2, where['y']+where['height']/2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x+20, y+30)
    page.mouse.up()
    moved(page, face)
    after = square(page)
    assert after['side']==before['side']
    assert abs(after['left']-before['left']-20*zoom)<=2
    assert abs(after['top']-before['top']-30*zoom)<=2
    where = page.locator('#square').bounding_box()
    page.mouse.move(where['x']+5, where['y']+5)
    page.mouse.down()
    page.mouse.move(where['x']+45, where['y']+45)
    page.mouse.up()
    small = square(page)
    assert abs(after['side']-small['side']-40*zoom)<=8
    for k in ('left', 'top'): # the opposite corner stays
        assert abs(small[k]+small['side']-after[k]-after['side'])<=1

def test_the_square_stays_within_the_photo(page, tmp_path):
    choose_photo(page, tmp_path)
    where = page.locator('#square').bounding_box()
    for inside in ((5, 5), (where['width']-5, where['height']-5), (60, 60)):
        for far in ((-900, -900), (2000, 2000)):
            page.mouse.move(where['x']+inside[0], where['y']+inside[1])
            page.mouse.down()
            page.mouse.move(*far)
            page.mouse.up()
            box = square(page)
            assert box['left']>=0 and box['top']>=0 and box['side']>=16
            assert box['left']+box['side']<=300 and box['top']+box['side']<=400
            where = page.locator('#square').bounding_box()

def test_a_finger_moves_and_resizes_the_square(visit, tmp_path):
    page = choose_photo(visit(viewport=NARROW, has_touch=True), tmp_path)
    session = page.context.new_cdp_session(page)
    def touch(kind, *places):
        points = [dict(x=x, y=y) for x, y in places]
        session.send('Input.dispatchTouchEvent', dict(type=kind, touchPoints=points))
    def swipe(x, y, right, down):
        touch('touchStart', (x, y))
        for part in (.5, 1): touch('touchMove', (x+part*right, y+part*down))
        touch('touchEnd')
    before, where = square(page), page.locator('#square').bounding_box()
    swipe(where['x']+where['width']/2, where['y']+where['height']/2, 15, 20)
    after = square(page)
    assert after['left']>before['left'] and after['top']>before['top']
    assert after['side']==before['side']
    where = page.locator('#square').bounding_box()
    swipe(where['x']+where['width']-6, where['y']+where['height']-6, -30, -30)
    small = square(page)
    assert small['side']<after['side']
    assert abs(small['left']-after['left'])<=1 and abs(small['top']-after['top'])<=1

def test_keys_move_and_resize_the_square(page, tmp_path):
    choose_photo(page, tmp_path)
    page.focus('#square')
    steps = dict(ArrowLeft=('left', -1), ArrowRight=('left', 1), ArrowUp=('top', -1),
                 ArrowDown=('top', 1), PageUp=('side', 1), PageDown=('side', -1))
    for key, (which, sign) in {**steps, '+':('side', 1), '-':('side', -1)}.items():
        before, face = square(page), seen(page)
        page.keyboard.press(key)
        after = square(page)
        assert sign*(after[which]-before[which])>0, key
        assert key in ('ArrowUp', 'ArrowDown') or seen(page)!=face # the ramp is level
    told = page.get_attribute('#square', 'aria-valuetext')
    assert told.startswith(f"{square(page)['side']} wide")
    page.locator('#size').fill('40')
    assert square(page)['side']==40

def test_a_click_brings_the_square(page, tmp_path):
    choose_photo(page, tmp_path)
    page.locator('#photo').click(position=dict(x=4, y=4))
    assert (square(page)['left'], square(page)['top'])==(0, 0)

def test_captions_follow_and_there_is_a_way_back(page, tmp_path):
    names = 'input', 'gasca1', 'gasca2'
    def captions(): return [caption(page, name) for name in names]
    before, told = captions(), text(page, 'said')
    assert before[0].startswith('F36 at 45°') and all('off' in c for c in before[1:])
    choose_photo(page, tmp_path)
    assert captions()==['what the networks see', 'GASCA₁ of your photo', 'GASCA₂ of your photo']
    labels = [page.get_attribute(f'#{name}', 'aria-label') for name in names]
    assert labels==captions()
    assert not page.locator('#front').is_visible() and not page.locator('#yaw').is_visible()
    page.locator('#back').click()
    assert captions()==before and text(page, 'said')==told
    assert page.locator('#front').is_visible() and not page.locator('#photo').is_visible()
    choose_photo(page, tmp_path) # the same file again

def test_a_file_that_is_no_picture_is_named(page, tmp_path):
    (tmp_path/'no.png').write_bytes(b'no picture')
    page.set_input_files('#file', tmp_path/'no.png')
    page.locator('#said', has_text='no.png is no picture').wait_for()

def test_a_transparent_photo_is_laid_on_grey(page, tmp_path):
    Image.new('RGBA', (90, 90), (255, 255, 255, 0)).save(tmp_path/'clear.png')
    page.set_input_files('#file', tmp_path/'clear.png')
    until(page, 'own')
    assert np.allclose(seen(page), 128/255, atol=.01)

# --- what the link keeps

def test_a_link_keeps_what_is_shown(visit):
    page = visit()
    for name, value in dict(person=3, yaw=1, light=1, expression=5).items():
        page.locator(f'#{name}').fill(str(value))
    page.locator('#inside summary').click()
    page.select_option('#which', '1')
    until(page, "location.hash.includes('stack=2') && location.hash.includes('-45')")
    link = page.evaluate('location.hash')
    assert page.get_attribute('#link', 'href')==link
    again = visit(link)
    assert text(again, 'said')==text(page, 'said')
    assert again.input_value('#which')=='1' and again.evaluate("by('inside').open")

@pytest.mark.parametrize('name', ['best', 'worst', 'light-only'])
def test_an_example_is_a_link(visit, name):
    page = visit()
    page.locator(f'#{name}').click()
    until(page, f"location.hash === '#preset={name}'")
    places = {k:int(page.input_value(f'#{k}')) for k in ('person', 'yaw', 'light', 'expression')}
    assert places==data()['presets'][name]
    assert page.get_attribute(f'#{name}', 'aria-pressed')=='true'
    again = visit(f'#preset={name}')
    assert text(again, 'said')==text(page, 'said')
    again.locator('#yaw').fill('4')
    assert again.get_attribute(f'#{name}', 'aria-pressed')=='false'

WRONG = '#nothing', '#yaw=500&face=Z99', '#preset=constructor', '#stack=9', '#%E0%A4'

@pytest.mark.parametrize('link', WRONG)
def test_a_misspelt_link_is_harmless(visit, page, link):
    assert text(visit(link), 'said')==text(page, 'said')

# --- motion

YAW = "+document.getElementById('yaw').value"

def test_it_turns_until_something_is_done(visit):
    for does in (lambda page: page.keyboard.press('Tab'), lambda page: page.mouse.wheel(0, 1),
                 lambda page: page.mouse.click(5, 5), lambda page: page.locator('#turn').click()):
        page = visit(reduced_motion='no-preference')
        begin = page.evaluate(YAW)
        until(page, f'{YAW} !== {begin}')
        assert page.get_attribute('#said', 'aria-live')=='off'
        does(page)
        until(page, '!turning')
        yaw = page.evaluate(YAW)
        page.wait_for_timeout(1500)
        assert page.evaluate(YAW)==yaw
        assert page.get_attribute('#said', 'aria-live')=='polite'

def test_it_rests_for_who_asks_and_where_a_link_leads(visit):
    assert not visit(reduced_motion='reduce').evaluate('turning')
    page = visit('#preset=best', reduced_motion='no-preference')
    assert not page.evaluate('turning')
    page.locator('#turn').click()
    assert page.evaluate('turning')

# --- how it looks and reads

CONTRAST = """() => {
  const numbers = color => color.match(/[\\d.]+/g).map(Number)
  const light = rgb => {
    const [r, g, b] = rgb.map(v => v / 255).map(v =>
      v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    return .2126 * r + .7152 * g + .0722 * b
  }
  const behind = at => {
    const color = numbers(getComputedStyle(at).backgroundColor)
    return color[3] === 0 && at.parentElement ? behind(at.parentElement) : color.slice(0, 3)
  }
  const found = []
  for (const at of document.querySelectorAll('body, body *:not(script)')) {
    const says = [...at.childNodes].some(node => node.nodeType === 3 && node.data.trim())
    if (!says || !at.offsetParent) continue
    const pair = [numbers(getComputedStyle(at).color).slice(0, 3), behind(at)].map(light)
    found.push([at.textContent.slice(0, 30), (Math.max(...pair) + .05) / (Math.min(...pair) + .05)])
  }
  return found
}"""

@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_words_stand_out(visit, tmp_path, scheme):
    page = visit('#preset=best&stack=1', color_scheme=scheme)
    found = page.evaluate(CONTRAST)
    found += choose_photo(page, tmp_path).evaluate(CONTRAST)
    assert len(found)>60
    assert [(words, c) for words, c in found if c<4.5]==[]

@pytest.mark.parametrize('size', [WIDE, NARROW, dict(width=320, height=600)], ids=str)
def test_nothing_is_wider_than_the_window(visit, tmp_path, size):
    page = visit('#stack=1', viewport=size)
    wide = 'document.documentElement.scrollWidth'
    assert page.evaluate(wide)<=size['width']
    assert choose_photo(page, tmp_path).evaluate(wide)<=size['width']

def test_pictures_are_smooth(page):
    assert page.locator('#input').bounding_box()['width']==288
    assert page.evaluate("getComputedStyle(by('input')).imageRendering")!='pixelated'
    row = page.evaluate("by('input').getContext('2d').getImageData(0, 288, 576, 1).data.join()")
    steps = [abs(int(a)-int(b)) for a, b in pairwise(row.split(',')[::4])]
    assert sum(map(bool, steps))>2*48 and max(steps)<40 # squares would change 47 times at most

def test_planes_are_folded_away(page):
    planes = page.locator('#codes canvas')
    assert not planes.first.is_visible()
    page.locator('#inside summary').click()
    last = "by('codes').querySelectorAll('canvas')[3].getContext('2d')"
    drawn = f'{last}.getImageData(0, 0, 99, 9).data'
    until(page, f'Array.from({drawn}).some(value => value > 0 && value < 255)')
    assert planes.count()==4 and planes.first.is_visible()

FOCUS = """() => {
  const at = document.activeElement
  const shown = at.id === 'file' ? at.nextElementSibling : at
  const {outlineStyle, outlineWidth} = getComputedStyle(shown)
  return [at.id || at.textContent, outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2]
}"""

def test_every_control_is_reached_by_tab_and_seen(page, tmp_path):
    def reached(n):
        found = []
        for _ in range(n):
            page.keyboard.press('Tab')
            found.append(page.evaluate(FOCUS))
        assert all(shown for _, shown in found), found
        return {name for name, _ in found}
    assert {'README', 'report', 'link', 'best', 'worst', 'light-only', 'turn', 'file', 'person',
            'yaw', 'light', 'expression', 'Inside: the planes of each layer'}<=reached(13)
    choose_photo(page, tmp_path)
    page.focus('#file')
    assert {'back', 'square', 'size'}<=reached(3)

def test_a_screen_reader_is_told(page):
    assert page.locator('main').count()==1 and page.locator('#said[role=status]').count()==1
    for role, name in dict(slider='yaw', button='worst', group='examples', region='Which emotion?',
                           navigation='the project').items():
        assert page.get_by_role(role, name=name).count()==1, (role, name)
    page.locator('#yaw').fill('0')
    assert page.get_attribute('#yaw', 'aria-valuetext')=='-60°'
    assert text(page, 'said').startswith('Person F36 at -60°')

NOISE = """
const read = CanvasRenderingContext2D.prototype.getImageData
CanvasRenderingContext2D.prototype.getImageData = function (...where) {
  const picture = read.apply(this, where)
  picture.data[400] ^= 1
  return picture
}"""

def test_noise_of_a_private_browser_is_said(visit, page):
    assert not page.locator('#noise').is_visible()
    assert visit(script=NOISE).get_by_role('alert').is_visible()

def test_it_asks_for_nothing(browser):
    context = browser.new_context()
    page, asked = context.new_page(), []
    page.on('request', lambda request: asked.append(request.url))
    page.goto(PLAYGROUND.as_uri())
    until(page, "document.getElementById('said').textContent")
    assert [url for url in asked if not url.startswith('data:')]==[PLAYGROUND.as_uri()]
    refused = page.evaluate("fetch('data:,x').then(() => false, () => true)")
    assert refused # by the page's own policy
    context.close()
