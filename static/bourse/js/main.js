/** Where the page's objects meet: builds the store and the client, hands them to the panels, and starts. */
import { Client } from './client.js';
import { byId } from './dom.js';
import { startLanguage } from './i18n.js';
import { mountAccount } from './panels/account.js';
import { mountBook } from './panels/book.js';
import { mountConnection } from './panels/connection.js';
import { mountDepthChart } from './panels/depth_chart.js';
import { mountFills } from './panels/fills.js';
import { mountMarket } from './panels/market.js';
import { mountNotices } from './panels/notices.js';
import { mountOrders } from './panels/orders.js';
import { mountPositions } from './panels/positions.js';
import { mountPreferences } from './panels/preferences.js';
import { mountSession } from './panels/session.js';
import { mountTape } from './panels/tape.js';
import { mountTicket } from './panels/ticket.js';
import { loadPreferences } from './storage.js';
import { Store, initialState } from './store.js';

const instruments = JSON.parse(byId('instruments').textContent);
const store = new Store(initialState(instruments, loadPreferences().contract), (run) => requestAnimationFrame(run));
const client = new Client({ store, location });

startLanguage();
mountPreferences();
mountConnection(store);
const session = mountSession(store, client);
const ticket = mountTicket(store, client, session.ask);
mountMarket(store, client);
mountBook(store, ticket.setPrice);
mountDepthChart(store);
mountTape(store);
mountAccount(store);
mountOrders(store, client);
mountFills(store);
mountPositions(store, ticket.prepare);
mountNotices(store, client);

window.addEventListener('online', () => client.hurry());
document.addEventListener('visibilitychange', () => document.hidden || client.hurry());
client.start();
