"""The site: README, notebooks and reports as pages that need no network (make site)."""
import json
import re
import shutil
from pathlib import Path

import nbformat
import ziamath
from docutils import nodes
from sphinx.addnodes import download_reference

ROOT = Path(__file__).parent.parent
PRESETS = sorted(path.parent.name for path in (ROOT/'reports').glob('*/README.md'))

project = 'GASCA, reproduced'
author = 'The GASCA replication authors'
copyright = f'2026 onwards, {author}. Apache-2.0'
extensions = ['myst_nb']
root_doc = 'README'
include_patterns = ['README.md', 'INSTALL.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'nbs/**',
                    'reports/**']
exclude_patterns = ['.*', '**/.ipynb_checkpoints', 'gasca', 'tests', 'tools', 'data', 'models',
                    'replication', '_site', 'site', 'gasca.egg-info']
html_theme = 'furo'
html_title = project
html_static_path = ['static']
html_extra_path = ['extra'] # index.html, which leads to the first page
html_css_files = ['site.css']
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = 'ziamath'
myst_enable_extensions = ['dollarmath', 'amsmath']
myst_heading_anchors = 4
nb_execution_mode = 'off'
nb_merge_streams = True
nb_code_prompt_show = 'Imports' # nothing else is folded
nb_code_prompt_hide = 'Imports'
nb_custom_formats = {'.ipynb':'conf.read_notebook'}
suppress_warnings = ['mystnb.unknown_mime_type', 'myst.header'] # sizes of headings in reports

# --- notebooks as a reader wants them

def directives(source): # '#|' lines of nbdev
    "Split a cell's source into nbdev's lines and the rest."
    lines = source.splitlines()
    return [s for s in lines if s.startswith('#|')], [s for s in lines if not s.startswith('#|')]

def imports_only(lines):
    "Return whether a cell only imports."
    code = '\n'.join(lines).strip()
    return bool(code) and all(re.match(r'(from|import|#|\s|\))', s) for s in code.splitlines() if s)

def links_to_entries(text):
    "Readings and deviations are one list each in 01_paper; link them by their anchors there."
    def link(match):
        shown = match[1]
        where = f'{match[2]}01_paper.html' if match[3] else ''
        return f'<a href="{where}#{shown.lower()}">{shown}</a>'
    return re.sub(r'\[([RD]\d+)\]\(([^)#]*?)(01_paper\.ipynb)?#[RD]\d+\)', link, text)

def not_pages(text):
    "Links into the package lead nowhere on the site; their words stay."
    return re.sub(r'\[([^]]+)\]\((?:\.\./)+gasca/[^)]*\)', r'\1', text)

def to_pages(text):
    "Let links of an output lead to pages: Sphinx does not follow those."
    return re.sub(r'\]\(((?!https?:)[^)#\s]+)\.(?:ipynb|md)', r'](\1.html', text)

def words_beside(cells, at):
    "Return what a cell's picture shows: the words just below it, else the last ones above."
    below = cells[at+1:at+2]
    if below and below[0].cell_type=='markdown' and not below[0].source.startswith('#'):
        said = below[0].source.split('\n\n')[0]
    else:
        above = [cell.source for cell in cells[:at] if cell.cell_type=='markdown']
        said = above[-1].split('\n\n')[-1]
    said = re.sub(r'\[([^]]+)\]\([^)]*\)', r'\1', said)
    return ' '.join(re.sub(r'^[#>]+ |[*`]', '', said, flags=re.M).split())

def describe_pictures(cells):
    "Give the pictures of a notebook an alternative text."
    for at, cell in enumerate(cells):
        shown = [kind for output in cell.get('outputs', []) for kind in output.get('data', {})]
        if not any(kind.startswith('image/') for kind in shown): continue
        cell.metadata['mystnb'] = dict(image=dict(alt=words_beside(cells, at)))

def read_notebook(text):
    "Read a notebook without nbdev's lines; cells that only import are folded."
    nb = nbformat.reads(text, as_version=4)
    describe_pictures(nb.cells)
    cells = []
    for cell in nb.cells:
        if cell.cell_type=='markdown':
            cell.source = not_pages(links_to_entries(cell.source))
            cells.append(cell)
            continue
        own, lines = directives(cell.source)
        if any('default_exp' in line for line in own): continue
        cell.source = '\n'.join(lines).strip()
        for output in cell.outputs:
            shown = output.get('data', {})
            if 'text/markdown' in shown:
                shown['text/markdown'] = to_pages(links_to_entries(shown['text/markdown']))
        if imports_only(lines): cell.metadata['tags'] = ['hide-input']
        cells.append(cell)
    nb.cells = cells
    return nb

