/** A demo account back to its starting funds: its orders are cancelled and its positions closed the way anybody does it. */
import { queryPosition } from '../../line/protocol.js';
import { freeLots } from '../../orders/estimate.js';
import { ask } from '../shared/confirm.js';
import { legsOf } from '../../state/selectors.js';
import { t } from '../../ui/i18n.js';

const TRIES = 3;
/** @type {Record<PositionSide, Direction>} */
const SIDES = { long: 'SELL', short: 'BUY' };

/**
 * Returns reset().
 * @param {Store} store
 * @param {Client} client
 * @param {BrowserSession} browserSession
 */
export function mountReset(store, client, browserSession) {
  return async () => {
    const yes = t('demo.reset');
    if (await ask({ title: t('demo.reset_title'), text: t('demo.reset_text'), yes }) !== 'yes') return;
    store.set({ resetting: true });
    const problem = await run(client, browserSession);
    store.set({ resetting: false });
    client.notice(problem ? 'not-reset' : 'reset', problem ?? {});
  };
}

/**
 * Null, or why it was not done.
 * @param {Client} client
 * @param {BrowserSession} browserSession
 */
async function run(client, browserSession) {
  if (!(await client.orderEntry.cancelAll())) return { code: 'not_flat' };
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const legs = legsOf(await held(client));
    if (legs.length === 0) break;
    await client.orderEntry.submit(legs.map(closing));
  }
  const answer = await browserSession.resetDemo();
  return answer.ok ? null : answer;
}

/** @param {Client} client */
async function held(client) {
  const answer = await client.request(queryPosition());
  return answer?.data?.positions ?? [];
}

/**
 * @param {Leg} parts
 * @returns {OrderOptions}
 */
const closing = ({ position, side }) => ({
  instrument_id: position.instrument_id, direction: SIDES[side], offset: 'CLOSE', order_type: 'MARKET',
  volume: Object.values(freeLots(position, side)).reduce((sum, lots) => sum + lots, 0),
});
