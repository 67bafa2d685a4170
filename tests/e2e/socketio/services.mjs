// What the native service connection of the tests answers to client events.

const refusal = (code, message) => Object.assign(new Error(message), { code });

/** Bytes as text: so a reply shows what arrived. */
export function described(value) {
  if (Buffer.isBuffer(value)) return value.length <= 64 ? `bytes ${value.toString('hex')}` : `${value.length} bytes, all ${value[0]}: ${value.every((byte) => byte === value[0])}`;
  if (Array.isArray(value)) return value.map(described);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, described(member)]));
  return value;
}

const echo = ({ value }) => ({ value: described(value) });
const mirror = ({ value }) => ({ value });

export const services = {
  'alerts:echo': echo,
  'alerts:mirror': mirror,
  'video:echo': echo,
  'video:mirror': mirror,
  'video:silent': () => undefined,
  'video:never': () => new Promise(() => {}),
  'video:fails': () => {
    throw refusal('FORBIDDEN', 'not today');
  },
  'video:who': ({ socketId, ...identity }) => ({ ...identity, socket: typeof socketId }),
  'video:subscribe-stream': ({ cameraId, quality }) => {
    if (cameraId === 'broken') throw refusal('UNAVAILABLE', 'camera is broken');
    return { url: `rtsp://streams.example.com/${cameraId}/${quality}` };
  },
  'video:unsubscribe-stream': () => ({}),
  'video:ptz-control': ({ params }) => {
    if (params?.pan > 180) throw refusal('BAD_REQUEST', 'pan is out of range');
    return {};
  },
  'video:stream:start': ({ cameraId, quality }) => ({ cameraId, quality }),
  'video:stream:stop': ({ cameraId }) => ({ cameraId }),
  'video:recording:start': ({ cameraId, duration }) => ({ cameraId, duration }),
  'video:recording:stop': ({ cameraId }) => ({ cameraId }),
};
