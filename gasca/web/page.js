// The page around the networks of gasca.js: faces and sliders, the link, the slow turn, your photo.

const SIDE = 48 // dots of a face
const SHOWN = 576 // of a picture on the page: 288, twice as many for dense screens
const LARGEST = 1024 // longer side that is kept of a photo
const BEHIND = '#808080' // a transparent photo
const NAMES = ['person', 'yaw', 'light', 'expression']
const SAID = {
  best: 'Best: of the faces turned by 60°, both stacks come closest to the truth here. ',
  worst: 'Worst: of the faces turned by 60°, both stacks are furthest from the truth here. ',
  'light-only': 'Light: of the frontal faces, this is the one whose light GASCA₂ changes best. '
}

const by = id => document.getElementById(id)
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0))
const [gasca1, gasca2, cnn2a] = DATA.weights.map(text => GASCA.weights(bytes(text)))
let sheet // the pictures of all rendered faces
let preset = '' // of DATA.presets, until a slider moves
let own = null // the face in your photo, 48 x 48 numbers in 0..1

// --- pictures

function canvasOf(width, height) {
  const canvas = Object.assign(document.createElement('canvas'), {width, height})
  const context = canvas.getContext('2d', {willReadFrequently: true})
  context.imageSmoothingQuality = 'high'
  return context
}

// Numbers in 0..1 as a picture of grey dots.
function greys(numbers, width, height) {
  const picture = new ImageData(width, height)
  numbers.forEach((value, at) => {
    picture.data.fill(255 * value, 4 * at, 4 * at + 3)
    picture.data[4 * at + 3] = 255
  })
  return picture
}

// Draw a face large and smooth, with its caption.
function draw(id, face, caption) {
  const dots = canvasOf(SIDE, SIDE)
  dots.putImageData(greys(face, SIDE, SIDE), 0, 0)
  const canvas = by(id)
  if (canvas.width !== SHOWN) Object.assign(canvas, {width: SHOWN, height: SHOWN})
  const context = canvas.getContext('2d')
  context.imageSmoothingQuality = 'high'
  context.drawImage(dots.canvas, 0, 0, SHOWN, SHOWN)
  canvas.nextElementSibling.textContent = caption
  canvas.setAttribute('aria-label', caption)
}

// Each layer's planes, sixteen in a row.
function drawCodes(codes) {
  codes.forEach(({n, h, w, data}, k) => {
    const canvas = by('codes').querySelectorAll('canvas')[k]
    const wide = Math.min(n, 16)
    Object.assign(canvas, {width: wide * (w + 1) - 1, height: Math.ceil(n / wide) * (h + 1) - 1})
    const most = data.reduce((a, b) => Math.max(a, b), 1e-6)
    for (let f = 0; f < n; f++) {
      const plane = data.subarray(f * h * w, (f + 1) * h * w).map(value => value / most)
      const [row, column] = [Math.floor(f / wide), f % wide]
      canvas.getContext('2d').putImageData(greys(plane, w, h), column * (w + 1), row * (h + 1))
    }
  })
}

// Whether the browser changes pictures that a page reads back: one round trip tells.
function noisy() {
  const levels = Float32Array.from({length: SIDE * SIDE}, (_, at) => at * 37 % 256 / 255)
  const drawn = greys(levels, SIDE, SIDE)
  const context = canvasOf(SIDE, SIDE)
  context.putImageData(drawn, 0, 0)
  const read = context.getImageData(0, 0, SIDE, SIDE)
  return read.data.some((value, at) => value !== drawn.data[at])
}

// --- a face and what the networks make of it

function rendered(person, yaw, light, expression) {
  const top = SIDE * (person * DATA.expression.length + expression)
  const left = SIDE * (yaw * DATA.light.length + light)
  return Float32Array.from({length: SIDE * SIDE}, (_, at) => {
    const y = top + Math.floor(at / SIDE)
    const x = left + at % SIDE
    return sheet.data[4 * (y * sheet.width + x)] / 255
  })
}

function off(a, b) {
  return (100 * a.reduce((sum, x, at) => sum + Math.abs(x - b[at]), 0) / a.length).toFixed(1) + '\u00a0%'
}

const chosen = () => NAMES.map(name => +by(name).value)

