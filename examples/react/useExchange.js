// A React hook: one connection for as long as the component is there, and what has been heard on it.
//
//   const { status, book, account, orders, fills, said, submitOrder } = useExchange({ url, userId, token, instrument });
//
// `orders` is an object, order_id -> its last order_status; `fills` is a list of trades, the oldest first.
import { useCallback, useEffect, useReducer, useRef } from 'react';

const PING_EVERY = 5000; // The server closes a connection (code 4408) from which nothing has come for ten seconds.
const NOTHING = { status: 'connecting', book: null, account: null, orders: {}, fills: [], said: '' };

// What is known after a frame. A type that is not named here changes nothing: there may be new ones.
function learn(known, frame) {
  switch (frame.type) {
    case 'start': // Ours, not the server's; so is `closed`.
      return NOTHING;
    case 'closed':
      return { ...known, status: `closed ${frame.code}` };
    case 'auth_response':
      return { ...known, status: frame.success ? 'signed in' : 'not signed in', said: frame.success ? '' : frame.message };
    case 'orderbook':
      return { ...known, book: frame };
    case 'query_response':
      return { ...known, account: frame.data.account };
    case 'account_update':
      return { ...known, account: { ...known.account, ...frame } };
    case 'order_response':
      return { ...known, said: frame.success ? '' : `${frame.error_code} ${frame.error_message}` };
    case 'order_status':
      return { ...known, orders: { ...known.orders, [frame.order_id]: frame } };
    case 'trade':
      return { ...known, fills: [...known.fills, frame] };
    case 'error':
      return { ...known, said: `${frame.code} ${frame.message}` };
    default:
      return known;
  }
}

export function useExchange({ url, userId, token, instrument }) {
  const [known, hear] = useReducer(learn, NOTHING);
  const socket = useRef(null);

  const send = useCallback((message) => {
    if (socket.current?.readyState === WebSocket.OPEN) socket.current.send(JSON.stringify(message));
    else hear({ type: 'error', code: '-', message: 'not connected' });
  }, []);

  useEffect(() => {
    // With the user's id in the address, the user's trades come without a subscription, once `auth` has succeeded.
    const ws = new WebSocket(`${url}?user_id=${encodeURIComponent(userId)}`);
    const over = new AbortController(); // After the clean-up nothing of this connection is heard any more.
    const listen = (event, listener) => ws.addEventListener(event, listener, { signal: over.signal });
    socket.current = ws;
    hear({ type: 'start' });
    listen('open', () => send({ type: 'auth', user_id: userId, token }));
    listen('close', (event) => hear({ type: 'closed', code: event.code }));
    listen('message', (event) => {
      const frame = JSON.parse(event.data);
      hear(frame);
      // In a hidden tab a timer may run once a minute only. What the server sends is heard even there.
      if (frame.type === 'ping') send({ type: 'pong' });
      if (frame.type === 'auth_response' && frame.success) {
        send({ type: 'subscribe', channels: ['orderbook', 'account_update'], instruments: [instrument] });
        send({ type: 'query_account' });
      }
    });
    const heartbeat = setInterval(() => ws.readyState === WebSocket.OPEN && send({ type: 'ping' }), PING_EVERY);
    return () => {
      over.abort();
      clearInterval(heartbeat);
      ws.close(1000);
    };
  }, [url, userId, token, instrument, send]);

  const submitOrder = useCallback((order) => send({ type: 'submit_order', ...order }), [send]);
  return { ...known, submitOrder };
}
