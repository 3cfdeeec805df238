'use strict'
// GASCA in plain JavaScript, one face at a time: a second implementation of nbs/04_layers.
// Planes are {n, h, w, data}; data is a Float32Array in the order plane, row, column.

const GASCA = (() => {

  function planes(n, h, w) {
    return {n, h, w, data: new Float32Array(n * h * w)}
  }

  // Read a .safetensors file: a header of JSON, then numbers of 32 or 16 bits.
  function weights(bytes) {
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    const length = Number(new DataView(buffer).getBigUint64(0, true))
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)))
    const found = {}
    for (const [name, {dtype, data_offsets}] of Object.entries(head)) {
      if (name === '__metadata__') continue
      const [from, to] = data_offsets.map(at => at + 8 + length)
      const part = buffer.slice(from, to)
      if (dtype === 'F32') found[name] = new Float32Array(part)
      else found[name] = Float32Array.from(new Uint16Array(part), single)
    }
    return found
  }

  // The number that 16 bits stand for.
  function single(bits) {
    const sign = bits >> 15 ? -1 : 1
    const exponent = bits >> 10 & 31
    const fraction = bits & 1023
    if (exponent === 0) return sign * fraction * 2 ** -24
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  }

  // Eq. 5: K holds ks x ks numbers for every pair of planes; no padding.
  function conv(x, K, b) {
    const nf = b.length
    const ks = Math.round(Math.sqrt(K.length / (nf * x.n)))
    const y = planes(nf, x.h - ks + 1, x.w - ks + 1)
    const {h, w} = y
    const data = x.data
    for (let f = 0; f < nf; f++) {
      const out = y.data.subarray(f * h * w, (f + 1) * h * w).fill(b[f])
      for (let i = 0; i < x.n; i++) {
        for (let r = 0; r < ks; r++) {
          for (let c = 0; c < ks; c++) {
            const k = K[((f * x.n + i) * ks + r) * ks + c]
            for (let u = 0; u < h; u++) {
              const from = (i * x.h + u + r) * x.w + c
              const to = u * w
              for (let v = 0; v < w; v++) out[to + v] += k * data[from + v]
            }
          }
        }
      }
    }
    return y
  }

  function relu(x) {
    for (let at = 0; at < x.data.length; at++) if (x.data[at] < 0) x.data[at] = 0
    return x
  }

  // Rows of W times planes, two by two: every number is then read half as often, which counts here.
  function products(W, bias, planes, count) {
    const [units, size] = [bias.length, W.length / bias.length]
    const y = new Float32Array(count * units)
    for (let f = 0; f < count; f += 2) {
      const g = Math.min(f + 1, count - 1)
      for (let u = 0; u < units; u += 2) {
        const v = Math.min(u + 1, units - 1)
        let fu = bias[u]
        let fv = bias[v]
        let gu = bias[u]
        let gv = bias[v]
        for (let at = 0; at < size; at++) {
          const Wu = W[u * size + at]
          const Wv = W[v * size + at]
          const xf = planes[f * size + at]
          const xg = planes[g * size + at]
          fu += Wu * xf
          fv += Wv * xf
          gu += Wu * xg
          gv += Wv * xg
        }
        y[f * units + u] = fu
        y[f * units + v] = fv
        y[g * units + u] = gu
        y[g * units + v] = gv
      }
    }
    return y
  }

  // Eqs. 4 and 6: one W shapes every plane.
  function convMLP(x, p, name) {
    const c = conv(x, p[name + '.conv.weight'], p[name + '.conv.bias'])
    const [W, bias] = [p[name + '.W.weight'], p[name + '.W.bias']]
    const side = Math.round(Math.sqrt(bias.length))
    return relu({n: c.n, h: side, w: side, data: products(W, bias, c.data, c.n)})
  }

  // Eq. 7: the left half, with one column of zeros beyond the mid-line; then its mirror image.
  function halfConv(x, p, name) {
    const half = planes(x.n, x.h, x.w / 2 + 1)
    for (let row = 0; row < x.n * x.h; row++) {
      half.data.set(x.data.subarray(row * x.w, row * x.w + x.w / 2), row * half.w)
    }
    const left = relu(conv(half, p[name + '.conv.weight'], p[name + '.conv.bias']))
    const y = planes(left.n, left.h, 2 * left.w)
    for (let row = 0; row < left.n * left.h; row++) {
      for (let c = 0; c < left.w; c++) {
        const value = left.data[row * left.w + c]
        y.data[row * y.w + c] = y.data[row * y.w + y.w - 1 - c] = value
      }
    }
    return y
  }

  // One deconvolution: every number of x spreads a kernel over y; `pad` is cut off all around.
  function deconv(x, K, b, stride, pad) {
    const nf = b.length
    const ks = Math.round(Math.sqrt(K.length / (x.n * nf)))
    const [h, w] = [x.h, x.w].map(side => (side - 1) * stride + ks - 2 * pad)
    const y = planes(nf, h, w)
    for (let f = 0; f < nf; f++) y.data.fill(b[f], f * h * w, (f + 1) * h * w)
    for (let i = 0; i < x.n; i++) {
      for (let r = 0; r < x.h; r++) {
        for (let c = 0; c < x.w; c++) {
          const value = x.data[(i * x.h + r) * x.w + c]
          if (value === 0) continue
          for (let f = 0; f < nf; f++) {
            for (let dr = 0; dr < ks; dr++) {
              const row = r * stride + dr - pad
              if (row < 0 || row >= h) continue
              const kernel = ((i * nf + f) * ks + dr) * ks
              for (let dc = 0; dc < ks; dc++) {
                const column = c * stride + dc - pad
                if (column < 0 || column >= w) continue
                y.data[(f * h + row) * w + column] += value * K[kernel + dc]
              }
            }
          }
        }
      }
    }
    return y
  }

  // What every encoder makes of a face, 48 x 48 numbers in 0..1.
  function encode(p, face, prefix) {
    const side = Math.round(Math.sqrt(face.length))
    let x = {n: 1, h: side, w: side, data: Float32Array.from(face)}
    const codes = []
    for (const k of [0, 1, 2]) codes.push(x = convMLP(x, p, `${prefix}.${k}`))
    codes.push(halfConv(x, p, `${prefix}.3`))
    return codes
  }

  // Turn a face: the codes on the way, and the picture y.
  function run(p, face) {
    const codes = encode(p, face, 'G.enc')
    let x = codes[3]
    for (const [k, pad] of [[3, 0], [2, 1], [1, 1]]) {
      x = relu(deconv(x, p[`G.dec.${k}.0.weight`], p[`G.dec.${k}.0.bias`], 1, pad))
    }
    const [K, b] = [p['G.dec.0.0.weight'], p['G.dec.0.0.bias']]
    const stride = Math.floor(Math.sqrt(face.length) / 12)
    x = deconv(x, K, b, stride, 0)
    return {codes, y: x.data.map(value => 1 / (1 + Math.exp(-value)))}
  }

  // The probability of each emotion.
  function classify(p, face) {
    const z = encode(p, face, '0')[3].data
    const [W, b] = [p['2.weight'], p['2.bias']]
    const logits = Array.from(b, (bias, e) =>
      z.reduce((sum, value, at) => sum + W[e * z.length + at] * value, bias))
    const powers = logits.map(logit => Math.exp(logit - Math.max(...logits)))
    const sum = powers.reduce((a, b) => a + b)
    return powers.map(power => power / sum)
  }

  return {weights, run, classify}
})()

if (typeof module !== 'undefined') module.exports = GASCA