function show() {
  document.body.classList.toggle('own', Boolean(own))
  for (const id of ['own', 'back']) by(id).hidden = !own
  for (const id of ['truth', 'controls']) by(id).hidden = Boolean(own)
  for (const name in DATA.presets) by(name).setAttribute('aria-pressed', !own && name === preset)
  by('link').hidden = Boolean(own)
  by('link').href = hash()

  const face = own || rendered(...chosen())
  const start = performance.now()
  const made = [gasca1, gasca2].map(net => GASCA.run(net, face))
  showTime((performance.now() - start) / made.length)
  if (by('inside').open) drawCodes(made[+by('which').value].codes)
  const faces = [face, ...made.map(({y}) => y)]
  const emotion = showEmotions(face)
  say((own ? showOwn(faces) : showRendered(faces)) + ` CNN₂ₐ: ${emotion}.`)
}

function showRendered([face, first, second]) {
  const [person, , light, expression] = chosen()
  const words = NAMES.map(name => DATA[name][by(name).value])
  const [who, where, lit, looks] = words
  NAMES.forEach((name, i) => {
    by(name).nextElementSibling.textContent = words[i]
    by(name).setAttribute('aria-valuetext', words[i])
  })
  const middle = DATA.yaw.indexOf('0°')
  const truth = rendered(person, middle, light, expression)
  const relit = rendered(person, middle, DATA.target, expression)
  const [off1, off2] = [off(first, truth), off(second, relit)]
  draw('input', face, `${who} at ${where}: drag me`)
  draw('gasca1', first, `GASCA₁: ${off1} off`)
  draw('gasca2', second, `GASCA₂: ${off2} off`)
  draw('front', truth, 'the true frontal face, in this light')
  return (SAID[preset] || '') + `Person ${who} at ${where}, light: ${lit}, ${looks}. Off the true ` +
    `frontal face: ${off(face, truth)} as it is, ${off1} by GASCA₁, ${off2} by GASCA₂.`
}

function showOwn([face, first, second]) {
  draw('input', face, 'what the networks see')
  draw('gasca1', first, 'GASCA₁ of your photo')
  draw('gasca2', second, 'GASCA₂ of your photo')
  return 'Your photo.'
}

// Fill the bars; return the likeliest emotion in words.
function showEmotions(face) {
  const says = GASCA.classify(cnn2a, face)
  says.forEach((probability, e) => {
    const [label, meter, text] = [0, 1, 2].map(i => by('bars').children[3 * e + i])
    const right = !own && e === +by('expression').value
    label.textContent = DATA.expression[e] + (right ? ' (true)' : '')
    label.classList.toggle('true', right)
    meter.value = probability
    meter.style.setProperty('--share', `${100 * probability}%`)
    text.textContent = `${(100 * probability).toFixed(0)}\u00a0%`
  })
  const most = Math.max(...says)
  return `${DATA.expression[says.indexOf(most)]}, ${(100 * most).toFixed(0)}\u00a0%`
}

const times = []

// The median of the last passes; the first ones are slow, until the browser has compiled them.
function showTime(milliseconds) {
  times.push(milliseconds)
  const last = times.slice(-15).sort((a, b) => a - b)
  by('took').textContent = `A network takes ${last[last.length >> 1].toFixed(0)} ms here.`
}

function say(text) {
  by('said').setAttribute('aria-live', turning ? 'off' : 'polite')
  by('said').textContent = turning ? 'Turning slowly; a key, a click or a touch stops it.' : text
}

// Go to a rendered face: places on the sliders by name, and the preset that they stand for.
function choose(places, name = '') {
  for (const [slider, value] of Object.entries(places)) by(slider).value = value
  preset = name
  own = null
  show()
  keep()
}

// --- the link keeps what is shown: #preset=best, or #face=F36&yaw=45&light=...&expression=...

function hash() {
  const kept = new URLSearchParams()
  if (preset) kept.set('preset', preset)
  else NAMES.forEach(name => {
    kept.set(name === 'person' ? 'face' : name, DATA[name][by(name).value].replace('°', ''))
  })
  if (by('inside').open) kept.set('stack', +by('which').value + 1)
  return '#' + kept
}

let waiting

// Browsers allow a page a hundred changes of its address in half a minute.
function keep() {
  clearTimeout(waiting)
  waiting = setTimeout(() => history.replaceState(null, '', hash()), 300)
}

// Show what the address asks for; what it leaves out or misspells stays as it is.
function follow() {
  const asked = new URLSearchParams(location.hash.slice(1))
  const name = Object.hasOwn(DATA.presets, asked.get('preset')) ? asked.get('preset') : ''
  const places = {...DATA.presets[name]}
  NAMES.forEach(slider => {
    const value = asked.get(slider === 'person' ? 'face' : slider)
    const place = DATA[slider].findIndex(word => word.replace('°', '') === value)
    if (!name && place >= 0) places[slider] = place
  })
  if (['1', '2'].includes(asked.get('stack'))) {
    by('which').value = asked.get('stack') - 1
    by('inside').open = true
  }
  choose(places, name)
}

