/** What the page's rooms hand to one another, for the type check. What comes from the exchange is in line/frames.d.ts. */

// --- what the server writes into the page

/** What a client must keep to, from the server's settings. */
interface ExchangeSettings {
  ping_seconds: number;
  idle_seconds: number;
  risk_warn: number;
  risk_limit: number;
}

interface SessionTold {
  user_id: string | null;
  demo: boolean;
  demo_account: boolean;
}

/** A contract: what the page came with, and from the first answer on the rest. */
type Instrument = Pick<InstrumentData, 'instrument_id' | 'name' | 'tick' | 'multiplier' | 'limit_up' | 'limit_down'> & Partial<InstrumentData>;

// --- orders

type BookSideName = 'bid' | 'ask';
type PositionSide = 'long' | 'short';
type Move = 'up' | 'down' | 'flat';

/** An order of the user as the page knows it: from its answer, its pushes and queries, each of which tells some of it. */
type OwnOrder = { order_id: string; placed: number } & Partial<Omit<OrderData, 'order_id'>> & { error_message?: string };

/** A fill; what it cost and brought comes later than its push. */
type OwnFill = Omit<Trade, 'type' | 'seq'> & Partial<TradeData>;

/** What can be said about an order; null or false: it is not said. */
interface OrderOptions {
  instrument_id: string;
  direction: Direction;
  offset: Offset;
  order_type: OrderType;
  volume: number;
  price?: number | null;
  time_condition?: TimeCondition | null;
  client_order_id?: string;
  expires_at?: number | null;
  post_only?: boolean | null;
  reduce_only?: boolean | null;
  display_volume?: number | null;
  stop_kind?: StopKind | null;
  trigger?: Trigger | null;
  stop_price?: number | null;
  trail?: number | null;
  /** Where a waiting order fires now; only the exchange knows. */
  current_stop?: number;
  oco_group?: string | null;
  /** At how many of the best prices of the other side a market order trades. */
  price_levels?: number | null;
}

/** An order as the ticket has it: it may lack a volume, and what to do with positions may be left to the page. */
type TicketOrder = Omit<OrderOptions, 'offset' | 'volume'> & { offset: Offset | 'AUTO'; volume: number | null };

interface OrderRule {
  options: Record<string, boolean | unknown[]>;
  field: string;
  sentence?: string;
}

/** What the exchange said to an order. */
interface OrderVerdict {
  success: boolean;
  order_id?: string | null;
  code?: number | null;
  message?: string | null;
}

type TicketState =
  | { phase: 'idle' }
  | { phase: 'unsent'; field: string; sentence: string }
  | { phase: 'sending' | 'uncertain'; orders: OrderOptions[] }
  | { phase: 'answered'; orders: OrderOptions[]; results: OrderVerdict[] }
  | { phase: 'missing'; orders: OrderOptions[]; results: (OrderVerdict | null)[] };

/** Lots that would trade at a price. */
interface Fill {
  price: number;
  lots: number;
}

type BookSides = Pick<OrderBook, 'bids' | 'asks'>;

// --- the state

interface Book extends BookSides {
  timestamp: number;
  phase: Phase;
  indicative: { price: number; volume: number | undefined } | null;
  /** Null: it must come whole before changes can be applied. */
  seq: number | null;
  stale: boolean;
}

interface LastTrade {
  key: number;
  price: number;
  volume: number;
  timestamp: number;
  direction: Direction | null;
  move: Move;
  replayable?: boolean;
}

type TapeTrade = PublicTradeData & { key: number } | LastTrade;

interface Bars {
  instrumentId: string | null;
  period: string;
  list: BarData[];
  more: boolean;
  asked: boolean;
  loaded: boolean;
}

/** Why something was not done: a code of the exchange (a number), of this site (a word), or the key of a sentence. */
interface Problem {
  key?: string;
  code?: number | string | null;
  message?: string | null;
  retryAfter?: number | null;
}

interface Notice {
  id: number;
  kind: string;
  data: any;
}

/** What belongs to a user and must be gone when the user is. */
interface PrivateState {
  orders: Map<string, OwnOrder>;
  ordersNext: string | null;
  fills: OwnFill[];
  fillsNext: string | null;
  statements: Statement[] | null;
  account: Account | null;
  /** Those of markets beside the first, by market. */
  furtherAccounts: Record<string, Account>;
  accountMissing: boolean;
  equity: EquityPoint[];
  positions: PositionData[] | null;
  amending: Set<string>;
  cancelling: Set<string>;
  demoAccount: boolean;
  ticket: TicketState;
}

