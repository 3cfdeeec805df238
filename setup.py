"Read the package's metadata out of settings.ini, nbdev's own configuration."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup

here = Path(__file__).parent
cp = ConfigParser(delimiters=['='])
cp.read(here/'settings.ini', encoding='utf-8')
cfg = cp['DEFAULT']
readme = here/'README.md'
EXTRAS = 'dev', 'article', 'onnx', 'cluster', 'play', 'browser', 'bench', 'portrait', 'site'
setup(
    version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'],
    author=cfg['author'],
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '',
    long_description_content_type='text/markdown',
    install_requires=cfg['requirements'].split(),
    extras_require={k: cfg[f'{k}_requirements'].split() for k in EXTRAS},
    entry_points={'console_scripts': cfg['console_scripts'].split()})
