/**
 * The frames of the public protocol and what is in them (docs/protocol.md), for the type check. A test compares them with
 * the messages of the server. `?`: left out where there is none.
 */

type Direction = 'BUY' | 'SELL';
type Offset = 'OPEN' | 'CLOSE' | 'CLOSETODAY' | 'CLOSEYESTERDAY';
type OrderType = 'LIMIT' | 'MARKET';
type TimeCondition = 'GFD' | 'GTC' | 'GTD' | 'IOC' | 'FOK';
type OrderStatus = 'Waiting' | 'Submitted' | 'PartiallyFilled' | 'Filled' | 'Cancelled';
type Phase = 'continuous' | 'auction' | 'halted' | 'closed' | 'delisted';
type InstrumentWord = 'listed' | 'changed' | 'settled' | 'delisted';
type StopKind = 'STOP' | 'TAKE_PROFIT';
type Trigger = 'LAST' | 'BID' | 'ASK';

interface AuthResponse {
  type: 'auth_response';
  success: boolean;
  user_id: string;
  message: string;
}

interface LogoutResponse {
  type: 'logout_response';
  success: boolean;
}

interface ResumeResponse {
  type: 'resume_response';
  success: boolean;
  last_seq: number;
}

interface SetSessionResponse {
  type: 'set_session_response';
  success: boolean;
  cancel_on_disconnect: boolean;
  grace_ms: number;
}

interface SubscribeResponse {
  type: 'subscribe_response';
  success: boolean;
  channels: string[];
  instruments: string[];
  message: string;
  error_code?: number;
}

interface OrderResult {
  success: boolean;
  order_id: string | null;
  error_code: number | null;
  error_message: string | null;
  client_order_id?: string;
  status?: OrderStatus;
  filled_volume?: number;
}

interface OrderResponse {
  type: 'order_response';
  success: boolean;
  order_id: string | null;
  error_code: number | null;
  error_message: string | null;
  client_order_id?: string;
  status?: OrderStatus;
  filled_volume?: number;
  retry_after?: number;
}

interface OrdersResponse {
  type: 'orders_response';
  results: OrderResult[];
  retry_after?: number;
}

interface CancelAllResponse {
  type: 'cancel_all_response';
  success: boolean;
  cancelled: number;
  error_code: number | null;
  error_message: string | null;
  retry_after?: number;
}

interface CancelAfterResponse {
  type: 'cancel_after_response';
  success: boolean;
  deadline: number | null;
  error_code: number | null;
  error_message: string | null;
  retry_after?: number;
}

interface ErrorFrame {
  type: 'error';
  code: number;
  message: string;
  retry_after?: number;
}

interface PongFrame {
  type: 'pong';
}

interface Trade {
  type: 'trade';
  trade_id: string;
  order_id: string;
  instrument_id: string;
  direction: Direction;
  offset: Offset;
  price: number;
  volume: number;
  timestamp: number;
  seq?: number;
  commission?: number;
  is_maker?: boolean;
  market?: string;
  market_seq?: number;
}

interface OrderStatusFrame {
  type: 'order_status';
  order_id: string;
  status: OrderStatus;
  filled_volume: number;
  remaining_volume: number;
  timestamp: number;
  seq?: number;
  price?: number;
  volume?: number;
  reason?: string;
  error_code?: number;
  error_message?: string;
  instrument_id?: string;
  direction?: Direction;
  offset?: Offset;
  order_type?: OrderType;
  client_order_id?: string;
  time_condition?: TimeCondition;
  post_only?: boolean;
  reduce_only?: boolean;
  average_price?: number;
  market?: string;
  market_seq?: number;
  stop_price?: number;
  stop_kind?: StopKind;
  trigger?: Trigger;
  trail?: number;
  price_levels?: number;
}

interface AccountUpdate {
  type: 'account_update';
  balance: number;
  available: number;
  frozen: number;
  margin: number;
  profit: number;
  risk_ratio: number;
  timestamp: number;
  seq?: number;
  market?: string;
  market_seq?: number;
}

interface Portfolio {
  type: 'portfolio';
  balance: number;
  available: number;
  frozen: number;
  margin: number;
  profit: number;
  position_profit: number;
  risk_ratio: number;
  timestamp: number;
}

interface RiskWarning {
  type: 'risk_warning';
  risk_ratio: number;
  margin: number;
  balance: number;
  timestamp: number;
  seq: number;
  market?: string;
  market_seq?: number;
}

