// dist/ as C++ arrays, plain and compressed, for src/server/dashboard.cc. The same sources give the same bytes.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const gzip_bytes_max = 38 * 1024; // of all files together: an operator may be far away
const types = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" };
const array = (name, bytes) => `constexpr unsigned char ${name}[] = {${[...bytes].join(",")}};\n`;

let arrays = "";
let rows = "";
let total = 0;
for (const [index, file] of readdirSync("dist").sort().entries()) {
  const plain = readFileSync(`dist/${file}`);
  const packed = gzipSync(plain, { level: 9 });
  const type = types[file.split(".").pop()];
  if (!type) throw new Error(`dist/${file} has no content type`);
  total += packed.length;
  arrays += array(`plain_${index}`, plain) + array(`packed_${index}`, packed);
  const tag = createHash("sha256").update(plain).digest("hex").slice(0, 16);
  const path = file === "index.html" ? "" : file;
  rows += `    {"${path}", "${type}", "${tag}", plain_${index}, packed_${index}},\n`;
}
if (total > gzip_bytes_max) throw new Error(`the dashboard has ${total} bytes compressed; at most ${gzip_bytes_max}`);
writeFileSync("assets.inc", `${arrays}constexpr Asset assets[] = {\n${rows}};\n`);
console.log(`${total} bytes compressed`);
