// The page: what is shown, in which order, and which key does what.

import { getEvent, listEvents, review } from "./api.js";
import { Grid } from "./cards.js";
import { Detail } from "./detail.js";
import { byId, say } from "./dom.js";
import { keepTimes, REVIEWS, spoken } from "./format.js";
import { Live } from "./live.js";
import { OverviewBar } from "./overview.js";

// Cards kept on the page while new ones come in.
const MOST_CARDS = 240;
const UNDO_MS = 12000;

const filter = { camera: "", state: "" };
const events = new Map(); // the newest revision of every event that the page shows, and of some that it has shown
let nextPage = "";
let trimmed = false; // whether cards were let go at the end, so that `nextPage` no longer continues the grid
let loading = 0;
let scrolled = 0; // where the grid was when an event was opened
let place = 0; // of the opened event in the grid
let moves = 0; // how often something was opened: an answer that comes later than the next move opens nothing
let seeking = -1; // the move since which the next event to review is being fetched
let undo = null;

const grid = new Grid();
const bar = new OverviewBar({ onCamera: (camera) => choose({ camera }), onState: (state) => choose({ state }) });
const detail = new Detail({ onDecision: decide });
const live = new Live({ onChange, onOverview, onReset: () => load(), onState: connection });

const matches = (event) =>
  (!filter.camera || event.camera === filter.camera) && (!filter.state || event.review.state === filter.state);

// --- the list ---

async function load(size = 60) {
  const mine = ++loading;
  try {
    const page = await listEvents({ ...filter, size });
    if (mine !== loading) return;
    grid.clear();
    page.events.forEach(remember);
    grid.append(page.events);
    nextPage = page.next;
    trimmed = false;
    settle();
    live.open(filter.camera, page.resume);
  } catch (error) {
    if (mine !== loading) return;
    connection("lost");
    setTimeout(() => mine === loading && load(size), 2000);
  }
}

async function older() {
  if (trimmed) return load(Math.min(1000, grid.size + 60));
  const mine = loading;
  const page = await listEvents({ ...filter, page: nextPage }).catch(() => null);
  if (!page || mine !== loading) return;
  page.events.forEach(remember);
  grid.append(page.events);
  nextPage = page.next;
  settle();
}

function remember(event) {
  const known = events.get(event.id);
  if (!known || known.revision <= event.revision) events.set(event.id, event);
}

// A page that stays open for weeks keeps what it shows, and no more.
function forget() {
  for (const id of events.keys()) {
    if (!grid.has(id) && !(detail.open && detail.event.id === id)) events.delete(id);
  }
}

function onChange(event) {
  const known = events.get(event.id);
  if (known && known.revision > event.revision) return;
  remember(event);
  if (matches(event)) grid.put(event, Boolean(nextPage) || trimmed);
  else grid.remove(event.id);
  if (grid.size > MOST_CARDS && window.scrollY < 400 && !detail.open) {
    grid.trim(MOST_CARDS);
    trimmed = true;
  }
  if (detail.open && detail.event.id === event.id) detail.show(event);
  if (events.size > grid.size + MOST_CARDS) forget();
  settle();
}

function settle() {
  byId("older").hidden = !(nextPage || trimmed);
  const empty = byId("empty");
  empty.hidden = grid.size > 0;
  if (grid.size > 0) return;
  const filtered = filter.camera || filter.state;
  say(empty.querySelector("h2"), filtered ? "Nothing here" : "No defect has been found yet");
  say(
    empty.querySelector("p"),
    filtered ? "No event matches the filter." : "Events appear here by themselves, within a second of the frame.",
  );
}

function choose(change) {
  Object.assign(filter, change);
  bar.select(filter);
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
  history.replaceState(null, "", query.size ? `/?${query}` : "/");
  load();
}

function onOverview(overview) {
  bar.show(overview, filter);
  bar.select(filter);
}

// --- the connection ---

function connection(state) {
  const lost = state === "lost";
  const pill = byId("link");
  pill.className = `pill ${lost ? "bad" : "good"}`;
  say(pill.lastElementChild, lost ? "connection lost" : "live");
  byId("lost").hidden = !lost;
  document.body.classList.toggle("stale", lost);
}

// --- one event ---

async function route() {
  const mine = ++moves;
  const match = location.pathname.match(/^\/events\/([^/]+)$/);
  if (!match) return showList();
  const id = decodeURIComponent(match[1]);
  if (byId("detail").hidden) scrolled = window.scrollY;
  place = Math.max(0, grid.ids().indexOf(id));
  byId("overview").hidden = true;
  byId("detail").hidden = false;
  window.scrollTo(0, 0);
  if (events.has(id)) detail.show(events.get(id));
  else detail.hide(); // or a decision would fall on the event before
  try {
    remember(await getEvent(id));
    if (mine === moves) detail.show(events.get(id));
  } catch (error) {
    if (mine === moves && !detail.open) {
      toast(error.message);
      go("/");
    }
  }
}

function showList() {
  const last = detail.event;
  detail.hide();
  byId("detail").hidden = true;
  byId("overview").hidden = false;
  window.scrollTo(0, scrolled);
  if (last && grid.has(last.id)) grid.cards.get(last.id).focus({ preventScroll: true });
}

