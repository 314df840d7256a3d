// Makes a PNG file smaller: 256 colours are enough for pages of text, and Chromium writes millions.
// Arguments: the file in base64, and what to call with the smaller one.
const [file, done] = arguments;

const COLOURS = 256;

/** The places of the commonest colours by colour; others get the place of the nearest of these. */
function palette(pixels) {
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const byCount = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b);
  const parts = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const kept = byCount.slice(0, COLOURS).map(parts);
  const places = new Map();
  for (const [place, colour] of byCount.entries()) {
    if (place < COLOURS) {
      places.set(colour, place);
      continue;
    }
    const wanted = parts(colour);
    const distances = kept.map((other) => other.reduce((sum, part, at) => sum + (part - wanted[at]) ** 2, 0));
    places.set(colour, distances.indexOf(Math.min(...distances)));
  }
  return [new Uint8Array(kept.flat()), places];
}

/** Where a line of the picture begins, PNG says how it is filtered: not at all, which suits a palette. */
function lines(pixels, width, height, places) {
  const bytes = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) bytes[y * (width + 1) + 1 + x] = places.get(pixels[y * width + x]);
  }
  return bytes;
}

function checksum(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

function number(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function chunk(kind, content) {
  const named = new Uint8Array([...new TextEncoder().encode(kind), ...content]);
  return [number(content.length), named, number(checksum(named))];
}

async function shrink() {
  const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const { width, height } = picture;
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, width, height).data.buffer);
  const [colours, places] = palette(pixels);
  const deflated = new Blob([lines(pixels, width, height, places)]).stream().pipeThrough(new CompressionStream("deflate"));
  const content = new Uint8Array(await new Response(deflated).arrayBuffer());
  const smaller = new Blob([
    new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    ...chunk("IHDR", new Uint8Array([...number(width), ...number(height), 8, 3, 0, 0, 0])),
    ...chunk("PLTE", colours),
    ...chunk("IDAT", content),
    ...chunk("IEND", new Uint8Array()),
  ]);
  const letters = new Uint8Array(await smaller.arrayBuffer()).reduce((text, byte) => text + String.fromCharCode(byte), "");
  return btoa(letters);
}

shrink().then(done, (error) => done(`${error}`));
