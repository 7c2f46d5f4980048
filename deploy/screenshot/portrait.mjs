// A drawn person before a plain wall, as a film that Chromium takes for its camera (YUV4MPEG2, 4:2:0). Better to look at than the
// browser's own test picture, and nobody's face.

import { writeFileSync } from 'node:fs';

/** @typedef {readonly [number, number, number]} Rgb 0 … 255 each. */
/** @typedef {{ wall: Rgb, skin: Rgb, hair: Rgb, shirt: Rgb, longHair: boolean }} Look */

const width = 640;
const height = 360;
const frames = 8;
const framesPerSecond = 8;
/** Everything below is drawn as if on 960 × 540. */
const unit = 960 / width;

/**
 * How much of a point lies inside an ellipse: 1 inside, 0 outside, between at the edge.
 * @param {number} x
 * @param {number} y
 * @param {number} centreX
 * @param {number} centreY
 * @param {number} radiusX
 * @param {number} radiusY
 */
function inside(x, y, centreX, centreY, radiusX, radiusY) {
  const distance = Math.hypot((x - centreX) / radiusX, (y - centreY) / radiusY);
  const softness = 1.5 / Math.min(radiusX, radiusY);
  return Math.min(1, Math.max(0, (1 - distance) / softness + 0.5));
}

/**
 * @param {Rgb} under
 * @param {Rgb} over
 * @param {number} share
 * @returns {Rgb}
 */
function mix(under, over, share) {
  return [
    under[0] + (over[0] - under[0]) * share,
    under[1] + (over[1] - under[1]) * share,
    under[2] + (over[2] - under[2]) * share,
  ];
}

/**
 * @param {Look} look
 * @param {number} x
 * @param {number} y
 * @param {number} sway Pixels to the side.
 * @returns {Rgb}
 */
function colourAt(look, x, y, sway) {
  const centre = 480 + sway;
  const light = 1.12 - 0.3 * (x / 960) - 0.22 * (y / 540);
  let colour = mix([0, 0, 0], look.wall, light);
  if (look.longHair) colour = mix(colour, look.hair, inside(x, y, centre, 270, 122, 168));
  colour = mix(colour, look.shirt, inside(x, y, centre - sway / 2, 640, 290, 225));
  colour = mix(colour, look.skin, inside(x, y, centre, 395, 46, 70) * 0.94);
  colour = mix(colour, look.hair, inside(x, y, centre, 208, 108, 122));
  return mix(colour, look.skin, inside(x, y, centre, 245, 88, 112));
}

/**
 * Rec. 601, limited range: what Chromium expects of a camera.
 * @param {Rgb} rgb
 */
function yuv([red, green, blue]) {
  return [
    16 + 0.257 * red + 0.504 * green + 0.098 * blue,
    128 - 0.148 * red - 0.291 * green + 0.439 * blue,
    128 + 0.439 * red - 0.368 * green - 0.071 * blue,
  ];
}

/**
 * @param {Look} look
 * @param {number} index
 */
function drawFrame(look, index) {
  const luma = Buffer.alloc(width * height);
  const blues = Buffer.alloc((width * height) / 4);
  const reds = Buffer.alloc((width * height) / 4);
  const sway = Math.round(6 * Math.sin((2 * Math.PI * index) / frames));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [light = 0, blue = 0, red = 0] = yuv(colourAt(look, x * unit, y * unit, sway));
      luma[y * width + x] = light;
      if (x % 2 === 1 || y % 2 === 1) continue;
      const at = (y / 2) * (width / 2) + x / 2;
      blues[at] = blue;
      reds[at] = red;
    }
  }
  return Buffer.concat([Buffer.from('FRAME\n'), luma, blues, reds]);
}

/**
 * @param {string} file Ends in .y4m.
 * @param {Look} look
 */
export function writePortrait(file, look) {
  const head = `YUV4MPEG2 W${width} H${height} F${framesPerSecond}:1 Ip A1:1 C420jpeg\n`;
  const drawn = Array.from({ length: frames }, (_, index) => drawFrame(look, index));
  writeFileSync(file, Buffer.concat([Buffer.from(head), ...drawn]));
}
