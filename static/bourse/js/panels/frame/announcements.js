/** What operators announce: a bar that can be closed, and the same in the dialog for signing in. Both count down to a stop. */
import { byId, el, setText } from '../../ui/dom.js';
import { draw } from '../../ui/draw.js';
import * as format from '../../ui/format.js';
import { t } from '../../ui/i18n.js';

const SECOND = 1000;
const DAY = 86400e3;

/** @param {Store} store */
export function mountAnnouncements(store) {
  /** What was closed comes again with the page, until it ends. @type {Set<string>} */
  const closed = new Set();
  const bar = byId('announcements');
  const atTheDoor = byId('sign-in-announcements');
  const render = () => {
    const { list, ahead } = store.state.announcements;
    const now = Date.now() + ahead;
    const present = list.filter((one) => one.until > now);
    fill(bar, present.filter((one) => !closed.has(one.announcement_id)), now, (id) => {
      closed.add(id);
      render();
    });
    fill(atTheDoor, present.filter((one) => !one.personal), now, null);
  };
  draw(store, ['announcements'], render);
  setInterval(() => store.state.announcements.list.length && render(), SECOND);
}

/**
 * Lines that are there stay as they are: only their words change, and nothing that has the focus is made anew.
 * @param {HTMLElement} root
 * @param {AnnouncementData[]} list
 * @param {number} now
 * @param {((id: string) => void) | null} close
 */
function fill(root, list, now, close) {
  const wanted = new Map(list.map((one) => [one.announcement_id, one]));
  const lines = /** @type {HTMLElement[]} */ ([...root.children]);
  lines.filter(({ dataset }) => !wanted.has(dataset.id ?? '')).forEach((line) => line.remove());
  const there = new Map(lines.map((line) => [line.dataset.id, line]));
  list.forEach((one) => {
    const line = there.get(one.announcement_id) ?? root.appendChild(lineFor(one, close));
    const [words, countdown, button] = line.children;
    setText(words, one.text);
    setText(countdown, one.stop_at === undefined ? '' : untilStop(one.stop_at, now));
    if (button) button.setAttribute('aria-label', t('notice.dismiss'));
  });
}

/**
 * @param {AnnouncementData} one
 * @param {((id: string) => void) | null} close
 */
function lineFor(one, close) {
  const line = el('div', { className: 'announcement', data: { id: one.announcement_id } }, el('p'), el('strong'));
  line.lastElementChild?.setAttribute('aria-live', 'off'); // nobody wants every second read out
  if (close) {
    const button = el('button', { type: 'button', className: 'close', textContent: '×' });
    button.addEventListener('click', () => close(one.announcement_id));
    line.append(button);
  }
  return line;
}

/**
 * @param {number} stopAt
 * @param {number} now
 */
function untilStop(stopAt, now) {
  const left = stopAt - now;
  if (left <= 0) return t('announcement.stops_now');
  const days = Math.floor(left / DAY);
  const clock = format.duration(left % DAY);
  return days ? t('announcement.stops_in_days', { days, clock }) : t('announcement.stops_in', { clock });
}