# --- what stands in the margin

def groups():
    "Return the groups of notebooks that nbs/index.ipynb lists: heading -> pages."
    nb = nbformat.read(ROOT/'nbs'/'index.ipynb', as_version=4)
    text = '\n'.join(cell.source for cell in nb.cells if cell.cell_type=='markdown')
    parts = [part.partition('\n') for part in re.split(r'^## ', text, flags=re.M)[1:]]
    rows = {name:re.findall(r'^\| \[[^]]+\]\((.+)\.ipynb\)', body, re.M) for name, _, body in parts}
    return {name:[f'nbs/{page}' for page in found] for name, found in rows.items() if found}

def toctree(caption, names):
    "Write a group of pages for the margin."
    lines = ['', '```{toctree}', ':hidden:', f':caption: {caption}', '', *names, '```', '']
    return '\n'.join(lines)

def add_contents(app, name, source):
    "Append lists of pages for the margin; they are in no file, as GitHub would show them."
    folder = Path(name).parent
    if name==root_doc:
        source[0] += toctree('Start', ['nbs/index', 'INSTALL', 'CONTRIBUTING', 'CHANGELOG'])
        for caption, names in groups().items(): source[0] += toctree(caption, names)
        presets = [f'Preset {preset} <reports/{preset}/README>' for preset in PRESETS]
        reports = ['The report <reports/README>', *presets, 'reports/speed', 'reports/LOG']
        source[0] += toctree('Published reports', reports)
    elif folder.name in PRESETS and Path(name).name=='README':
        pages = sorted(f.stem for f in (ROOT/folder).glob('*.md'))
        source[0] += toctree('Pages', [page for page in pages if page!='README'])

def own_name(name, title):
    "Return a page's title as no other page has it: chapters by number, tables by preset."
    folder, page = ('', *name.split('/'))[-2:]
    chapter = re.match(r'\d+[a-z]?(?=_)', page)
    if name=='nbs/index': return 'The notebooks'
    if name=='reports/README': return f'The report: {title}'
    if folder in PRESETS and page!='README': return f'{title} ({folder})'
    return f'{chapter[0]} {title.removeprefix(f"{folder}.")}' if chapter else title

def name_page(app, doctree):
    "Give a page a name of its own; the places in it that links lead to keep theirs."
    title = next(doctree.findall(nodes.title))
    title.children[:] = [nodes.Text(own_name(app.env.docname, title.astext()))]

def open_in_place(app, doctree):
    "Let pages and articles that a link leads to open where they stand, instead of downloading."
    for link in list(doctree.findall(download_reference)):
        if not link['reftarget'].endswith(('.html', '.pdf')): continue
        file = (ROOT/app.env.docname).parent/link['reftarget']
        copy = app.outdir/file.resolve().relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        if copy.suffix=='.html': # its links lead to pages
            text = re.sub(r'href="([^":]+)\.md"', r'href="\1.html"', file.read_text('utf-8'))
            copy.write_text(text, 'utf-8')
        here = nodes.reference('', '', *link.children, refuri=link['reftarget'], internal=True)
        link.replace_self(here)

# --- equations as pictures, drawn while the site is built

def drawn(tex, inline):
    "Draw an equation as SVG in the colour of the text, with its TeX as a label."
    latex = ziamath.Latex(tex, size=17, inline=inline, color='currentColor')
    svg = latex.svg()
    label = json.dumps(tex)[1:-1].replace('"', '&quot;').replace('<', '&lt;')
    style = f'vertical-align:{latex.getyofst():.2f}px' if inline else ''
    return svg.replace('<svg', f'<svg role="img" aria-label="{label}" style="{style}"', 1)

def inline_math(self, node):
    self.body.append(drawn(node.astext(), True))
    raise nodes.SkipNode

def block_math(self, node):
    self.body.append(f'<div class="math">{drawn(node.astext(), False)}</div>')
    raise nodes.SkipNode

def setup(app):
    app.add_html_math_renderer('ziamath', (inline_math, None), (block_math, None))
    app.connect('source-read', add_contents)
    for change in (name_page, open_in_place): app.connect('doctree-read', change, priority=100)
