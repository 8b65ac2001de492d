/* Which room of the page's modules may import which (docs/architecture.md). A room that is not named here may import
   nothing but itself, so that a new room is covered before anybody has thought of it. */

const JS = 'static/bourse/js';
const PANELS = ['market', 'trading', 'account', 'frame'];
const DRAWN = ['panels/shared', 'ui', 'orders', 'state', 'line', 'base'];

/** Room: what it may import besides itself. */
const ROOMS = {
  ...Object.fromEntries(PANELS.map((room) => [`panels/${room}`, DRAWN])),
  'panels/shared': ['ui', 'orders', 'state', 'base'],
  client: ['orders', 'state', 'line', 'base'],
  orders: ['state', 'line', 'base'],
  state: ['line', 'base'],
  line: ['base'],
  office: ['ui', 'line', 'base'],
  documents: ['ui', 'base'],
  ui: ['locales', 'base'],
  locales: [],
  base: [],
};

/** Names of rooms that begin like another's (`panels/shared`) are whole paths here: nothing matches by accident. */
const anyOf = (rooms) => `^${JS}/(${rooms.join('|')})/[^/]+$`;

export default {
  forbidden: [
    ...Object.entries(ROOMS).map(([room, allowed]) => ({
      name: `${room.replace('/', '-')}-imports-only-what-is-below`,
      severity: 'error',
      from: { path: anyOf([room]) },
      to: { pathNot: anyOf([room, ...allowed]) },
    })),
    {
      name: 'a-room-that-is-not-named-imports-nothing',
      severity: 'error',
      from: { path: `^${JS}/.+/`, pathNot: anyOf(Object.keys(ROOMS)) },
      to: {},
    },
    {
      name: 'nothing-imports-the-top',
      severity: 'error',
      from: {},
      to: { path: `^${JS}/[^/]+$` },
    },
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'every-import-is-there', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'only-our-own', severity: 'error', from: {}, to: { pathNot: `^${JS}/` } },
    {
      name: 'every-module-is-used',
      severity: 'error',
      from: { orphan: true, pathNot: `^${JS}/(early\\.js|office/colours\\.js|api_docs\\.js|desk\\.js|.*\\.d\\.ts)$` },
      to: {},
    },
  ],
  options: { doNotFollow: { path: 'node_modules' }, moduleSystems: ['es6'] },
};