interface Liquidation {
  type: 'liquidation';
  status: string;
  risk_ratio: number;
  margin: number;
  balance: number;
  timestamp: number;
  seq: number;
  market?: string;
  market_seq?: number;
}

interface PositionExpired {
  type: 'position_expired';
  instrument_id: string;
  volume_long: number;
  volume_short: number;
  price: number;
  close_profit: number;
  timestamp: number;
  seq: number;
  market?: string;
  market_seq?: number;
}

interface StatementPosition {
  instrument_id: string;
  volume_long: number;
  volume_short: number;
  price: number;
  margin: number;
}

interface Statement {
  type: 'statement';
  day: number;
  opening: number;
  deposits: number;
  withdrawals: number;
  close_profit: number;
  position_profit: number;
  commission: number;
  closing: number;
  margin: number;
  positions: StatementPosition[];
  timestamp: number;
  seq?: number;
  market?: string;
  market_seq?: number;
}

interface BookLevel {
  price: number;
  volume: number;
  order_count: number;
}

interface OrderBook {
  type: 'orderbook';
  instrument_id: string;
  bids: BookLevel[];
  asks: BookLevel[];
  timestamp: number;
  phase?: Phase;
  indicative_price?: number;
  indicative_volume?: number;
}

interface OrderBookDelta {
  type: 'orderbook_delta';
  instrument_id: string;
  seq: number;
  prev_seq: number | null;
  bids: BookLevel[];
  asks: BookLevel[];
  timestamp: number;
  phase?: Phase;
  indicative_price?: number;
  indicative_volume?: number;
}

interface StatisticsData {
  instrument_id: string;
  open: number | null;
  high: number | null;
  low: number | null;
  last_price: number | null;
  change: number | null;
  volume: number;
  turnover: number;
  trades: number;
  open_interest: number;
  settlement_price: number;
  limit_up: number | null;
  limit_down: number | null;
}

interface Ticker {
  type: 'ticker';
  instrument_id: string;
  last_price: number;
  volume: number;
  timestamp: number;
  direction?: Direction;
  day?: StatisticsData;
}

interface BarData {
  start: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  turnover: number;
  trades: number;
  open_interest: number;
}

interface Kline {
  type: 'kline';
  start: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  turnover: number;
  trades: number;
  open_interest: number;
  instrument_id: string;
  period: string;
}

interface InstrumentStatus {
  type: 'instrument_status';
  instrument_id: string;
  phase: Phase;
  timestamp: number;
}

interface InstrumentState {
  type: 'instrument_state';
  instrument_id: string;
  state: InstrumentWord;
  timestamp: number;
}

interface PingFrame {
  type: 'ping';
}

interface Announcement {
  type: 'announcement';
  message: string;
  timestamp: number;
}

/** A trade was taken back; `commission` was given back, `close_profit` taken back. */
interface TradeBroken {
  type: 'trade_broken';
  trade_id: string;
  order_id: string;
  instrument_id: string;
  direction: Direction;
  offset: Offset;
  price: number;
  volume: number;
  commission: number;
  close_profit: number;
  timestamp: number;
  seq: number;
  market?: string;
  market_seq?: number;
}

interface AnnouncementData {
  announcement_id: string;
  text: string;
  timestamp: number;
  until: number;
  stop_at?: number;
  personal?: boolean;
}

/** All that is announced now. */
interface Announcements {
  type: 'announcements';
  announcements: AnnouncementData[];
  timestamp: number;
}

interface AccountData {
  user_id: string;
  balance: number;
  available: number;
  frozen: number;
  margin: number;
  profit: number;
  risk_ratio: number;
  static_balance: number;
  pre_balance: number;
  deposit: number;
  withdraw: number;
  close_profit: number;
  position_profit: number;
  float_profit: number;
  commission: number;
  frozen_orders: number;
  withdrawable: number;
}

interface LotData {
  direction: Direction;
  volume: number;
  open_price: number;
  open_time: number;
  today: boolean;
}

