// What the page does with the frames.
import { connect } from './client.js';

const INSTRUMENT = 'IX2301';
const at = (id) => document.getElementById(id);
const say = (id, text) => { at(id).textContent = text; };
const lines = new Map(); // order_id -> its line
let exchange = null;

function line(list) {
  return at(list).appendChild(document.createElement('li'));
}

const on = {
  auth_response(frame) {
    say('status', frame.success ? 'signed in' : 'not signed in');
    if (!frame.success) return say('said', frame.message);
    exchange.send({ type: 'subscribe', channels: ['orderbook', 'account_update'], instruments: [INSTRUMENT] });
    return exchange.send({ type: 'query_account' });
  },
  query_response: (frame) => say('balance', frame.data.account.balance),
  orderbook: (frame) => say('book', `${frame.bids[0]?.price ?? '-'} / ${frame.asks[0]?.price ?? '-'}`),
  order_response: (frame) => say('said', frame.success ? '' : `${frame.error_code} ${frame.error_message}`),
  order_status(frame) {
    if (!lines.has(frame.order_id)) lines.set(frame.order_id, line('orders'));
    lines.get(frame.order_id).textContent = `${frame.order_id} ${frame.status}`;
  },
  trade(frame) {
    line('fills').textContent = `${frame.direction} ${frame.volume} at ${frame.price}`;
  },
  account_update: (frame) => say('balance', frame.balance),
  error: (frame) => say('said', `${frame.code} ${frame.message}`),
};

function signIn(words) {
  exchange?.close();
  say('status', 'connecting');
  const mine = connect({
    ...words,
    onFrame: (frame) => on[frame.type]?.(frame), // A type that is not known here is no error: there may be new ones.
    onClose: (code) => mine === exchange && say('status', `closed ${code}`),
  });
  exchange = mine;
}

function buy(price) {
  if (!exchange?.isOpen()) return say('said', 'not connected');
  return exchange.send({
    type: 'submit_order',
    instrument_id: INSTRUMENT,
    direction: 'BUY',
    offset: 'OPEN',
    volume: 1,
    price,
    order_type: 'LIMIT',
  });
}

at('login').addEventListener('submit', (event) => {
  event.preventDefault();
  signIn(Object.fromEntries(new FormData(event.target)));
});
at('order').addEventListener('submit', (event) => {
  event.preventDefault();
  buy(Number(new FormData(event.target).get('price')));
});
at('close').addEventListener('click', () => exchange?.close());
