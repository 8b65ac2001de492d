// One connection to the exchange from a browser, without any library.
//
//   const exchange = connect({ url, userId, token, onFrame: (frame) => ..., onClose: (code) => ... });
//   exchange.send({ type: 'subscribe', channels: ['orderbook'], instruments: ['IX2301'] });
//   exchange.close();
//
// Answers and pushes come in one stream, in order: what a frame is, its `type` says.

const PING_EVERY = 5000; // The server closes a connection (code 4408) from which nothing has come for ten seconds.

export function connect({ url, userId, token, onFrame, onClose }) {
  // With the user's id in the address, the user's trades come without a subscription, once `auth` has succeeded.
  const socket = new WebSocket(`${url}?user_id=${encodeURIComponent(userId)}`);
  let heartbeat = null;

  const isOpen = () => socket.readyState === WebSocket.OPEN;

  function send(message) {
    if (!isOpen()) throw new Error('not connected');
    socket.send(JSON.stringify(message));
  }

  socket.addEventListener('open', () => {
    send({ type: 'auth', user_id: userId, token });
    heartbeat = setInterval(() => isOpen() && send({ type: 'ping' }), PING_EVERY);
  });
  socket.addEventListener('message', (event) => {
    const frame = JSON.parse(event.data);
    // In a hidden tab a timer may run once a minute only. What the server sends is heard even there.
    if (frame.type === 'ping' && isOpen()) send({ type: 'pong' });
    else onFrame(frame);
  });
  socket.addEventListener('close', (event) => {
    clearInterval(heartbeat);
    onClose(event.code);
  });
  return { send, isOpen, close: () => socket.close(1000) };
}