type Account = Omit<AccountUpdate, 'type' | 'seq' | 'timestamp'> & Partial<AccountData>;

interface EquityPoint {
  time: number;
  balance: number;
}

interface State extends PrivateState {
  instruments: Instrument[];
  /** The contract on view; null while there is none at all. */
  selected: string | null;
  connection: {
    phase: 'connecting' | 'live' | 'reconnecting';
    attempt: number;
    closeCode: number | null;
    latency: number | null;
  };
  session: {
    phase: 'anonymous' | 'signing-in' | 'restoring' | 'signed-in';
    userId: string | null;
    problem: Problem | null;
  };
  books: Record<string, Book>;
  days: Record<string, StatisticsData>;
  ticks: Record<string, LastTrade>;
  tickCount: number;
  tape: TapeTrade[];
  bars: Bars;
  venue: { demo: boolean; riskWarn: number; riskLimit: number };
  resetting: boolean;
  /** Markets that take no orders just now; undefined stands for the first. */
  away: Set<string | undefined>;
  notices: Notice[];
  /** `ahead`: how far the exchange's clock is before that of this machine. */
  announcements: { list: AnnouncementData[]; ahead: number };
}

type Patch = Partial<State>;
type StateKey = keyof State;
type Store = import('./state/store.js').Store;

// --- asking

/** Why something was asked; the answer comes back with it. */
interface Question {
  kind: string;
  answered?: (frame: ServerFrame | null) => void;
  orderId?: string;
  /** A market beside the first. */
  market?: string;
  instrumentId?: string | null;
  period?: string;
  limit?: number;
  older?: boolean;
}

/** The number of a private push; of a `market` beside the first it is `market_seq` that counts. */
interface Push {
  seq: number;
  market?: string;
  market_seq?: number;
}

interface Credentials {
  userId: string;
  token: string;
  /** Whether the exchange has taken the token before. */
  proven: boolean;
  /** Whether this tab remembers it. */
  kept: boolean;
  expired?: boolean;
}

interface Pace {
  beatMs: number;
  silenceMs: number;
}

/** An answer of this site to the page. */
type SiteAnswer = Problem & Partial<SessionTold> & { ok: boolean; token?: string; expires_in?: number };

type Client = import('./client/client.js').Client;
type BrowserSession = import('./client/browser_session.js').BrowserSession;
type OrderEntry = import('./orders/order_entry.js').OrderEntry;

// --- drawing

/** Elements of the template that are more than an HTMLElement, by id. */
interface PageElements {
  'confirm': HTMLDialogElement;
  'confirm-no': HTMLButtonElement;
  'shortcuts': HTMLDialogElement;
  'shortcuts-on': HTMLInputElement;
  'sign-in': HTMLDialogElement;
  'sign-in-form': HTMLFormElement;
  'sign-in-submit': HTMLButtonElement;
  'token-form': HTMLFormElement;
  'token-submit': HTMLButtonElement;
  'demo-start': HTMLButtonElement;
  'ticket-form': HTMLFormElement;
  'ticket-submit': HTMLButtonElement;
  'ticket-resend': HTMLButtonElement;
  'ticket-more': HTMLDetailsElement;
  'price-up': HTMLButtonElement;
  'price-down': HTMLButtonElement;
  'book-group': HTMLSelectElement;
  'instrument-search': HTMLInputElement;
  'orders-table': HTMLTableElement;
  'history-table': HTMLTableElement;
  'fills-table': HTMLTableElement;
  'positions-table': HTMLTableElement;
  'statements-table': HTMLTableElement;
  'tape-table': HTMLTableElement;
  'cancel-all': HTMLButtonElement;
  'history-more': HTMLButtonElement;
  'fills-more': HTMLButtonElement;
}

interface Column<Item> {
  /** Key of the words in its head; empty where there are none. */
  label: string;
  className?: string;
  text?: (item: Item) => string;
  fill?: (cell: HTMLTableCellElement, item: Item) => void;
  /** What files have of it. */
  value?: (item: Item) => string | number | null | undefined;
  /** The words in its head, in the language of the page. */
  words?: string;
}

/** A table on view, for files. */
interface Blotter<Item = any> {
  columns: Column<Item>[];
  rows: () => Item[];
}

/** A side of a position that is held. */
interface Leg {
  position: PositionData;
  side: PositionSide;
  key: string;
}