// --- the slow turn

const ROUND = 12000 // milliseconds there and back
const still = matchMedia('(prefers-reduced-motion: reduce)')
let turning = 0 // the frame that is asked for

function turn() {
  const begin = performance.now()
  const most = DATA.yaw.length - 1
  const from = Math.acos(1 - 2 * by('yaw').value / most)
  preset = ''
  own = null
  const step = now => {
    turning = requestAnimationFrame(step)
    const phase = from + 2 * Math.PI * Math.max(0, now - begin) / ROUND
    const yaw = Math.round(most * (1 - Math.cos(phase)) / 2)
    if (yaw === +by('yaw').value) return
    by('yaw').value = yaw
    show()
  }
  turning = requestAnimationFrame(step)
  by('turn').textContent = 'stop'
  show()
}

function stop() {
  if (!turning) return
  cancelAnimationFrame(turning)
  turning = 0
  by('turn').textContent = 'turn slowly'
  show()
  keep()
}

// --- your own photo

const photo = by('photo').getContext('2d', {willReadFrequently: true})
const box = {left: 0, top: 0, side: 0} // the square, in dots of the photo

async function open(file) {
  if (!file) return
  stop()
  let picture
  try { picture = await createImageBitmap(file) }
  catch { return say(`${file.name} is no picture that this browser can open.`) }
  const zoom = Math.min(1, LARGEST / Math.max(picture.width, picture.height))
  const width = Math.max(1, Math.round(zoom * picture.width))
  const height = Math.max(1, Math.round(zoom * picture.height))
  Object.assign(by('photo'), {width, height})
  photo.imageSmoothingQuality = 'high'
  photo.fillStyle = BEHIND
  photo.fillRect(0, 0, width, height)
  photo.drawImage(picture, 0, 0, width, height)
  by('frame').style.setProperty('--ratio', width / height)
  const most = Math.min(width, height)
  Object.assign(by('size'), {min: Math.min(most, 16), max: most})
  by('square').setAttribute('aria-valuemin', by('size').min)
  by('square').setAttribute('aria-valuemax', most)
  const side = Math.max(by('size').min, .6 * most)
  put((width - side) / 2, (height - side) / 2, side)
  look()
  by('stage').scrollIntoView({block: 'nearest'})
}

// Put the square somewhere, within the photo.
function put(left, top, side) {
  const {width, height} = by('photo')
  const within = (value, least, most) => Math.round(Math.min(most, Math.max(least, value)))
  box.side = within(side, +by('size').min, +by('size').max)
  box.left = within(left, 0, width - box.side)
  box.top = within(top, 0, height - box.side)
  const {style} = by('square')
  style.left = `${100 * box.left / width}%`
  style.top = `${100 * box.top / height}%`
  style.width = `${100 * box.side / width}%`
  style.height = `${100 * box.side / height}%`
  by('size').value = box.side
  by('square').setAttribute('aria-valuenow', box.side)
  by('square').setAttribute('aria-valuetext',
    `${box.side} wide, ${box.left} from the left, ${box.top} from the top`)
}

// Resize the square about its centre.
function resize(side) {
  put(box.left + (box.side - side) / 2, box.top + (box.side - side) / 2, side)
}

// The grey face in the square, halved until it has 48 dots a side.
function crop() {
  let from = by('photo')
  let part = [box.left, box.top, box.side, box.side]
  let side = SIDE
  while (2 * side <= box.side) side *= 2
  for (;; side /= 2) {
    const context = canvasOf(side, side)
    context.drawImage(from, ...part, 0, 0, side, side)
    if (side === SIDE) return grey(context.getImageData(0, 0, SIDE, SIDE).data)
    from = context.canvas
    part = [0, 0, side, side]
  }
}

function grey(data) {
  return Float32Array.from({length: data.length / 4}, (_, at) =>
    (.299 * data[4 * at] + .587 * data[4 * at + 1] + .114 * data[4 * at + 2]) / 255)
}

function look() {
  own = crop()
  show()
}

let asked

// Many movements of a pointer are one look a frame.
function lookSoon() {
  cancelAnimationFrame(asked)
  asked = requestAnimationFrame(() => { if (own) look() })
}

// Where a pointer is, in dots of the photo.
function place(event) {
  const seen = by('photo').getBoundingClientRect()
  const zoom = by('photo').width / seen.width
  return [(event.clientX - seen.left) * zoom, (event.clientY - seen.top) * zoom]
}

