/** What the API answers, as far as the dashboard reads it. Checked with `tsc`, never served. */

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Button {
  customId: string;
  label: string | null;
  emoji: string | null;
  kind: string;
  index: number | null;
  needsModal: boolean;
}

export interface KeptFile {
  url: string;
  type: string;
  width: number | null;
  height: number | null;
  source: string;
}

export interface Task {
  id: string;
  upstream: string;
  sequence: number;
  action: string | null;
  status: string | null;
  progress: number | null;
  prompt: string | null;
  failReason: string | null;
  imageUrl: string | null;
  imageExpiresAt: string | null;
  videoUrls: string[];
  archived?: KeptFile[] | null;
  buttons: Button[];
  submitTime: string | null;
  startTime: string | null;
  finishTime: string | null;
  metadata: Record<string, unknown>;
  parentId: string | null;
  rootId: string | null;
  by: string | null;
  active: boolean;
  trackedAt: string;
  nextLookAt: string | null;
}

export interface Attempt {
  at: string;
  tookMs: number;
  status: number | null;
  outcome: string;
  detail: string;
}

export type DeliveryState = "pending" | "held" | "delivered" | "superseded" | "dead";

/** Why a delivery waits. */
export interface Wait {
  cause: string;
  at: string | null;
  number: number | null;
}

/** A delivery in a list. */
export interface Delivery {
  eventId: string;
  type: string;
  task: string | null;
  upstream: string | null;
  endpoint: string;
  state: DeliveryState;
  timestamp: string;
  reason: string | null;
  wait: Wait | null;
}

/** A delivery of one event. */
export interface EventDelivery {
  endpoint: string;
  state: DeliveryState;
  attempts: Attempt[];
  nextAt: string | null;
  reason: string | null;
  wait: Wait | null;
}

export interface TaskEvent {
  eventId: string;
  type: string;
  timestamp: string;
  data: Record<string, any>;
  deliveries: EventDelivery[];
}

export interface TaskDetail extends Task {
  events: TaskEvent[];
}

export interface Action {
  id: string;
  upstream: string;
  kind: "press" | "submit";
  customId: string | null;
  label: string | null;
  state: "pending" | "sending" | "accepted" | "refused" | "unknown" | "cancelled";
  childId: string | null;
  code: number | null;
  reason: string | null;
  by: string;
  createdAt: string;
  endedAt: string | null;
}

export interface TaskWithActions extends TaskDetail {
  actions: Action[];
}

export interface Endpoint {
  name: string;
  kind: string | null;
  host: string | null;
  configured: boolean;
  events: string[];
  state: "up" | "failing" | "open" | "paused" | "disabled";
  since: string | null;
  reason: string | null;
  retryAt: string | null;
  pending: number;
  oldestPendingAt: string | null;
  dead: number;
  delivered: number;
  latencyMs: { p50: number; p95: number } | null;
  lastSuccessAt: string | null;
  rateLimit: string | null;
  clicksReason: string | null;
  history: { at: string; ok: number; failed: number }[];
}

export interface Upstream {
  name: string;
  host: string | null;
  state: "up" | "failing" | "unhealthy";
  since: string | null;
  reason: string | null;
  tracked: number;
  active: number;
  lastAnswerAt: string | null;
  requestsPerMinute: number;
  lagSeconds: number;
}
