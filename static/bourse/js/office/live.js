// The book and the tape of an instrument, on its page in the back office: over the public socket, as everybody hears it.
import { byId, el } from '../ui/dom.js';
import * as protocol from '../line/protocol.js';
import { Connection, paceFor } from '../line/socket.js';

const MOST_TRADES = 20;
const LEVELS = 10;

const live = byId('live');
const { instrument = '', tick = '1', pings = '5', idle = '10', lost = '' } = live.dataset;
const note = byId('live-lost');
/** @type {Ticker[]} */
let tape = [];

const decimals = (tick.split('.')[1] ?? '').replace(/0+$/, '').length;
/** @param {number} price */
const priced = (price) => price.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: 4 });
/** @param {number} lots */
const counted = (lots) => lots.toLocaleString('en');

/** @param {string[]} texts @param {string} [look] of the first */
function line(texts, look = '') {
  return el('tr', {}, ...texts.map((text, at) => el('td', { className: at ? 'number' : `number ${look}` }, text)));
}

/** Asks on top, the lowest next to the bids. @param {OrderBook} book */
function showBook({ bids, asks }) {
  /** @param {BookLevel[]} levels @param {string} look */
  const lines = (levels, look) =>
    levels.slice(0, LEVELS).map(({ price, volume, order_count: orders }) =>
      line([priced(price), counted(volume), counted(orders)], look));
  byId('live-asks').replaceChildren(...lines(asks, 'down').reverse());
  byId('live-bids').replaceChildren(...lines(bids, 'up'));
  byId('live-empty').hidden = bids.length + asks.length > 0;
}

/** A new subscription repeats the last trade. @param {Ticker} trade */
function showTrade(trade) {
  const [last] = tape;
  if (last && last.timestamp === trade.timestamp && last.last_price === trade.last_price
    && last.volume === trade.volume && fresh) {
    fresh = false;
    return;
  }
  fresh = false;
  tape = [trade, ...tape].slice(0, MOST_TRADES);
  const look = { BUY: 'up', SELL: 'down' };
  byId('live-tape').replaceChildren(...tape.map((one) =>
    line([priced(one.last_price), counted(one.volume), new Date(one.timestamp).toLocaleTimeString('en-GB')],
      one.direction ? look[one.direction] : '')));
}

let fresh = true; // since the subscription

const connection = new Connection({
  pace: paceFor({ ping_seconds: Number(pings), idle_seconds: Number(idle) }),
  onOpen: () => {
    fresh = true;
    connection.send(protocol.subscribe(['orderbook', 'ticker'], [instrument]));
  },
  onFrame: (frame) => {
    if (!('instrument_id' in frame) || frame.instrument_id !== instrument) return;
    note.hidden = true;
    if (frame.type === 'orderbook') showBook(frame);
    if (frame.type === 'ticker') showTrade(frame);
    connection.settled();
  },
  onClose: () => {
    note.textContent = lost;
    note.hidden = false;
  },
  onLatency: () => {},
});

connection.open(protocol.socketUrl(location, undefined));
