// A component that uses the hook. Written without JSX, so that a browser runs it as it is.
import { createElement as h, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useExchange } from './useExchange.js';

const INSTRUMENT = 'IX2301';
const START = { url: 'ws://localhost:8081/ws', userId: 'user001', token: '' };

function fields(event) {
  event.preventDefault();
  return Object.fromEntries(new FormData(event.target));
}

function Login({ onSubmit }) {
  const input = (label, name) => h('label', null, label, h('input', { name, defaultValue: START[name], required: true }));
  return h('form', { id: 'login', onSubmit: (event) => onSubmit(fields(event)) },
    input('Server', 'url'), input('User', 'userId'), input('Token', 'token'), h('button', null, 'Connect'));
}

function Desk(login) {
  const { status, book, account, orders, fills, said, submitOrder } = useExchange({ ...login, instrument: INSTRUMENT });

  function buy(event) {
    const price = Number(fields(event).price);
    const order = { instrument_id: INSTRUMENT, direction: 'BUY', offset: 'OPEN', volume: 1, price, order_type: 'LIMIT' };
    submitOrder(order);
  }

  const line = (label, id, ...what) => [h('dt', { key: label }, label), h('dd', { key: `${label}.`, id }, ...what)];
  const list = (id, items) => h('ul', { id, key: id }, items.map(([key, text]) => h('li', { key }, text)));
  return h('div', null,
    h('form', { id: 'order', onSubmit: buy },
      h('label', null, 'Price', h('input', { name: 'price', type: 'number', step: 'any', defaultValue: 120, required: true })),
      h('button', null, 'Buy one lot')),
    h('dl', null,
      line('Connection', 'status', status),
      line('Bid / ask', 'book', book && `${book.bids[0]?.price ?? '-'} / ${book.asks[0]?.price ?? '-'}`),
      line('Balance', 'balance', account?.balance),
      line('Orders', null, list('orders', Object.values(orders).map((each) => [each.order_id, `${each.order_id} ${each.status}`]))),
      line('Fills', null, list('fills', fills.map((each) => [each.trade_id, `${each.direction} ${each.volume} at ${each.price}`]))),
      line('Said', 'said', said)));
}

function App() {
  const [login, setLogin] = useState(null);
  return h('div', null,
    h('h1', null, 'A React hook'),
    h(Login, { onSubmit: setLogin }),
    login ? h(Desk, login) : h('dl', null, h('dt', null, 'Connection'), h('dd', { id: 'status' }, 'closed')),
    h('button', { id: 'close', onClick: () => setLogin(null) }, 'Disconnect'));
}

createRoot(document.getElementById('app')).render(h(App));
