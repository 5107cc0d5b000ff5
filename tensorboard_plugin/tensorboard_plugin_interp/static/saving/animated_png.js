/**
 * An animated PNG, put together from PNG files of one size: W3C, PNG (third edition), APNG
 *
 * The first file stays what a reader without animations shows. Of the others the data chunks become frames.
 */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** @param {Uint8Array} bytes @returns {number} the checksum of a chunk */
function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** @param {Uint8Array} file @returns {{name: string, data: Uint8Array}[]} */
export function readChunks(file) {
  if (SIGNATURE.some((byte, place) => file[place] !== byte)) throw new Error("a frame is no PNG");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks = [];
  for (let place = 8; place < file.length; ) {
    const length = view.getUint32(place);
    const name = String.fromCharCode(...file.subarray(place + 4, place + 8));
    chunks.push({ name, data: file.subarray(place + 8, place + 8 + length) });
    place += 12 + length;
  }
  return chunks;
}

/** @param {string} name @param {Uint8Array} data @returns {Uint8Array} */
function writeChunk(name, data) {
  const chunk = new Uint8Array(12 + data.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  chunk.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  chunk.set(data, 8);
  view.setUint32(8 + data.length, checksum(chunk.subarray(4, 8 + data.length)));
  return chunk;
}

/** @param {number[]} numbers @returns {Uint8Array} four bytes each */
function words(...numbers) {
  const view = new DataView(new ArrayBuffer(4 * numbers.length));
  numbers.forEach((number, place) => view.setUint32(4 * place, number));
  return new Uint8Array(view.buffer);
}

/** @param {Uint8Array[]} parts @returns {Uint8Array<ArrayBuffer>} */
function join(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}

/**
 * @param {Uint8Array[]} frames PNG files of one size and one kind of pixel
 * @param {number[]} delays of each, in ms
 * @returns {Uint8Array<ArrayBuffer>} one file that shows them again and again
 */
export function animate(frames, delays) {
  const read = frames.map(readChunks);
  const heads = read.map((chunks) => chunks[0].data);
  if (!frames.length || heads.some((head) => head.join() !== heads[0].join()))
    throw new Error("the frames of an animated PNG are of one size");
  const [width, height] = [0, 4].map((place) => new DataView(heads[0].buffer, heads[0].byteOffset).getUint32(place));
  let sequence = 0;
  const parts = [Uint8Array.from(SIGNATURE), writeChunk("IHDR", heads[0]), writeChunk("acTL", words(frames.length, 0))];
  read.forEach((chunks, frame) => {
    const shown = Uint8Array.from([...words(Math.round(delays[frame]) * 65536 + 1000), 0, 0]); // ms, of thousand a second
    parts.push(writeChunk("fcTL", join(words(sequence++, width, height, 0, 0), shown)));
    for (const { name, data } of chunks) {
      if (name !== "IDAT") continue;
      parts.push(frame === 0 ? writeChunk("IDAT", data) : writeChunk("fdAT", join(words(sequence++), data)));
    }
  });
  return join(...parts, writeChunk("IEND", new Uint8Array(0)));
}
