"JupyterLab as a reader meets it: Chromium follows `make lab`, runs the playground, moves a slider."
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_replicate import UNCHECKED

sync_api = pytest.importorskip(
    'playwright.sync_api', reason="playwright is not installed: pip install -e '.[browser]'")
NAMES = 'chromium', 'chromium-browser', 'google-chrome'
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason=f"no browser here: one of {', '.join(NAMES)}")

ROOT = Path(__file__).parent.parent
ALONE = ['--allow-root', '--LabApp.extension_manager=readonly'] # asks no server on the network
PATIENCE = 300 # seconds

@pytest.fixture
def address(tmp_path):
    "What `make lab` opens; its notebooks are copies, since JupyterLab saves what it has run."
    root, browser = tmp_path/'clone', tmp_path/'browser'
    (root/'nbs').mkdir(parents=True)
    for name in ('index', '12a_playground'): shutil.copy(ROOT/'nbs'/f'{name}.ipynb', root/'nbs')
    shutil.copy(ROOT/'settings.ini', root)
    (root/'reports').symlink_to(ROOT/'reports')
    browser.write_text('#!/bin/sh\nprintf %s "$1" > "$0.told"\n')
    browser.chmod(0o755)
    makefile = (ROOT/'Makefile').read_text(encoding='utf-8')
    lab = re.search(r'^lab:.*\n\t\$\(BIN\)/jupyter lab (.+)$', makefile, re.M)[1]
    env = dict(UNCHECKED, BROWSER=f'{browser} %s', JUPYTER_CONFIG_DIR=str(tmp_path/'config'),
               JUPYTER_RUNTIME_DIR=str(tmp_path/'runtime'))
    p = subprocess.Popen([sys.executable, '-m', 'jupyterlab', *shlex.split(lab), *ALONE], cwd=root,
                         env=env, start_new_session=True, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    try:
        told, end = tmp_path/'browser.told', time.time()+PATIENCE
        while not (told.is_file() and told.read_text()):
            assert p.poll() is None and time.time()<end, 'JupyterLab does not start'
            time.sleep(.2)
        yield told.read_text()
    finally:
        os.killpg(p.pid, signal.SIGTERM)
        p.wait()

def open_playground(page, address):
    "From the index to the playground, by its link; returns the notebook's panel."
    page.goto(address)
    page.get_by_role('link', name='12a_playground').click()
    panel = page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)', has_text='Any person, yaw, light')
    panel.locator('.jp-Notebook-ExecutionIndicator[data-status=idle]').wait_for()
    return panel

def run_all(page):
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.get_by_text('Run All Cells', exact=True).click()

def test_a_slider_changes_the_picture(address, tmp_path):
    with sync_api.sync_playwright() as play:
        options = dict(args=['--no-sandbox', '--disable-background-networking'])
        browser = play.chromium.launch(executable_path=CHROMIUM, **options)
        page = browser.new_page(viewport=dict(width=1280, height=1000))
        page.set_default_timeout(1000*PATIENCE)
        panel = open_playground(page, address)
        run_all(page)
        yaw = panel.locator('.widget-slider', has_text='yaw').locator('.noUi-handle')
        picture = panel.locator('.widget-output img')
        yaw.wait_for()
        panel.locator('.jp-Notebook-ExecutionIndicator[data-status=idle]').wait_for()
        picture.scroll_into_view_if_needed()
        before, shown = picture.get_attribute('src'), picture.screenshot()
        handle, box = yaw.bounding_box(), picture.bounding_box()
        assert handle['x']<box['x'] and abs(handle['y']-box['y'])<box['height'] # beside it
        yaw.focus()
        yaw.press('PageDown')
        sync_api.expect(picture).not_to_have_attribute('src', before, timeout=1000*PATIENCE)
        assert picture.screenshot()!=shown
        page.screenshot(path=os.environ.get('GASCA_SCREENSHOT') or tmp_path/'playground.png')
        assert panel.locator('[data-mime-type="application/vnd.jupyter.error"]').count()==0
        assert 'Traceback' not in panel.inner_text()
        browser.close()
