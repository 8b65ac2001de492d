// A Vue component: one connection for as long as it is there. In a project with a bundler the template goes into a .vue
// file as it is.
//
//   <trading-desk :url="url" :user-id="userId" :token="token" instrument="IX2301" />

const PING_EVERY = 5000; // The server closes a connection (code 4408) from which nothing has come for ten seconds.

export default {
  props: { url: String, userId: String, token: String, instrument: String },

  data: () => ({ status: 'connecting', book: null, account: null, orders: {}, fills: [], said: '', price: 120 }),

  mounted() {
    // With the user's id in the address, the user's trades come without a subscription, once `auth` has succeeded.
    this.socket = new WebSocket(`${this.url}?user_id=${encodeURIComponent(this.userId)}`);
    this.socket.onopen = () => this.send({ type: 'auth', user_id: this.userId, token: this.token });
    this.socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    this.socket.onclose = (event) => { this.status = `closed ${event.code}`; };
    this.heartbeat = setInterval(() => this.isOpen() && this.send({ type: 'ping' }), PING_EVERY);
  },

  beforeUnmount() {
    clearInterval(this.heartbeat);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(1000);
  },

  methods: {
    isOpen() {
      return this.socket.readyState === WebSocket.OPEN;
    },

    send(message) {
      if (this.isOpen()) this.socket.send(JSON.stringify(message));
      else this.said = 'not connected';
    },

    buy() {
      const order = { instrument_id: this.instrument, direction: 'BUY', offset: 'OPEN', order_type: 'LIMIT' };
      this.send({ type: 'submit_order', ...order, volume: 1, price: this.price });
    },

    // A type that is not named here is no error: there may be new ones.
    hear(frame) {
      switch (frame.type) {
        case 'ping': // In a hidden tab a timer may run once a minute only. What the server sends is heard even there.
          this.send({ type: 'pong' });
          break;
        case 'auth_response':
          this.status = frame.success ? 'signed in' : 'not signed in';
          if (!frame.success) {
            this.said = frame.message;
            break;
          }
          this.send({ type: 'subscribe', channels: ['orderbook', 'account_update'], instruments: [this.instrument] });
          this.send({ type: 'query_account' });
          break;
        case 'orderbook':
          this.book = frame;
          break;
        case 'query_response':
          this.account = frame.data.account;
          break;
        case 'account_update':
          this.account = { ...this.account, ...frame };
          break;
        case 'order_response':
          this.said = frame.success ? '' : `${frame.error_code} ${frame.error_message}`;
          break;
        case 'order_status':
          this.orders[frame.order_id] = frame;
          break;
        case 'trade':
          this.fills.push(frame);
          break;
        case 'error':
          this.said = `${frame.code} ${frame.message}`;
      }
    },
  },

  template: `
    <form id="order" @submit.prevent="buy">
      <label>Price <input name="price" type="number" step="any" v-model.number="price" required></label>
      <button>Buy one lot</button>
    </form>
    <dl>
      <dt>Connection</dt><dd id="status">{{ status }}</dd>
      <dt>Bid / ask</dt><dd id="book"><template v-if="book"
        >{{ book.bids[0]?.price ?? '-' }} / {{ book.asks[0]?.price ?? '-' }}</template></dd>
      <dt>Balance</dt><dd id="balance">{{ account?.balance }}</dd>
      <dt>Orders</dt><dd><ul id="orders">
        <li v-for="order in orders" :key="order.order_id">{{ order.order_id }} {{ order.status }}</li>
      </ul></dd>
      <dt>Fills</dt><dd><ul id="fills">
        <li v-for="fill in fills" :key="fill.trade_id">{{ fill.direction }} {{ fill.volume }} at {{ fill.price }}</li>
      </ul></dd>
      <dt>Said</dt><dd id="said">{{ said }}</dd>
    </dl>
  `,
};