function go(path) {
  if (path === "/") {
    const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
    if (query.size) path = `/?${query}`;
  }
  history.pushState(null, "", path);
  route();
}

function step(by) {
  if (!detail.open) return grid.move(by);
  const ids = grid.ids();
  const at = ids.indexOf(detail.event.id);
  // An event that a decision has just filtered out left its place to the next older one.
  const target = at >= 0 ? ids[at + by] : ids[by > 0 ? place : place - 1];
  if (target) go(`/events/${target}`);
}

async function nextToReview() {
  if (seeking === moves) return;
  const here = detail.event && detail.event.id;
  const shown = grid.ids().map((id) => events.get(id));
  let target = shown.find((event) => event.review.state === "unreviewed" && event.id !== here);
  if (!target) {
    const mine = (seeking = moves);
    try {
      const page = await listEvents({ camera: filter.camera, state: "unreviewed", size: 2 });
      target = page.events.find((event) => event.id !== here);
    } catch (error) {
      return toast(error.message);
    } finally {
      if (seeking === mine) seeking = -1;
    }
    if (mine !== moves) return;
    if (target) remember(target);
  }
  if (target) go(`/events/${target.id}`);
  else toast("Everything is reviewed.");
}

// --- decisions ---

// The live stream may show a decision before its own answer is here; taking back waits for the answer.
let deciding = Promise.resolve();

function decide(...decision) {
  // Whoever has asked for the next event means that one, and has not seen it yet.
  if (seeking === moves) return toast("Not recorded: the next event is not here yet.");
  deciding = record(...decision);
  return deciding;
}

async function record(state, event = detail.event, extra = {}) {
  if (!event) return;
  const before = event.review;
  const decision = detail.event === event ? detail.decision(state) : { state, type: "", comment: "", seen: before.state };
  try {
    const fresh = await review(event.id, { ...decision, reviewer: byId("reviewer").value.trim(), ...extra });
    onChange(fresh);
    undo = { event: fresh, before };
    const type = fresh.review.type ? ` as ${spoken(fresh.review.type)}` : "";
    toast(`${REVIEWS[state]}${type}.`, true);
  } catch (error) {
    toast(`Not recorded: ${error.message}`);
    if (error.status === 409) onChange(await getEvent(event.id));
  }
}

async function takeBack() {
  await deciding;
  if (!undo) return;
  const { event, before } = undo;
  undo = null;
  byId("toast").hidden = true;
  try {
    const decision = { state: before.state, type: before.type, comment: before.comment, reviewer: before.reviewer };
    onChange(await review(event.id, { ...decision, seen: event.review.state }));
    toast("Taken back.");
  } catch (error) {
    toast(`Not taken back: ${error.message}`);
  }
}

let toastTimer = 0;

function toast(text, undoable = false) {
  const node = byId("toast");
  say(node.firstElementChild, text);
  node.lastElementChild.hidden = !undoable;
  node.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    node.hidden = true;
    if (undoable) undo = null;
  }, undoable ? UNDO_MS : 5000);
}

// --- keys ---

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  arrowright: () => step(1),
  arrowleft: () => step(-1),
  n: nextToReview,
  u: takeBack,
  a: () => detail.open && decide("acknowledged"),
  c: () => detail.open && decide("confirmed"),
  r: () => detail.open && decide("rejected"),
  m: () => detail.open && detail.toggleMask(),
  t: () => detail.open && byId("type").focus(),
  q: () => detail.open && byId("question").focus(),
  "?": () => byId("help").showModal(),
};

document.addEventListener("keydown", (press) => {
  if (press.ctrlKey || press.metaKey || press.altKey || byId("help").open) return;
  const field = press.target.closest("input, select, textarea");
  if (press.key === "Escape") {
    if (field) field.blur();
    else if (!byId("detail").hidden) go("/");
    return;
  }
  if (field) return;
  if (detail.open && /^[0-9]$/.test(press.key)) return detail.zoomTo(Number(press.key));
  const action = KEYS[press.key.toLowerCase()];
  if (!action) return;
  press.preventDefault();
  action();
});

document.addEventListener("click", (click) => {
  const link = click.target.closest("a[data-route]");
  if (!link || click.ctrlKey || click.metaKey || click.shiftKey || click.button) return;
  click.preventDefault();
  go(new URL(link.href).pathname);
});

// --- start ---

byId("older").addEventListener("click", older);
byId("newer").addEventListener("click", () => step(-1));
byId("elder").addEventListener("click", () => step(1));
byId("next-open").addEventListener("click", nextToReview);
byId("keys").addEventListener("click", () => byId("help").showModal());
byId("toast").lastElementChild.addEventListener("click", takeBack);
byId("type").addEventListener("change", () => (detail.typed = true));
byId("reviewer").value = localStorage.getItem("reviewer") || "";
byId("reviewer").addEventListener("change", (change) => localStorage.setItem("reviewer", change.target.value));
window.addEventListener("popstate", route);

const asked = new URLSearchParams(location.search);
filter.camera = asked.get("camera") || "";
filter.state = asked.get("state") || "";
bar.select(filter);
keepTimes();
load();
route();
