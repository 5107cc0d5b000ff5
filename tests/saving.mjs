// Names of files, tables as text, and animated PNGs. Run by node; see test_node.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { animate, readChunks } from "../tensorboard_plugin/tensorboard_plugin_interp/static/saving/animated_png.js";
import { wrap } from "../tensorboard_plugin/tensorboard_plugin_interp/static/saving/chart_frame.js";
import { fileName } from "../tensorboard_plugin/tensorboard_plugin_interp/static/saving/file_names.js";
import { jsonOf, tableOf } from "../tensorboard_plugin/tensorboard_plugin_interp/static/saving/record_tables.js";
import { csvOf, valueOf } from "../tensorboard_plugin/tensorboard_plugin_interp/static/saving/table_text.js";

test("a file name has run, layer, thing and step, and nothing that leads out of the folder", () => {
  assert.equal(fileName(["tagged", "block/conv", "channel 3", "step-400"], "png"), "tagged_block-conv_channel-3_step-400.png");
  assert.equal(fileName(["../../etc", "", null, "passwd\u0000\n"], "csv"), "etc_passwd.csv");
  assert.equal(fileName(["..", "<script>"], "json"), "script.json");
  assert.equal(fileName([], "json"), "interpretability.json");
  assert.equal(fileName(["Größe 7", "日本"], "svg"), "Größe-7_日本.svg");
  assert.ok(fileName(["a".repeat(500)], "png").length < 70);
});

test("cells are quoted, and what a spreadsheet would compute is text", () => {
  assert.equal(csvOf({ header: ["a,b", 'c"d'], rows: [["x\ny", "z"]] }), '"a,b","c""d"\r\n"x\ny",z\r\n');
  for (const name of ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"]) {
    const [, line] = csvOf({ header: ["h"], rows: [[name]] }).split("\r\n", 2);
    assert.match(line, /^"?'/, JSON.stringify(name));
  }
  assert.equal(csvOf({ header: ["h"], rows: [['=HYPERLINK("x")']] }), 'h\r\n"\'=HYPERLINK(""x"")"\r\n');
  assert.equal(csvOf({ header: ["-h"], rows: [] }), "'-h\r\n", "names of columns as well");
});

test("numbers stay numbers, and what is not known is empty", () => {
  assert.equal(csvOf({ header: ["h"], rows: [[-1.5, 1e-7, NaN, Infinity, null, undefined, true, 0]] }), "h\r\n-1.5,1e-7,,,,,true,0\r\n");
  assert.deepEqual(["\u22121.5", "+0.2", "1,234", "1.2e\u22127", "–", "12 %", "-x"].map(valueOf), [-1.5, 0.2, 1234, 1.2e-7, "–", "12 %", "-x"]);
});

test("a record is a table with the numbers that were recorded", () => {
  const units = [{ name: "=cmd", channel: 3, status: "ok", activation: 6, probe_mean: 0.5, probe_max: 2, picture: 0 }];
  const table = tableOf({ kind: "features", data: { units } });
  assert.equal(csvOf(table), "name,channel,status,activation,probe_mean,probe_max,activation_over_probe_max\r\n'=cmd,3,ok,6,0.5,2,3\r\n");
  const probe = { ids: ["a.png"], labels: [1], predictions: [0], right: [false] };
  const pictures = [{ probe: 0, target: 1, logit: 2.5, total: -1 }];
  assert.equal(
    csvOf(tableOf({ kind: "attribution", data: { probe, pictures, class_names: ["cat", "dog"] } })),
    "picture,truth,prediction,right,target,logit,total\r\na.png,dog,cat,false,dog,2.5,-1\r\n",
  );
  const tests = [{ concept: "tag", p: 0.01, flags: ["A", "B"] }, { concept: "mark", p: null, later: 1 }];
  assert.equal(csvOf(tableOf({ kind: "concepts", data: { tests } })), "concept,p,flags,later\r\ntag,0.01,A | B,\r\nmark,,,1\r\n");
  assert.equal(tableOf({ kind: "features", data: { units: [] } }), null);
  assert.equal(tableOf({ kind: "of a later version", data: {} }), null);
  assert.deepEqual(JSON.parse(jsonOf({ kind: "k", layer: "l", step: 1, title: "t", data: { x: 1 }, images: ["blob:x"] })), {
    kind: "k", layer: "l", step: 1, title: "t", data: { x: 1 },
  });
});

function chunk(name, data) {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length);
  bytes.write(name, 4, "latin1");
  data.copy(bytes, 8);
  return bytes; // its checksum is not read
}

function png(width, height, level) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.concat(Array.from({ length: height }, () => Buffer.from([0, ...Array(width).fill(level)])));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const data = deflateSync(rows);
  const parts = [chunk("IHDR", head), chunk("IDAT", data.subarray(0, 5)), chunk("IDAT", data.subarray(5)), chunk("IEND", Buffer.alloc(0))];
  return new Uint8Array(Buffer.concat([signature, ...parts]));
}

test("an animated PNG numbers its frames and their data in one row", () => {
  const chunks = readChunks(animate([png(3, 2, 0), png(3, 2, 99)], [400, 1500]));
  assert.deepEqual(chunks.map(({ name }) => name), ["IHDR", "acTL", "fcTL", "IDAT", "IDAT", "fcTL", "fdAT", "fdAT", "IEND"]);
  const word = (place, offset = 0) => Buffer.from(chunks[place].data).readUInt32BE(offset);
  assert.deepEqual([word(1), word(1, 4)], [2, 0], "two frames, for ever");
  assert.deepEqual([2, 5, 6, 7].map((place) => word(place)), [0, 1, 2, 3]);
  assert.deepEqual([word(5, 4), word(5, 8)], [3, 2]);
  assert.deepEqual([Buffer.from(chunks[5].data).readUInt16BE(20), Buffer.from(chunks[5].data).readUInt16BE(22)], [1500, 1000]);
});

test("frames of several sizes, and what is no PNG, are refused", () => {
  assert.throws(() => animate([png(3, 2, 0), png(2, 3, 0)], [1, 1]), /one size/);
  assert.throws(() => animate([], []), /one size/);
  assert.throws(() => animate([new Uint8Array(20)], [1]), /no PNG/);
});

test("a title is broken between words, and a word that is too long stands alone", () => {
  assert.deepEqual(wrap("Share of each group over the steps", 134), ["Share of each group", "over the steps"]);
  assert.deepEqual(wrap(`a ${"x".repeat(40)} b`, 134), ["a", "x".repeat(40), "b"]);
});