// Drag a corner; the opposite one stays.
function pull(x, y, corner) {
  const {left, top, side} = box
  const [right, down] = [corner % 2 === 1, corner > 1]
  const [fixedX, fixedY] = [right ? left : left + side, down ? top : top + side]
  const {width, height} = by('photo')
  return (toX, toY) => {
    const asked = Math.max(right ? toX - fixedX : fixedX - toX, down ? toY - fixedY : fixedY - toY)
    const room = Math.min(right ? width - fixedX : fixedX, down ? height - fixedY : fixedY)
    const kept = Math.max(+by('size').min, Math.min(room, asked))
    put(right ? fixedX : fixedX - kept, down ? fixedY : fixedY - kept, kept)
  }
}

// Drag the square.
function carry(x, y) {
  const {left, top, side} = box
  return (toX, toY) => put(left + toX - x, top + toY - y, side)
}

function grab(event) {
  const [x, y] = place(event)
  const corner = [...by('square').children].indexOf(event.target)
  const drag = corner < 0 ? carry(x, y) : pull(x, y, corner)
  by('square').setPointerCapture(event.pointerId)
  by('square').onpointermove = move => {
    drag(...place(move))
    lookSoon()
  }
}

function press(event) {
  const step = event.shiftKey ? 1 : Math.max(1, Math.round(box.side / 20))
  const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}
  const grows = {'+': 1, '=': 1, PageUp: 1, '-': -1, _: -1, PageDown: -1}
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key in moves) {
    const [right, down] = moves[event.key]
    put(box.left + right * step, box.top + down * step, box.side)
  } else if (event.key in grows) resize(box.side + 2 * step * grows[event.key])
  else return
  event.preventDefault()
  look()
}

// --- what the reader does

for (const kind of ['pointerdown', 'keydown', 'wheel', 'input', 'drop']) {
  const stops = event => { if (event.target !== by('turn')) stop() }
  document.addEventListener(kind, stops, {capture: true, passive: true})
}
still.onchange = () => { if (still.matches) stop() }
by('turn').onclick = () => turning ? stop() : turn()

NAMES.forEach(name => {
  Object.assign(by(name), {min: 0, max: DATA[name].length - 1, value: DATA.start[name]})
  by(name).oninput = () => choose({})
})
for (const name in DATA.presets) by(name).onclick = () => choose(DATA.presets[name], name)
by('which').onchange = by('inside').ontoggle = () => {
  if (!sheet) return
  show()
  keep()
}

DATA.expression.forEach((_, e) => {
  const label = Object.assign(document.createElement('label'), {htmlFor: 'bar' + e})
  const meter = Object.assign(document.createElement('meter'), {id: 'bar' + e, min: 0, max: 1})
  by('bars').append(label, meter, document.createElement('span'))
})

by('input').onpointerdown = event => {
  if (own) return
  const [x, yaw] = [event.clientX, +by('yaw').value]
  by('input').setPointerCapture(event.pointerId)
  by('input').onpointermove = move => {
    const before = +by('yaw').value
    by('yaw').value = yaw + Math.round((move.clientX - x) / 18)
    if (before !== +by('yaw').value) choose({})
  }
}
by('input').onlostpointercapture = () => { by('input').onpointermove = null }

by('file').onchange = event => {
  open(event.target.files[0])
  event.target.value = '' // the same file may be chosen again
}
by('back').onclick = () => {
  choose({}, preset)
  by('file').focus()
}
by('size').oninput = event => {
  resize(+event.target.value)
  look()
}
by('square').onpointerdown = grab
by('square').onlostpointercapture = () => { by('square').onpointermove = null }
by('square').onkeydown = press
by('photo').onclick = event => { // a click beside the square brings it there
  const [x, y] = place(event)
  put(x - box.side / 2, y - box.side / 2, box.side)
  look()
}

document.ondragover = event => {
  event.preventDefault()
  document.body.classList.add('over')
}
document.ondragleave = () => document.body.classList.remove('over')
document.ondrop = event => {
  event.preventDefault()
  document.body.classList.remove('over')
  open(event.dataTransfer.files[0])
}

const image = new Image()
image.onload = () => {
  const context = canvasOf(image.width, image.height)
  context.drawImage(image, 0, 0)
  sheet = context.getImageData(0, 0, image.width, image.height)
  by('noise').hidden = !noisy()
  if (location.hash.length > 1) follow()
  else if (still.matches) show()
  else turn()
  window.onhashchange = follow
}
image.src = DATA.sheet
