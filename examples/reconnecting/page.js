// A page around the connection. Stop the server and start it again: the page goes on where it was.
import { Exchange } from './exchange.js';

const INSTRUMENT = 'IX2301';
const at = (id) => document.getElementById(id);
const say = (id, text) => { at(id).textContent = text; };
const lines = new Map(); // order_id -> its line
let exchange = null;

function line(list) {
  return at(list).appendChild(document.createElement('li'));
}

function showOrder(orderId, status) {
  if (!lines.has(orderId)) lines.set(orderId, line('orders'));
  lines.get(orderId).textContent = `${orderId} ${status}`;
}

const on = {
  snapshot(frame) {
    say('balance', frame.account.balance);
    for (const order of frame.orders) showOrder(order.order_id, order.status);
  },
  orderbook: (frame) => say('book', `${frame.bids[0]?.price ?? '-'} / ${frame.asks[0]?.price ?? '-'}`),
  order_response: (frame) => say('said', frame.success ? '' : `${frame.error_code} ${frame.error_message}`),
  order_status: (frame) => showOrder(frame.order_id, frame.status),
  trade(frame) {
    line('fills').textContent = `${frame.direction} ${frame.volume} at ${frame.price}`;
  },
  account_update: (frame) => say('balance', frame.balance),
  error: (frame) => say('said', `${frame.code} ${frame.message}`),
};

at('login').addEventListener('submit', (event) => {
  event.preventDefault();
  exchange?.close();
  exchange = new Exchange({
    ...Object.fromEntries(new FormData(event.target)),
    onFrame: (frame) => on[frame.type]?.(frame), // A type that is not known here is no error: there may be new ones.
    onStatus: (status, why) => say('status', why ? `${status}: ${why}` : status),
    onUncertain: (order) => say('said', `a day has ended: look what became of ${order.client_order_id}`),
  });
  exchange.subscribe(['orderbook', 'account_update'], [INSTRUMENT]);
  exchange.connect();
});

at('order').addEventListener('submit', (event) => {
  event.preventDefault();
  exchange?.submitOrder({
    instrument_id: INSTRUMENT,
    direction: 'BUY',
    offset: 'OPEN',
    volume: 1,
    price: Number(new FormData(event.target).get('price')),
    order_type: 'LIMIT',
  });
});

at('close').addEventListener('click', () => exchange?.close());
