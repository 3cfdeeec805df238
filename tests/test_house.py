"What keeps the project readable is counted, and does not grow."
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT/'tools'))
import counters

@pytest.fixture(scope='module')
def counted(): return {what:value for what, value, _ in counters.measure()}

def test_no_module_and_no_exported_cell_is_long(counted):
    assert counted['modules > 350 lines']==[]
    assert counted['exported cells > 40 lines']==0

def test_a_public_name_has_one_meaning(counted):
    assert counted['public names with two meanings']==[]

def test_the_package_does_not_grow(counted):
    assert counted['tokens, whole package']<=95_000 # 72,000 are wanted

def test_what_is_read_first_is_short(counted):
    assert counted['words, README']<=800
    assert counted['words, front page of the report']<=1500

def test_notebooks_are_plain(counted):
    assert counted['; joins, notebooks and tests']==0
    assert counted['lines > 100 columns, notebooks and tests']==0
    assert counted['docstrings that begin with "Say"']==0

def test_long_and_doubled_are_found():
    modules = dict(a='def twice(): pass', b='def twice(): pass\ndef once(): pass')
    assert counters.two_meanings(modules)==['twice']
    assert counters.joins('a = 1; b = 2')==1
    assert counters.wide('x'*101)==1
