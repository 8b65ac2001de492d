// A page around the component: who signs in, and when it is there.
import { createApp } from 'vue';
import TradingDesk from './TradingDesk.js';

createApp({
  components: { TradingDesk },
  data: () => ({ url: 'ws://localhost:8081/ws', userId: 'user001', token: '', login: null, number: 0 }),
  methods: {
    connect() {
      this.login = { url: this.url, userId: this.userId, token: this.token };
      this.number += 1; // Another key is another component, and so another connection.
    },
  },
  template: `
    <h1>A Vue component</h1>
    <form id="login" @submit.prevent="connect">
      <label>Server <input name="url" v-model="url" required></label>
      <label>User <input name="userId" v-model="userId" required></label>
      <label>Token <input name="token" v-model="token" required></label>
      <button>Connect</button>
    </form>
    <trading-desk v-if="login" :key="number" v-bind="login" instrument="IX2301"></trading-desk>
    <dl v-else><dt>Connection</dt><dd id="status">closed</dd></dl>
    <button id="close" @click="login = null">Disconnect</button>
  `,
}).mount('#app');
