/** Where the page's objects meet: builds the store and the client, hands them to the panels, and starts. */
import { loadPreferences } from './base/storage.js';
import { BrowserSession } from './client/browser_session.js';
import { Client } from './client/client.js';
import { paceFor } from './line/socket.js';
import { mountAccount } from './panels/account/account.js';
import { mountEquity } from './panels/account/equity.js';
import { mountReset } from './panels/account/reset.js';
import { mountSignIn } from './panels/account/sign_in.js';
import { mountStatements } from './panels/account/statements.js';
import { mountAnnouncements } from './panels/frame/announcements.js';
import { mountConnection } from './panels/frame/connection.js';
import { mountNotices } from './panels/frame/notices.js';
import { mountPreferences } from './panels/frame/preferences.js';
import { mountShortcuts } from './panels/frame/shortcuts.js';
import { mountBook } from './panels/market/book.js';
import { mountChart } from './panels/market/chart.js';
import { mountDepthChart } from './panels/market/depth_chart.js';
import { mountHeadline } from './panels/market/headline.js';
import { mountInstruments } from './panels/market/instruments.js';
import { mountSpecs } from './panels/market/specs.js';
import { mountTape } from './panels/market/tape.js';
import { mountConfirm } from './panels/shared/confirm.js';
import { mountTabs, mountViews } from './panels/shared/tabs.js';
import { mountBlotters } from './panels/trading/blotters.js';
import { mountFills } from './panels/trading/fills.js';
import { mountHistory } from './panels/trading/history.js';
import { mountOrders } from './panels/trading/orders.js';
import { mountPositions } from './panels/trading/positions.js';
import { mountTicket } from './panels/trading/ticket.js';
import { announced } from './state/reduce_market.js';
import { Store, initialState } from './state/store.js';
import { byId } from './ui/dom.js';
import { startLanguage } from './ui/i18n.js';

/**
 * What the server has written into the page.
 * @param {string} id
 */
const told = (id) => JSON.parse(byId(id).textContent);
/** @type {ExchangeSettings} */
const exchange = told('exchange');
/** @type {SessionTold} */
const session = told('session');
const venue = { demo: session.demo, riskWarn: exchange.risk_warn, riskLimit: exchange.risk_limit };
const store = new Store(initialState(told('instruments'), loadPreferences(), venue), (run) => requestAnimationFrame(run));
store.set(announced(told('announced'), Date.now()));
const client = new Client({ store, location, pace: paceFor(exchange) });
const browserSession = new BrowserSession(store, client, session);

// --- the page

startLanguage();
mountPreferences();
const views = mountViews();
mountTabs('chart-tabs', 'tab-chart');
mountConnection(store);
mountNotices(store, client);
mountAnnouncements(store);

// --- the market, for everybody

const contracts = mountInstruments(store, client, () => views.show('chart'));
mountHeadline(store);
mountSpecs(store);
const ladder = mountBook(store, (price) => ticket.setPrice(price));
const chart = mountChart(store, client);
mountDepthChart(store);
mountTape(store);

window.addEventListener('online', () => client.hurry());
document.addEventListener('visibilitychange', () => document.hidden || client.hurry());
browserSession.start();

// --- the trader

mountConfirm();
const signIn = mountSignIn(store, client, browserSession);
const ticket = mountTicket(store, client, signIn.begin);
mountAccount(store, { begin: signIn.begin, reset: mountReset(store, client, browserSession) });
const orders = mountOrders(store, client.orderEntry);
const blotters = mountBlotters(store, {
  'tab-positions': mountPositions(store, client.orderEntry, (order) => {
    views.show('trade');
    ticket.prepare(order);
  }),
  'tab-orders': orders,
  'tab-history': mountHistory(store, client.orderEntry),
  'tab-trades': mountFills(store, client.orderEntry),
  'tab-statements': mountStatements(store),
  'tab-equity': mountEquity(store),
});

// --- the keyboard

/**
 * @param {string} field to write in next
 * @param {string} [name] of what is chosen
 * @param {string} [value]
 */
const toTicket = (field, name, value) => {
  views.show('trade');
  if (name && value) ticket.choose(name, value);
  ticket.focus(field);
};
/**
 * @param {string} tab
 * @param {string} [view]
 */
const toBlotter = (tab, view = 'orders') => {
  views.show(view);
  blotters.show(tab);
};
mountShortcuts({
  '/': ['search', () => {
    views.show('market');
    contracts.search();
  }],
  '[': ['contract', () => contracts.step(-1)],
  ']': ['contract', () => contracts.step(1)],
  ',': ['period', () => chart.period(-1)],
  '.': ['period', () => chart.period(1)],
  '-': ['group', () => ladder.regroup(-1)],
  '=': ['group', () => ladder.regroup(1)],
  b: ['buy', () => toTicket('price', 'direction', 'BUY')],
  s: ['sell', () => toTicket('price', 'direction', 'SELL')],
  p: ['price', () => toTicket('price', 'order_type', 'LIMIT')],
  v: ['volume', () => toTicket('volume')],
  m: ['market', () => toTicket('volume', 'order_type', 'MARKET')],
  a: ['offset', () => ticket.choose('offset', 'AUTO')],
  o: ['offset', () => ticket.choose('offset', 'OPEN')],
  c: ['offset', () => ticket.choose('offset', 'CLOSE')],
  x: ['cancel_all', () => orders.cancelAll()],
  1: ['blotter', () => toBlotter('tab-positions')],
  2: ['blotter', () => toBlotter('tab-orders')],
  3: ['blotter', () => toBlotter('tab-history')],
  4: ['blotter', () => toBlotter('tab-trades')],
  5: ['blotter', () => toBlotter('tab-statements', 'account')],
  6: ['blotter', () => toBlotter('tab-equity', 'account')],
  t: ['theme', () => byId('theme').click()],
  l: ['language', () => byId('language').click()],
});