interface PositionData {
  user_id: string;
  instrument_id: string;
  volume_long: number;
  volume_long_today: number;
  volume_long_his: number;
  volume_long_frozen_today: number;
  volume_long_frozen_his: number;
  volume_short: number;
  volume_short_today: number;
  volume_short_his: number;
  volume_short_frozen_today: number;
  volume_short_frozen_his: number;
  open_price_long: number | null;
  open_price_short: number | null;
  open_cost_long: number;
  open_cost_short: number;
  position_price_long: number | null;
  position_price_short: number | null;
  position_cost_long: number;
  position_cost_short: number;
  float_profit_long: number;
  float_profit_short: number;
  float_profit: number;
  position_profit_long: number;
  position_profit_short: number;
  position_profit: number;
  margin_long: number;
  margin_short: number;
  margin: number;
  last_price: number | null;
  lots?: LotData[];
}

interface OrderData {
  user_id: string;
  order_id: string;
  instrument_id: string;
  direction: Direction;
  offset: Offset;
  volume: number;
  price: number | null;
  order_type: OrderType;
  time_condition: TimeCondition;
  status: OrderStatus;
  filled_volume: number;
  remaining_volume: number;
  timestamp: number;
  client_order_id: string | null;
  average_price?: number;
  expires_at?: number;
  valid_until?: number;
  post_only?: boolean;
  reduce_only?: boolean;
  display_volume?: number;
  stop_price?: number;
  stop_kind?: StopKind;
  trigger?: Trigger;
  trail?: number;
  current_stop?: number;
  oco_group?: string;
  stp?: string;
  price_levels?: number;
  forced?: boolean;
  reason?: string;
  error_code?: number;
}

interface TradeData {
  trade_id: string;
  order_id: string;
  instrument_id: string;
  direction: Direction;
  offset: Offset;
  price: number;
  volume: number;
  timestamp: number;
  is_maker?: boolean;
  commission: number;
  close_profit: number;
  broken?: boolean;
}

interface FeeData {
  per_lot: number;
  rate: number;
}

interface InstrumentData {
  instrument_id: string;
  name: string;
  product_id: string;
  tick: number;
  multiplier: number;
  limit_up: number | null;
  limit_down: number | null;
  margin_rate_long: number;
  margin_rate_short: number;
  fee_open: FeeData;
  fee_close: FeeData;
  fee_close_today: FeeData;
  min_volume: number;
  max_volume: number;
  max_position: number | null;
  max_orders: number | null;
  larger_side: boolean;
  last_day: number | null;
  phase: Phase;
  settlement_price: number;
  last_price: number | null;
  market?: string;
  trading_hours?: TradingHoursData;
}

interface SessionData {
  weekdays: string;
  begins: string;
  ends: string;
}

interface TradingHoursData {
  time_zone: string;
  sessions: SessionData[];
}

interface PublicTradeData {
  price: number;
  volume: number;
  timestamp: number;
  direction?: Direction;
}

interface QueryData {
  account?: AccountData;
  positions?: PositionData[];
  order?: OrderData;
  orders?: OrderData[];
  trades?: TradeData[];
  next?: string | null;
  instruments?: InstrumentData[];
  statements?: Statement[];
  bars?: BarData[];
  public_trades?: PublicTradeData[];
  statistics?: StatisticsData[];
  archived_until?: number;
}

interface Snapshot {
  type: 'snapshot';
  seq: number;
  account: AccountData;
  positions: PositionData[];
  orders: OrderData[];
  trading_day: number;
  market?: string;
}

interface QueryResponse {
  type: 'query_response';
  request_type: string;
  data: QueryData;
}

/** Any may carry the `request_id` of what it answers. */
type ServerFrame = { request_id?: string } & (
  | AuthResponse
  | LogoutResponse
  | ResumeResponse
  | SetSessionResponse
  | SubscribeResponse
  | OrderResponse
  | OrdersResponse
  | CancelAllResponse
  | CancelAfterResponse
  | Trade
  | TradeBroken
  | OrderStatusFrame
  | AccountUpdate
  | Portfolio
  | RiskWarning
  | Liquidation
  | PositionExpired
  | Statement
  | OrderBook
  | OrderBookDelta
  | Ticker
  | Kline
  | InstrumentStatus
  | InstrumentState
  | Snapshot
  | QueryResponse
  | ErrorFrame
  | PongFrame
  | PingFrame
  | Announcement
  | Announcements
);

/** The fields of frames, by their type. */
type FrameTable = Record<string, { required: string[]; optional: string[] }>;

/** What a client sends; CLIENT_FRAMES in protocol.js has the fields of each. */
type ClientFrame = { type: string; [field: string]: unknown };
